"""docs/add-a*.md followed as they are written, each in a copy of the tree: a block headed by a path is a new file, a line for a sorted list, or a class at
the end of a module; then the commands run."""
import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs").glob("add-a*.md"))
BLOCK = re.compile(r"```(c|list|python|sh) (\S+)\n(.*?)```", re.S)


def follow(kind: str, path: Path, text: str) -> None:
    if kind == "c":
        assert not path.exists()
        path.write_text(text)
    elif kind == "list":
        lines = path.read_text().splitlines()
        at = next((i for i, line in enumerate(lines) if i and line > text.strip()), len(lines))
        path.write_text("\n".join([*lines[:at], text.strip(), *lines[at:]]) + "\n")
    else:
        path.write_text(path.read_text().rstrip() + "\n\n\n" + text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_followed(page: Path, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    files = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE).stdout.split("\n")
    subprocess.run(["cp", "--parents", "-t", str(tree), *(name for name in files if name and (ROOT / name).is_file())], cwd=ROOT, check=True)
    (tree / ".venv").symlink_to(ROOT / ".venv")
    (tree.parent / "shared").symlink_to(ROOT.parent / "shared")
    env = {**os.environ, "PATH": f"{ROOT}/.venv/bin:{os.environ['PATH']}", "PYTHONPATH": str(tree / "python")}
    blocks = BLOCK.findall(page.read_text())
    assert [kind for kind, _, _ in blocks][-1] == "sh"
    for kind, path, text in blocks:
        if kind != "sh":
            follow(kind, tree / path, text)
            continue
        for command in text.strip().splitlines():
            done = subprocess.run(command, shell=True, cwd=tree, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            assert done.returncode == 0, f"{command}\n{done.stdout[-5000:]}"
