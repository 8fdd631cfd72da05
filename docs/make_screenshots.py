"""Take the pictures of the panel that the documentation shows.

    xvfb-run -a -s "-screen 0 1600x1200x24" python docs/make_screenshots.py

opens napari with an image that comes with scikit-image, presses the panel's own
buttons and writes ``docs/images/panel-*.png`` and ``docs/images/napari.png``.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from typing import Any

# Nobody's own settings are to be seen in the pictures, or changed by taking them.
os.environ["XDG_CONFIG_HOME"] = tempfile.mkdtemp()
os.environ["NAPARI_CONFIG"] = str(Path(os.environ["XDG_CONFIG_HOME"]) / "napari.yaml")

import napari
import numpy as np
from napari.components import ViewerModel
from qtpy.QtCore import Qt
from qtpy.QtGui import QPainter, QPixmap
from qtpy.QtWidgets import QApplication, QWidget
from skimage import data

from napari_vdsr.imaging.resample import resize
from napari_vdsr.plugin.enlarge.panel import SuperResolution

IMAGES = Path(__file__).parent / "images"
PANEL_WIDTH, WIDE = 300, 450
GAP = 12  # between the pictures of a sheet
WINDOW = (1280, 860)


def main() -> None:
    """Take all pictures."""
    IMAGES.mkdir(exist_ok=True)
    viewer = napari.Viewer()
    panel = SuperResolution(viewer)
    dock = open_at_the_right(viewer, panel, "Super-resolution")
    panel.form["factor"].value = "3"
    panel.form["tile"].value = "256"  # so that the bar moves on a small image, too
    add_tissue(viewer)
    window = panel.window()
    wait_until(lambda: panel.controls.message.text().endswith(" s"), "the estimate")
    viewer.reset_view()
    wait(1)
    take(panel, "panel-before")
    panel.controls.button.click()
    wait_until(lambda: panel.controls.bar.value() > 0, "the first tile")
    wait(0.2)
    take(panel, "panel-during")
    wait_until(lambda: not panel.running, "the result")
    viewer.scene.camera.zoom *= 2.2
    panel.controls.compare.value = "split"
    wait(1)
    take(panel, "panel-after")
    take(window, "napari", crop=False)
    panel.settings = panel.settings.changed({"more": True, "ensemble": True})
    wait_until(lambda: panel.idle, "the estimate")
    take_looks(viewer, panel, dock, "panel-advanced")
    viewer.close()


def open_at_the_right(viewer: napari.Viewer, panel: QWidget, name: str) -> Any:
    """Open a panel of the usual width in a window of the usual size; gives its dock."""
    dock = viewer.window.add_dock_widget(panel, name=name, area="right")
    window: Any = panel.window()
    window.resize(*WINDOW)
    wait(0.5)
    window.resizeDocks([dock], [PANEL_WIDTH], Qt.Orientation.Horizontal)
    return dock


def add_tissue(viewer: ViewerModel) -> None:
    """Add stained tissue at half its resolution, as a coarser camera sees it."""
    tissue = data.immunohistochemistry()[:400, :400]
    size = tissue.shape[0] // 2
    reduced = resize(np.moveaxis(tissue, -1, 0), (size, size))
    viewer.add_image(
        np.moveaxis(reduced, 0, -1).round().clip(0, 255).astype(np.uint8),
        rgb=True,
        name="tissue",
        scale=(0.5, 0.5),
        units=("um", "um"),
    )


def take(widget: QWidget, name: str, crop: bool = True) -> None:
    """Write a picture of a widget, by default without the empty part below it."""
    write(cropped(widget) if crop else widget.grab(), name)


def take_looks(viewer: napari.Viewer, panel: QWidget, dock: Any, name: str) -> None:
    """Write a picture of a panel in both themes at both widths, side by side."""
    looks = []
    for theme in ("dark", "light"):
        viewer.theme = theme
        for width in (PANEL_WIDTH, WIDE):
            panel.window().resizeDocks([dock], [width], Qt.Orientation.Horizontal)
            wait(1)
            looks.append(cropped(panel))
    edges = [0, *accumulate(look.width() + GAP for look in looks)]
    sheet = QPixmap(edges[-1] - GAP, max(look.height() for look in looks))
    sheet.fill(Qt.GlobalColor.transparent)
    painter = QPainter(sheet)
    for edge, look in zip(edges, looks, strict=False):
        painter.drawPixmap(edge, 0, look)
    painter.end()
    write(sheet, name)


def cropped(widget: QWidget) -> QPixmap:
    """A picture of a widget without the empty part below it."""
    picture = widget.grab()
    return picture.copy(0, 0, picture.width(), used_height(widget))


def write(picture: QPixmap, name: str) -> None:
    """Write a picture for the documentation."""
    picture.save(str(IMAGES / f"{name}.png"))
    print(f"docs/images/{name}.png: {picture.width()} x {picture.height()} pixels")


def used_height(widget: QWidget) -> int:
    """Lower edge of the lowest thing in a widget, and a margin."""
    children = [
        child
        for child in widget.findChildren(QWidget)
        if child.isVisibleTo(widget) and not child.findChildren(QWidget)
    ]
    bottoms = [child.mapTo(widget, child.rect().bottomLeft()).y() for child in children]
    return max(bottoms) + 10


def wait(seconds: float) -> None:
    """Let the window live on."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.01)


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 120) -> None:
    """Let the window live on until something has happened."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"waited {seconds:g} s in vain for {what}")
        wait(0.05)


if __name__ == "__main__":
    main()
