"""What can be wrong with what a user gives: errors, words for them, and checks.

Each message says which value was wrong, what is allowed and what to do. A user
interface shows them without a traceback; anything else is a fault of ours.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields
from numbers import Integral, Real
from typing import Any, TypeGuard

# What controls a terminal or turns the direction of its text.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
# From the start of a gap on: from each of its places would take very long.
_BREAKS = re.compile("(?<!\\s)\\s*[\n-\r\x1c-\x1e\x85\u2028\u2029]\\s*|\t")


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
    """The same in one line: names of files may hold breaks."""
    return plain_text(_BREAKS.sub(" ", text))


def with_null(value: Any) -> Any:
    """The same for JSON, which has no word for infinity and NaN: they become None."""
    if isinstance(value, dict):
        return {key: with_null(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [with_null(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def picked(report: object, names: str) -> dict[str, Any]:
    """Attributes of a report by their names, which are parted by spaces."""
    return {name: with_null(getattr(report, name)) for name in names.split()}


def counted(number: int, what: str) -> str:
    """So many things, in words: 1 image, 2 images."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def reason_beside(name: object, error: BaseException | str) -> str:
    """Why a file cannot be used, to stand beside its name, which is not repeated."""
    reason = str(error) or "there is not enough memory for it"
    start, found, rest = reason.partition(f"{name}: ")
    return rest if found and start.startswith("cannot read ") else reason


def is_number(value: object) -> bool:
    """Whether something is a real number; truth values are none."""
    return isinstance(value, Real) and not isinstance(value, bool)


def is_whole(value: object) -> bool:
    """Whether something is a whole number; truth values are none."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def _is_truth_value(value: object) -> bool:
    """Whether something is true or false, also of numpy 1 (bool_) or 2 (bool)."""
    return isinstance(value, bool) or type(value).__name__ in ("bool", "bool_")


def is_several(values: object) -> TypeGuard[Iterable[Any]]:
    """Whether it is a collection; texts and arrays without an axis are none."""
    several = isinstance(values, Iterable) and not isinstance(values, str)
    return several and getattr(values, "ndim", 1) != 0


def plain_fields(settings: Any) -> None:
    """Turn numbers of numpy in the fields of a dataclass into those of Python.

    The others are no JSON, and small ones overflow when they are multiplied.
    """
    for field in fields(settings):
        object.__setattr__(settings, field.name, _plain(getattr(settings, field.name)))


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return type(value)(map(_plain, value))
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if _is_truth_value(value):
        return bool(value)
    if isinstance(value, Integral):
        return int(value)
    return float(value) if isinstance(value, Real) else value


def checked_switch(name: str, value: Any) -> bool:
    """True or False, also of numpy; raise `InputError` for everything else."""
    if _is_truth_value(value):
        return bool(value)
    raise InputError(f"{name} is {value!r}: it must be True or False")


def checked_rgb(value: Any) -> bool | None:
    """Whether there are colours, None if nobody says so."""
    if value is None or _is_truth_value(value):
        return None if value is None else bool(value)
    raise InputError(f"rgb is {value!r}: it can be True, False or None")


def require_text(name: str, value: Any) -> None:
    """Raise `InputError` unless a value is a text."""
    if not isinstance(value, str):
        raise InputError(f"{name} is {value!r}: it must be a text")


def require_choice(name: str, value: Any, choices: Iterable[str]) -> None:
    """Raise `InputError` unless a value is one of some words."""
    allowed = tuple(choices)
    if not (isinstance(value, str) and value in allowed):
        raise InputError(f"{name} is {value!r}: choose {', '.join(allowed)}")


def require_positive(name: str, value: Any) -> None:
    """Raise `InputError` unless a value is a finite number above 0."""
    if not (is_number(value) and 0 < value < math.inf):
        raise InputError(f"{name} is {value!r}: it must be a positive number")


def check_progress(progress: object) -> None:
    """Raise InputError for what is no progress bar; None is none."""
    able = all(callable(getattr(progress, name, None)) for name in ("reset", "update"))
    if progress is not None and (isinstance(progress, type) or not able):
        raise InputError(
            f"progress is {progress!r}: give a tqdm-like object, with reset and "
            "update, such as tqdm.tqdm(), or leave it out"
        )
