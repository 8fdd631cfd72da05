"""Layers side by side, in napari's grid mode."""

from collections.abc import Sequence
from typing import Any
from weakref import ref

from napari.layers import Layer

_FONT = 8  # points, so that long names fit a cell


class Tiling:
    """Shows some layers in the cells of a grid, and hides the others meanwhile."""

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._layers: list[ref[Layer]] = []
        self._hidden: list[ref[Layer]] = []
        self._on = False

    @property
    def ready(self) -> bool:
        """Whether there is anything to show side by side."""
        return len(self._present()) > 1

    def take(self, layers: Sequence[Layer]) -> None:
        """Choose what is shown side by side, in reading order."""
        if self._on:
            self.show(False)
        self._layers = [ref(layer) for layer in layers]

    def show(self, on: bool) -> None:
        """Show the layers side by side, or restore the view."""
        # The grid moved to the canvas with napari 0.9.
        grid = getattr(self._viewer, "canvas", self._viewer).grid
        if not on:
            if self._on:
                grid.enabled = False
                for layer in self._alive(self._hidden):
                    layer.visible = True
                for layer in self._present():
                    _label(layer, False)
            self._on, self._hidden = False, []
            return
        shown = self._present()
        others = [
            layer
            for layer in self._viewer.layers
            if layer.visible and not any(layer is one for one in shown)
        ]
        self._hidden += [ref(layer) for layer in others]
        for layer in others:
            layer.visible = False
        for layer in shown:
            layer.visible = True
            _label(layer, True)
        grid.stride = 1
        grid.shape = (-1, -1)
        grid.enabled = self._on = True
        self._viewer.reset_view()

    def forget(self) -> None:
        """Release all layers."""
        self._layers, self._hidden, self._on = [], [], False

    def _present(self) -> list[Layer]:
        return [x for x in self._alive(self._layers) if x in self._viewer.layers]

    @staticmethod
    def _alive(kept: list[ref[Layer]]) -> list[Layer]:
        found = [layer() for layer in kept]
        return [layer for layer in found if layer is not None]


def _label(layer: Layer, on: bool) -> None:
    """Show the name of a layer in its cell, or hide it again."""
    overlay = getattr(layer, "name_overlay", None)  # new in napari 0.7
    if overlay is not None:
        overlay.font_size = _FONT if on else type(overlay)().font_size
        overlay.visible = on
