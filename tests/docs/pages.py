"""The code that stands in the documentation."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_BLOCK = re.compile(
    r"(?P<mark><!-- [^\n]*-->\n)?^```(?P<language>python|bash)\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


def code_of(page: Path) -> Iterator[tuple[str, str, str]]:
    """Give language, mark and text of the blocks of a page."""
    for match in _BLOCK.finditer(page.read_text(encoding="utf-8")):
        yield match["language"], match["mark"] or "", match["code"]


def blocks(page: Path, mark: str) -> list[str]:
    """List the blocks of a page that have this mark."""
    return [code for _, note, code in code_of(page) if mark in note]
