"""Text of others, which can hold what controls a terminal or turns its direction."""

import re

_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def plain_text(text: str) -> str:
    """The text without such characters; lines and tabs stay."""
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)


def plain_line(text: str) -> str:
    """The text without such characters, in one line."""
    return plain_text(re.sub(r"\s+", " ", text))
