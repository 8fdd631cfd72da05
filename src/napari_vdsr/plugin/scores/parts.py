"""What the tabs are made of: a button with its progress, and a list of layers."""

from collections.abc import Sequence

from napari.layers import Image
from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_vdsr.plugin.jobs import Tick
from napari_vdsr.plugin.scores.tooltips import TOOLTIPS
from napari_vdsr.plugin.widgets.colours import colour_words
from napari_vdsr.plugin.widgets.elements import (
    BAR_STEPS,
    BUTTON_HEIGHT,
    breakable,
    keep_slim,
    let_wrap,
)
from napari_vdsr.plugin.words import words_of


def words_label() -> QLabel:
    """Make a label that wraps its words and never widens the panel."""
    label = QLabel()
    let_wrap(label)
    return label


class WorkView(QWidget):
    """A button to start or cancel work, with a message and a progress bar.

    `text` is that of the idle button, `tooltip` a key of the table; `others` stand
    beside the button.
    """

    def __init__(self, text: str, tooltip: str, *others: QWidget) -> None:
        super().__init__()
        self._text, self._tooltip = text, TOOLTIPS[tooltip]
        self.message = words_label()
        self._news = "", ""
        self.button = QPushButton(text)
        self.button.setFixedHeight(BUTTON_HEIGHT)
        self.bar = QProgressBar()
        self.bar.setRange(0, BAR_STEPS)
        keep_slim(self.bar, 6)
        row = QHBoxLayout()
        row.addWidget(self.button, 1)
        for other in others:
            row.addWidget(other)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.message)
        layout.addLayout(row)
        layout.addWidget(self.bar)
        self.show_idle()

    def show_idle(self) -> None:
        """Show that no work is going on."""
        self.button.setText(self._text)
        self.button.setToolTip(self._tooltip)
        self.bar.hide()

    def show_running(self) -> None:
        """Show that work has begun and may be cancelled."""
        self._news = "", ""
        self.button.setText("Cancel")
        self.button.setToolTip(TOOLTIPS["cancel"])
        self.button.setEnabled(True)
        self.bar.setValue(0)
        self.bar.show()

    def show_stopping(self) -> None:
        """Show that Cancel has been pressed."""
        self.button.setText("Stopping …")
        self.button.setEnabled(False)

    def show_tick(self, tick: Tick) -> None:
        """Show how far the work has come."""
        self.bar.setValue(round(tick.fraction * BAR_STEPS))
        self.say(words_of(tick))

    def tell(self, text: str, colour: str = "") -> None:
        """Show how the work ended, until it begins again."""
        self._news = text, colour
        self.say(text, colour)

    def say(self, text: str, colour: str = "") -> None:
        """Show a message, or how the work ended; an empty colour is the usual one."""
        text, colour = (text, colour) if text.strip() else self._news
        self.message.setText(breakable(text))
        self.message.setVisible(bool(text))
        colour_words(self.message, colour)


def labelled(text: str, field: QWidget) -> QWidget:
    """Put a label at the left of a field."""
    row = QWidget()
    line = QHBoxLayout(row)
    line.setContentsMargins(0, 0, 0, 0)
    label = QLabel(text)
    label.setBuddy(field)
    field.setAccessibleName(text)
    line.addWidget(label)
    line.addWidget(field, 1)
    return row


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
