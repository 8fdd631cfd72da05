"""Text of others, which can hold what controls a terminal or turns its direction."""

import re

_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def plain_text(text: str) -> str:
    """The text without such characters; lines and tabs stay."""
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)


def plain_line(text: str) -> str:
    """The text without such characters, in one line."""
    return plain_text(re.sub(r"\s+", " ", text))


def counted(number: int, what: str) -> str:
    """So many things, in words: 1 image, 2 images."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def reason_beside(name: object, error: BaseException | str) -> str:
    """Why a file cannot be used, to stand beside its name, which is not repeated."""
    reason = str(error) or "there is not enough memory for it"
    start, found, rest = reason.partition(f"{name}: ")
    return rest if found and start.startswith("cannot read ") else reason
