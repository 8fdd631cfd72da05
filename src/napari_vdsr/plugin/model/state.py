"""What a panel remembers between openings."""

import contextlib
import json
from pathlib import Path
from typing import Any, TypeVar

from napari_vdsr.plugin.model.settings import Remembered

Kind = TypeVar("Kind", bound=Remembered)

_FIRST = "super-resolution"


def state_file(panel: str = _FIRST) -> Path:
    """The file in which a panel's settings are kept.

    Parameters
    ----------
    panel : str
        Its name.

    Returns
    -------
    Path
        In the user's configuration folder.
    """
    from platformdirs import user_config_path

    return user_config_path("napari-vdsr") / f"{panel}.json"


def load_settings(defaults: Kind, panel: str = _FIRST) -> Kind:
    """The settings of last time.

    Parameters
    ----------
    defaults : Settings
        For all that was not changed then.
    panel : str
        Whose settings they are.

    Returns
    -------
    Settings
        The defaults when nothing, or nothing readable, was saved.
    """
    values: Any = {}
    with contextlib.suppress(OSError, ValueError):
        values = json.loads(state_file(panel).read_text(encoding="utf-8"))
    return defaults.changed(values if isinstance(values, dict) else {})


def save_settings(settings: Kind, defaults: Kind, panel: str = _FIRST) -> None:
    """Keep what differs from the defaults, so that new defaults reach the rest.

    Parameters
    ----------
    settings : Settings
        To be found again at the next opening.
    defaults : Settings
        The preferences of napari.
    panel : str
        Whose settings they are.
    """
    path = state_file(panel)
    # A panel without a memory is better than one that does not work.
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".part")
        partial.write_text(
            json.dumps(settings.changes_from(defaults), indent=1), encoding="utf-8"
        )
        partial.replace(path)
