"""A list of image layers to tick."""

from collections.abc import Sequence

from napari.layers import Image
from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QListWidget,
    QListWidgetItem,
)

from napari_vdsr.plugin.scoring.tooltips import TOOLTIPS

_ROWS = 4  # visible rows of the layer list


class LayerList(QListWidget):
    """Image layers to tick; emits ``itemChanged`` when one is."""

    def __init__(self) -> None:
        super().__init__()
        self._layers: list[Image] = []
        self._line = self.fontMetrics().height() + 4
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setToolTip(TOOLTIPS["layers"])
        self.setAccessibleName("Layers")

    @property
    def chosen(self) -> list[Image]:
        """The ticked layers."""
        return [
            layer
            for row, layer in enumerate(self._layers)
            if self._item(row).checkState() == Qt.CheckState.Checked
        ]

    def tick(self, layer: Image, on: bool = True) -> None:
        """Tick or untick a layer of the list."""
        state = Qt.CheckState.Checked if on else Qt.CheckState.Unchecked
        self._item(self._layers.index(layer)).setCheckState(state)

    def offer(self, layers: Sequence[Image]) -> None:
        """Replace the layers and keep the ticks."""
        before = self.chosen
        self.blockSignals(True)
        self.clear()
        self._layers = list(layers)
        for layer in layers:
            item = QListWidgetItem(layer.name, self)
            item.setSizeHint(QSize(0, self._line))
            item.setToolTip(layer.name)
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable)
            on = any(layer is other for other in before)
            item.setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)
        self.blockSignals(False)
        rows = max(1, min(_ROWS, len(self._layers)))
        self.setFixedHeight(rows * self._line + 2 * self.frameWidth() + 4)

    def _item(self, row: int) -> QListWidgetItem:
        item = self.item(row)
        assert item is not None
        return item
