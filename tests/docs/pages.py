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


def blocks(page: Path, language: str, mark: str = "") -> Iterator[str]:
    """Give the blocks of a page that have this mark, without those that never run."""
    for match in _BLOCK.finditer(page.read_text(encoding="utf-8")):
        note = match["mark"] or ""
        if match["language"] == language and mark in note and "not run" not in note:
            yield match["code"]
