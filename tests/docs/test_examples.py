"""Every python block of the README and of docs/ runs as it stands: the blocks of one file in order, in one fresh process. Every sh block that calls
the firesteel command runs too. A block after the line <!-- not run --> is left out."""
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"(<!-- not run -->\n)?```(python|sh)\n(.*?)```", re.S)


def blocks(page: Path) -> list[tuple[str, str]]:
    return [(language, text) for skip, language, text in BLOCK.findall(page.read_text()) if not skip]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_examples(page: Path, tmp_path: Path) -> None:
    program, commands = [], []
    for language, text in blocks(page):
        if language == "python":
            program.append(text)
        elif "firesteel " in text:
            commands.append(text)
    env = {**os.environ, "PATH": f"{ROOT / 'build'}:{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT / "python")}
    work = tmp_path / "work"
    work.mkdir()
    for name in ("examples", "build", "tests"):
        (work / name).symlink_to(ROOT / name)
    for command, text in [([sys.executable, "-"], "\n".join(program)), (["sh", "-eu"], "\n".join(commands))]:
        if text:
            done = subprocess.run(command, input=text, cwd=work, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=900)
            assert done.returncode == 0, done.stdout[-5000:]


def test_readme_has_a_program() -> None:
    assert any("NNClassifier" in text for language, text in blocks(ROOT / "README.md") if language == "python")
