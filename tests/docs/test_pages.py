"""docs/layers.md and docs/errors.md say what the engine says; every link in a page leads somewhere."""
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]


def anchors(page: Path) -> set[str]:
    """The anchors that headings have on GitHub."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("name", ["layers.md", "errors.md"])
def test_page_is_up_to_date(name: str, tmp_path: Path) -> None:
    subprocess.run([sys.executable, ROOT / "tools/catalog_docs", tmp_path], check=True)
    assert (ROOT / "docs" / name).read_text() == (tmp_path / name).read_text(), f"docs/{name} is old: run tools/catalog_docs"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", page.read_text()):
        path, _, anchor = target.partition("#")
        there = page.parent / path if path else page
        assert there.exists(), f"{page.name} links to {target}, which is not there"
        assert not anchor or anchor in anchors(there), f"{page.name} links to {target}; {there.name} has no such heading"
