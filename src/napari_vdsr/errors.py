"""The errors and warnings that this package raises on purpose, and words for them.

Each message says which value was wrong, what is allowed and what to do. A user
interface shows them without a traceback; anything else is a fault of ours.
"""

import re

# What controls a terminal or turns the direction of its text.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class VdsrError(Exception):
    """Anything that went wrong for a reason we can name."""


class InputError(VdsrError, ValueError):
    """An argument or an image cannot be used as it is given."""


class FileError(VdsrError, OSError):
    """A file cannot be read or written."""


class ModelError(VdsrError):
    """A model is unknown, damaged or of a kind that cannot be used here."""


class FetchError(ModelError):
    """The weights of a model could not be fetched or verified."""


class Cancelled(VdsrError):
    """The user stopped the work; nothing half-done is left behind."""


class VdsrWarning(UserWarning):
    """Something went on differently from what was asked for."""


def plain_text(text: str) -> str:
    """The text of others without what controls a terminal; lines and tabs stay."""
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)


def plain_line(text: str) -> str:
    """The same in one line."""
    return plain_text(re.sub(r"\s+", " ", text))


def counted(number: int, what: str) -> str:
    """So many things, in words: 1 image, 2 images."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def reason_beside(name: object, error: BaseException | str) -> str:
    """Why a file cannot be used, to stand beside its name, which is not repeated."""
    reason = str(error) or "there is not enough memory for it"
    start, found, rest = reason.partition(f"{name}: ")
    return rest if found and start.startswith("cannot read ") else reason
