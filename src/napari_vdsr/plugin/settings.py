"""What panels are set to: their fields, what they remember, and the preferences."""

import contextlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Self, TypeVar

from napari_vdsr.errors import Cancelled, InputError, VdsrError, plain_line
from napari_vdsr.plugin.jobs import sentence

PRECISIONS = ("auto", "float32", "bfloat16", "float16")
WAIT = "Getting ready …"  # until a thread has found out what there is

T = TypeVar("T", bool, int, float, str)

_SHOWN = "shown"  # key in the metadata of a field
_FIRST = "super-resolution"  # the panel meant by default


class FieldError(InputError):
    """A field has a wrong value; the message says what to do."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(plain_line(message))  # names of layers may hold breaks
        self.field = field


@contextlib.contextmanager
def blame(field: str) -> Iterator[None]:
    """Turn an error of the library into the FieldError of a field."""
    try:
        yield
    except (Cancelled, FieldError):
        raise
    except VdsrError as error:
        raise FieldError(field, sentence(error)) from error


@dataclass(frozen=True)
class Remembered:
    """Settings that a file keeps between two openings of a panel."""

    def changes_from(self, other: "Remembered") -> dict[str, Any]:
        """Values that differ from others, usually the defaults, by field name."""
        theirs = asdict(other)
        return {name: v for name, v in asdict(self).items() if v != theirs[name]}

    def changed(self, values: Mapping[str, Any]) -> Self:
        """These settings with some values replaced, by field name.

        Unknown names and wrong types are ignored, as an older or newer version may have
        written the file; older ones kept numbers as text.
        """
        mine = asdict(self)
        for item in fields(self):
            value, kind = values.get(item.name), type(mine[item.name])
            if kind in (int, float) and isinstance(value, int | float | str):
                with contextlib.suppress(ValueError, OverflowError):
                    mine[item.name] = kind(value)
            elif isinstance(value, kind):
                mine[item.name] = value
        return replace(self, **mine)


# What a form shows


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
    return field(default=default, metadata={_SHOWN: Shown(label, tooltip, **more)})


def shown_fields(settings: Any) -> dict[str, Shown]:
    """The fields of a settings dataclass that a form shows, by name, in order."""
    return {
        name: item.metadata[_SHOWN]
        for name, item in settings.__dataclass_fields__.items()
        if _SHOWN in item.metadata
    }


_BETWEEN = re.compile(r"[,;×]|x\s*(?=[\d.])", re.IGNORECASE)  # numbers
_PAIR = re.compile(r"([\d.]+),(\d[\d.]*)")


def read_numbers(
    name: str, text: str, what: str, example: str, typed: str = ""
) -> list[float]:
    """Read numbers such as "2, 3, 4", "2; 3", "2 × 3" or "×2".

    "2,5" may mean one number or two, so it is refused. Raises FieldError of that name,
    with all that was `typed` where the text is a part of it.
    """
    said = (typed or text).strip()
    pair = _PAIR.search(text)
    if pair:
        one, two = (said.replace(pair[0], m.join(pair.groups())) for m in (".", ", "))
        raise FieldError(
            name,
            f"'{said}' may be one number or two: type {one} for one, or {two} for two.",
        )
    try:
        parts = [part.strip(" xX") for part in _BETWEEN.split(text)]
        values = [float(part) for part in parts if part]
    except ValueError:
        values = []
    if values:
        return values
    wrong = f"The {what} is '{said}'" if said else f"There is no {what} yet"
    raise FieldError(name, f"{wrong}: type {example}.")


# What is kept between two openings of a panel

Kind = TypeVar("Kind", bound=Remembered)


def state_file(panel: str = _FIRST) -> Path:
    """A panel's settings file in the user's configuration folder."""
    from platformdirs import user_config_path

    return user_config_path("napari-vdsr") / f"{panel}.json"


def saved_values(panel: str = _FIRST) -> dict[str, Any]:
    """What was saved last time, by field name; empty where nothing can be read."""
    values: Any = {}
    with contextlib.suppress(OSError, ValueError):
        values = json.loads(state_file(panel).read_text(encoding="utf-8"))
    return values if isinstance(values, dict) else {}


def save_settings(settings: Kind, defaults: Kind, panel: str = _FIRST) -> None:
    """Save what differs from the defaults, so that new defaults reach the rest."""
    path = state_file(panel)
    # The panel has to work even if its settings cannot be saved.
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".part")
        partial.write_text(
            json.dumps(settings.changes_from(defaults), indent=1), encoding="utf-8"
        )
        partial.replace(path)


# What the user set in napari's preferences


def preferred() -> dict[str, str]:
    """Model, device and precision, as far as napari has preferences of plugins.

    The first call takes long, as napari reads all plugins' manifests again: panels make
    it in a thread.
    """
    chosen = _preferences()
    names = ("model", "device", "precision")
    values = {name: getattr(chosen, name, None) for name in names}
    return {name: value for name, value in values.items() if value}


def apply_cache_folder() -> None:
    """Tell the model store about the folder set in the preferences.

    An environment variable set outside napari wins: it is meant for this session.
    """
    folder = getattr(_preferences(), "cache", "")
    if folder:
        os.environ.setdefault("NAPARI_VDSR_CACHE", folder)


def _preferences() -> Any:
    """The preferences of this plugin, or None."""
    try:
        # New in napari 0.9.
        from napari.settings import get_plugin_settings
    except ImportError:
        return None
    try:
        return getattr(get_plugin_settings("napari-vdsr"), "defaults", None)
    except KeyError:  # the plugin runs from a script, without its manifest
        return None
