"""Menu commands that enlarge the active layer at one click."""

from typing import TYPE_CHECKING

from napari.utils.notifications import show_warning
from napari.viewer import Viewer

from napari_vdsr.plugin.widgets.panel import dock_of

if TYPE_CHECKING:
    from napari_vdsr.plugin.enlarge.panel import SuperResolution

# As napari's menu calls it, so that the menu knows that it is open.
_NAME = "Super-resolution (VDSR super-resolution)"


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
    panel = _panel(viewer)
    if not _is_busy(panel):
        panel.settings = panel.settings.changed({"model": model})


def _upscale(viewer: Viewer, factor: str) -> None:
    """Press Run in the panel, which shows the progress and can cancel."""
    panel = _panel(viewer)
    if not _is_busy(panel):
        panel.upscale_active(factor)


def _is_busy(panel: "SuperResolution") -> bool:
    """Whether a run is going on, and say so; a panel that failed says why itself."""
    if panel.closed:
        return True
    if panel.running:
        show_warning("A run is going on: wait for its end, or cancel it.")
    return panel.running


def _panel(viewer: Viewer) -> "SuperResolution":
    """The panel that is open, in front; or a new one, under its name in the menu."""
    # Not above: the training panel opens without it.
    from napari_vdsr.plugin.enlarge.panel import SuperResolution

    open_ones = viewer.window.dock_widgets.values()
    for panel in open_ones:
        if isinstance(panel, SuperResolution):
            break
    else:
        panel = SuperResolution(viewer)
        viewer.window.add_dock_widget(panel, name=_NAME)
    dock = dock_of(panel)
    if dock is not None:
        dock.show()
        dock.raise_()
    return panel
