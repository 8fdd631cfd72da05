"""What the tabs have in common: their work, its view, and a form with scores below."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from magicgui.widgets import ComboBox
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

from napari_vdsr.plugin.background import Run
from napari_vdsr.plugin.jobs import Tick
from napari_vdsr.plugin.scores.layers import is_map
from napari_vdsr.plugin.scores.results import ResultsView
from napari_vdsr.plugin.scores.work import ScoringWork
from napari_vdsr.plugin.settings import FieldError
from napari_vdsr.plugin.viewer import Sources
from napari_vdsr.plugin.widgets.elements import (
    BAR_STEPS,
    BUTTON_HEIGHT,
    breakable,
    colour_words,
    emphasise,
    keep_slim,
    message_colour,
    wrapping_label,
)
from napari_vdsr.plugin.widgets.form import Form
from napari_vdsr.plugin.widgets.inputs import frame, offer
from napari_vdsr.plugin.words import words_of


class WorkView(QWidget):
    """A button to start or cancel work, with a message and a progress bar.

    `text` and `tooltip` are those of the idle button; `others` stand beside it.
    """

    def __init__(self, text: str, tooltip: str, *others: QWidget) -> None:
        super().__init__()
        self._text, self._tooltip = text, tooltip
        self.message = wrapping_label()
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
        self.button.setToolTip("Stop; nothing half-done is shown.")
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
        self._rows: list[tuple[Image, QListWidgetItem]] = []
        self._line = self.fontMetrics().height() + 4
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setToolTip(
            "What is compared. Layers on other pixels are brought onto those of the "
            "reference, where both overlap in the world."
        )
        self.setAccessibleName("Layers")

    @property
    def chosen(self) -> list[Image]:
        """The ticked layers."""
        on = Qt.CheckState.Checked
        return [layer for layer, item in self._rows if item.checkState() == on]

    def tick(self, layer: Image, on: bool = True) -> None:
        """Tick or untick a layer of the list."""
        next(item for each, item in self._rows if each is layer).setCheckState(
            _check_state(on)
        )

    def offer(self, layers: Sequence[Image], new: Sequence[Image]) -> None:
        """Replace the layers, keep the ticks, and tick the new ones."""
        ticked = [*self.chosen, *new]
        self.blockSignals(True)
        self.clear()
        self._rows = [(layer, QListWidgetItem(layer.name, self)) for layer in layers]
        for layer, item in self._rows:
            item.setSizeHint(QSize(0, self._line))
            item.setToolTip(layer.name)
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(_check_state(any(layer is other for other in ticked)))
        self.blockSignals(False)
        rows = max(1, min(_ROWS, len(self._rows)))
        self.setFixedHeight(rows * self._line + 2 * self.frameWidth() + 4)


def _check_state(on: bool) -> Qt.CheckState:
    return Qt.CheckState.Checked if on else Qt.CheckState.Unchecked


def offer_layers(
    box: ComboBox, layers: Sequence[Image], usual: Image | None = None
) -> bool:
    """Replace a field's layers and keep its value, else take the usual one.

    True when the value is another one now; the field does not say so itself.
    """
    before = box.value
    with box.changed.blocked():
        offer(box, [(layer.name, layer) for layer in layers])
        if usual is not None and not any(layer is before for layer in layers):
            box.value = usual
    return box.value is not before


class Tab(QWidget):
    """Runs one piece of work at a time and shows its results.

    Subclasses write `reset_choices`, `show_state` and `deliver`. `viewer` is the real
    one, not a proxy.
    """

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self._viewer = viewer
        self._run = Run(
            self, on_tick=self._ticked, on_result=self.deliver, on_end=self._ended
        )
        self._view: WorkView | None = None
        self._closed = False

    @property
    def running(self) -> bool:
        """Whether work is going on."""
        return self._run.running

    @property
    def images(self) -> list[Image]:
        """Image layers, the topmost first, without maps of differences."""
        return [each for each in Sources(self._viewer).images if not is_map(each)]

    def fill(self, *parts: QWidget) -> None:
        """Put widgets below one another."""
        column = QVBoxLayout(self)
        column.setContentsMargins(5, 5, 5, 5)  # 300 pixels are few
        column.setSpacing(8)
        for part in parts:
            column.addWidget(part)
        column.addStretch(1)

    def reset_choices(self) -> None:
        """Update the lists of layers and models; `refresh` is called after it."""
        raise NotImplementedError

    def show_state(self) -> None:
        """Show what is wrong, if anything, and enable or disable the buttons."""
        raise NotImplementedError

    def refresh(self) -> None:
        """Show the state, unless work is going on."""
        if not (self._closed or self.running):
            self.show_state()

    def begin(self, work: ScoringWork, view: WorkView) -> None:
        """Start work in a thread and show its progress in a view."""
        if self.running or self._closed:
            return
        # First: napari handles events, such as a second click, while it starts.
        self._view = view
        view.show_running()
        self._run.start(work)

    def cancel(self) -> None:
        """Stop the work as soon as possible."""
        if self.running and self._view is not None:
            self._run.cancel()
            self._view.show_stopping()

    def put_back(self) -> None:
        """Undo what only the panel could undo: it leaves the viewer, which stays."""

    def close_down(self) -> None:
        """Stop everything: the panel or the viewer is being closed."""
        self._closed = True
        self._run.close()

    def deliver(self, result: Any) -> Iterator[None] | None:
        """Show a result of the work, perhaps in steps between which others draw."""
        raise NotImplementedError

    def ended(self, work: Any) -> None:
        """Called when work has ended, successfully or not."""

    @property
    def warning_colour(self) -> str:
        """The colour of a message that something is wrong."""
        return message_colour("warning", self._viewer.theme)

    def _ticked(self, tick: Tick) -> None:
        if self._view is not None:
            self._view.show_tick(tick)

    def _ended(self, work: ScoringWork) -> None:
        view = self._view
        assert view is not None
        view.show_idle()
        self.refresh()
        if work.outcome == "cancelled":
            view.tell("Stopped.")
        elif work.outcome == "failed":
            message = work.message or "Failed; the log tells why."
            view.tell(message, self.warning_colour)
        self.ended(work)


class ScoringTab(Tab):
    """A form, a button that starts the scoring, and the scores.

    Subclasses write `prepare` and put into `framed` which widgets of their own stand
    for a field that may be wrong.
    """

    def __init__(
        self, viewer: Any, form: Form[Any], work: WorkView, *above: QWidget
    ) -> None:
        super().__init__(viewer)
        self.form, self.work, self.results = form, work, ResultsView()
        self.framed: Mapping[str, QWidget] = {}
        self.fill(*above, self.results, form, work, self.results.details)
        work.button.clicked.connect(self._pressed)

    def prepare(self) -> ScoringWork:
        """The work as it would be started; FieldError when a field is wrong."""
        raise NotImplementedError

    @property
    def started(self) -> bool:
        """Whether enough is chosen for a wrong field to be an error."""
        return True

    @property
    def remark(self) -> str:
        """What to warn of though the work can be started."""
        return ""

    def show_state(self) -> None:
        """Show what is wrong, if anything, and enable or disable the button."""
        field, text, colour = "", "", ""
        try:
            self.prepare()
        except FieldError as error:
            text = str(error)
            if self.started and error.field:
                field, colour = error.field, self.warning_colour
        for name, widget in self.framed.items():
            frame(widget, colour if name == field else "")
        self.form.mark(field, colour)
        self.work.button.setEnabled(not text)
        if not text and self.remark:
            text, colour = self.remark, self.warning_colour
        self.work.say(text, colour)
        emphasise(self.work.button, self.work.bar, self._viewer.theme)

    def refresh(self) -> None:
        """Show the state, unless work is going on, and the colours of the theme."""
        super().refresh()
        self.results.recolour(self._viewer.theme)

    def start(self) -> None:
        """Start the scoring, as the button does."""
        if self.running or self._closed:
            return
        try:
            work = self.prepare()
        except FieldError:
            self.refresh()
        else:
            self.begin(work, self.work)

    def _pressed(self) -> None:
        if self.running:
            self.cancel()
        else:
            self.start()
