"""The defaults that the user set in napari's preferences."""

import os
from typing import Any


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
