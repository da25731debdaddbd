"""Every example of the README and of docs/ runs as it stands, in an empty folder that has links to examples/, build/ and include/.

The python blocks of a page run in order, in one fresh process. Every c block whose first line is `/* name.c - ...` is a program: it is kept as name.c,
must compile without a warning and end with 0. Then the sh blocks that call the firesteel command or the compiler run in order; a line that ends in
`# exit N` must fail with that exit code. A block after the line <!-- not run --> is left out.
"""
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"(<!-- not run -->\n)?```(python|sh|c)\n(.*?)```", re.S)


def blocks(page: Path) -> list[tuple[str, str]]:
    return [(language, text) for skip, language, text in BLOCK.findall(page.read_text()) if not skip]


def run(what: str, command: list[str], folder: Path, text: str = "") -> None:
    """One command that must end with 0."""
    env = {**os.environ, "PATH": f"{ROOT / 'build'}:{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT / "python"), "PYSPARK_PYTHON": sys.executable}
    done = subprocess.run(command, input=text, cwd=folder, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=900)
    assert done.returncode == 0, f"{what} ends with {done.returncode}\n{done.stdout[-5000:]}"


def shell(text: str) -> str:
    """`command  # exit 2` becomes a command that fails unless it exits with 2."""
    return re.sub(r"^(.+?) +# exit (\d+)$", r'code=0; \1 || code=$?; [ $code = \2 ] || { echo "exit $code, expected \2"; exit 1; }', text, flags=re.M)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    work = tmp_path / "work"
    work.mkdir()
    for name in ("examples", "build", "include", "tests"):
        (work / name).symlink_to(ROOT / name)
    return work


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_examples(page: Path, folder: Path) -> None:
    found = blocks(page)
    program = "\n".join(text for language, text in found if language == "python")
    if program:
        run("python", [sys.executable, "-"], folder, program)
    for text in (text for language, text in found if language == "c"):
        name = re.match(r"/\* (\w+)\.c - ", text)
        assert name, f"a c block of {page.name} does not begin with its file's name: {text[:60]}"
        (folder / f"{name[1]}.c").write_text(text)
        run(f"gcc {name[1]}.c", ["gcc", "-std=c17", "-Wall", "-Wextra", "-Wshadow", "-Werror", f"{name[1]}.c", "-Iinclude", "-Lbuild", f"-Wl,-rpath,{ROOT / 'build'}", "-lfiresteel",
                                  "-o", f"checked_{name[1]}"], folder)
        run(name[1], [f"./checked_{name[1]}"], folder)
    commands = "\n".join(text for language, text in found if language == "sh" and re.search(r"^(firesteel|gcc) ", text, re.M))
    if commands:
        run("sh", ["sh", "-eu"], folder, shell(commands))


def test_readme_has_a_program() -> None:
    assert any("NNClassifier" in text for language, text in blocks(ROOT / "README.md") if language == "python")


def test_a_wrong_example_is_seen(folder: Path) -> None:
    """The judge itself: wrong exit codes, exceptions and warnings are failures."""
    run("sh", ["sh", "-eu"], folder, shell("firesteel nothing  # exit 1\n"))
    for command, text in [(["sh", "-eu"], shell("firesteel ops  # exit 1\n")), (["sh", "-eu"], shell("firesteel nothing\n")), ([sys.executable, "-"], "assert 0")]:
        with pytest.raises(AssertionError):
            run("wrong", command, folder, text)
