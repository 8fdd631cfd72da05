"""What a panel remembers between openings."""

import contextlib
import json
from pathlib import Path
from typing import Any, TypeVar

from napari_vdsr.plugin.model.settings import Remembered

Kind = TypeVar("Kind", bound=Remembered)

_FIRST = "super-resolution"


def state_file(panel: str = _FIRST) -> Path:
    """A panel's settings file in the user's configuration folder."""
    from platformdirs import user_config_path

    return user_config_path("napari-vdsr") / f"{panel}.json"


def load_settings(defaults: Kind, panel: str = _FIRST) -> Kind:
    """The settings of last time; the defaults where nothing readable was saved."""
    values: Any = {}
    with contextlib.suppress(OSError, ValueError):
        values = json.loads(state_file(panel).read_text(encoding="utf-8"))
    return defaults.changed(values if isinstance(values, dict) else {})


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
