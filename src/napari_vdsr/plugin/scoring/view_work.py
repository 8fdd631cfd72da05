"""A message, a button that starts or cancels work, and its progress."""

from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_vdsr.plugin.jobs import Tick
from napari_vdsr.plugin.scoring.tooltips import TOOLTIPS
from napari_vdsr.plugin.widgets.labels import breakable, let_wrap
from napari_vdsr.plugin.widgets.working import BAR_STEPS, BUTTON_HEIGHT, keep_slim
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
        style = f"color: {colour};" if colour else ""
        if self.message.styleSheet() != style:
            self.message.setStyleSheet(style)


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
