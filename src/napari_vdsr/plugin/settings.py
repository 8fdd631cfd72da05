"""What panels are set to, and what they remember between two openings."""

import contextlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Self, TypeVar

from napari_vdsr.errors import InputError

PRECISIONS = ("auto", "float32", "bfloat16", "float16")
WAIT = "Getting ready …"  # until a thread has found out what there is


class FieldError(InputError):
    """A field has a wrong value; the message says what to do."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


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
                with contextlib.suppress(ValueError):
                    mine[item.name] = kind(value)
            elif isinstance(value, kind):
                mine[item.name] = value
        return replace(self, **mine)


Kind = TypeVar("Kind", bound=Remembered)

_FIRST = "super-resolution"


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
