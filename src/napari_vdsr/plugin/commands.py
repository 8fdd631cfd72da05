"""Menu commands that enlarge the active layer at one click."""

from napari.utils.notifications import show_warning
from napari.viewer import Viewer

_PLUGIN = "napari-vdsr"
_PANEL = "Super-resolution"


def upscale_x2(viewer: Viewer) -> None:
    """Enlarge the active layer two times."""
    _upscale(viewer, "2")


def upscale_x3(viewer: Viewer) -> None:
    """Enlarge the active layer three times."""
    _upscale(viewer, "3")


def upscale_x4(viewer: Viewer) -> None:
    """Enlarge the active layer four times."""
    _upscale(viewer, "4")


def open_with_model(viewer: Viewer, model: str) -> None:
    """Open the panel with this model chosen."""
    _, panel = viewer.window.add_plugin_dock_widget(_PLUGIN, _PANEL)
    if not panel.running:
        panel.settings = panel.settings.changed({"model": model})


def _upscale(viewer: Viewer, factor: str) -> None:
    """Press Run in the panel, which shows the progress and can cancel."""
    _, panel = viewer.window.add_plugin_dock_widget(_PLUGIN, _PANEL)
    if panel.running:
        show_warning("A run is going on: wait for its end, or cancel it.")
        return
    panel.upscale_active(factor)
