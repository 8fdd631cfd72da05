"""Checks of values that users give; each error names the value and what is allowed."""

import math
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

from napari_vdsr.errors import InputError


def is_number(value: object) -> bool:
    """Whether something is a real number; truth values are none."""
    return isinstance(value, Real) and not isinstance(value, bool)


def is_whole(value: object) -> bool:
    """Whether something is a whole number; truth values are none."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def _is_truth_value(value: object) -> bool:
    """Whether something is true or false, also of numpy 1 (bool_) or 2 (bool)."""
    return isinstance(value, bool) or type(value).__name__ in ("bool", "bool_")


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
