"""Fields to choose layers with, and the form that holds fields."""

from collections.abc import Sequence
from typing import Any

from magicgui.widgets import ComboBox, Widget
from napari.layers import Image
from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QFormLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QWidget,
)

from napari_vdsr.plugin.scoring.tooltips import TOOLTIPS

_ROWS = 4  # visible rows of the layer list


def choice(name: str, choices: Sequence[tuple[str, Any]] = ()) -> ComboBox:
    """Make a field of (text, value) choices that does not widen the panel.

    Its tooltip is found by its name.
    """
    box = ComboBox(name=name, tooltip=TOOLTIPS[name], choices=list(choices))
    native: Any = box.native
    native.setMinimumContentsLength(6)
    native.setSizeAdjustPolicy(
        native.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
    )
    return box


def offer(box: ComboBox, choices: Sequence[tuple[str, Any]], usual: Any = None) -> None:
    """Replace a field's (text, value) choices and keep its value, even if renamed.

    Where that value is gone, `usual` is chosen, by default the first one.
    """
    before = box.value
    with box.changed.blocked():
        box.choices = list(choices)
        if any(value is before for _, value in choices):
            box.value = before
        elif usual is not None:
            box.value = usual
    if box.value is not before:
        box.changed.emit(box.value)


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


class FieldForm(QWidget):
    """Fields below one another, with their labels in one column.

    `rows` are (label, field). A label that is a question stands above its field, as it
    is long.
    """

    def __init__(self, rows: Sequence[tuple[str, Widget | QWidget]]) -> None:
        super().__init__()
        layout = QFormLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setVerticalSpacing(5)
        layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for label, field in rows:
            native = field.native if isinstance(field, Widget) else field
            if label.endswith("?"):
                layout.addRow(QLabel(label))
                layout.addRow(native)
            else:
                layout.addRow(label, native)


def mark(field: Widget | QWidget, colour: str) -> None:
    """Draw a frame around a field that is wrong; an empty colour removes it."""
    native: Any = field.native if isinstance(field, Widget) else field
    kind = type(native).__mro__[0].__name__
    style = f"{kind} {{ border: 1px solid {colour}; }}" if colour else ""
    if native.styleSheet() != style:
        native.setStyleSheet(style)
