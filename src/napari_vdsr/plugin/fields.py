"""What a form is told about a field of settings, and how typed numbers are read."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from napari_vdsr.plugin.settings import FieldError

T = TypeVar("T", bool, int, float, str)

_KEY = "shown"


@dataclass(frozen=True)
class Shown:
    """How a form shows one field; the type of its default decides on the widget.

    Text is typed, or chosen where there are `choices`; numbers have a spin box, truth
    values a box to tick.
    """

    label: str  # also the accessible name; a question stands above its field
    tooltip: str
    row: str = ""  # label of the row, where it is not that of the field
    beside: bool = False  # in the row of the field before it
    when: Callable[[Any], bool] = lambda settings: True  # whether the field matters
    choices: Mapping[str, str] | None = None  # from text to value
    least: float = 0
    most: float = 1e9
    blank: str = ""  # what the least number, or no text, is shown as
    folder: bool = False  # the text is that of a folder
    fold: bool = False  # opens and closes all fields that follow


def shown(default: T, label: str, tooltip: str = "", **more: Any) -> T:
    """Make a field of a settings dataclass that a form shows; `more` is as in Shown."""
    return field(default=default, metadata={_KEY: Shown(label, tooltip, **more)})


def shown_fields(settings: Any) -> dict[str, Shown]:
    """The fields of a settings dataclass that a form shows, by name, in order."""
    return {
        name: item.metadata[_KEY]
        for name, item in settings.__dataclass_fields__.items()
        if _KEY in item.metadata
    }


def read_numbers(name: str, text: str, what: str, example: str) -> list[float]:
    """Read numbers that are separated by ", " or ";", such as "2, 3, 4".

    "2,5" may mean one number or two, so it is refused. Raises FieldError of that name.
    """
    if re.search(r"\d,\d", text):
        pair = re.search(r"[\d.]+,\d+", text)
        said = pair[0] if pair else text
        raise FieldError(
            name,
            f"'{said}' may be one number or two: type {said.replace(',', '.')} for "
            f"one, or {said.replace(',', ', ')} for two.",
        )
    try:
        values = [
            float(part.strip().lstrip("×x"))
            for part in re.split("[,;]", text)
            if part.strip()
        ]
    except ValueError:
        values = []
    if values:
        return values
    wrong = f"The {what} is '{text}'" if text.strip() else f"There is no {what} yet"
    raise FieldError(name, f"{wrong}: type {example}.")
