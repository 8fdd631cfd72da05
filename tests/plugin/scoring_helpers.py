"""What the tests of the PSNR panel share."""

from collections.abc import Callable
from typing import Any

import numpy as np
from skimage import data

from napari_vdsr.plugin.scores.panel import Psnr
from napari_vdsr.plugin.scores.tab import Tab

OpenPsnr = Callable[[], Psnr]
Wait = Callable[[Tab], None]

CAMERA = data.camera()[90:130, 200:248]


class Caught:
    """A tab, up to date with the viewer whenever it is asked something."""

    def __init__(self, panel: Psnr, name: str) -> None:
        self._panel, self._name = panel, name

    def __getattr__(self, name: str) -> Any:
        tab = getattr(self._panel, self._name)
        if not tab.running:
            self._panel.catch_up()
        return getattr(tab, name)


def stack(count: int = 3) -> np.ndarray[Any, Any]:
    """A small stack of 12-bit counts."""
    camera = data.camera().astype(np.uint16) * 16
    return np.stack([camera[90 + 9 * i :, 200:][:40, :48] for i in range(count)])


def names(viewer: Any) -> list[str]:
    return [layer.name for layer in viewer.layers]


def texts(table: Any) -> list[list[str]]:
    """All that a table shows, row by row."""
    return [
        [table.item(row, column).text() for column in range(table.columnCount())]
        for row in range(table.rowCount())
    ]
