"""What the tabs have in common: their work, and a form with scores below."""

from collections.abc import Iterator, Sequence
from typing import Any

from napari.layers import Image
from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QListWidget,
    QListWidgetItem,
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
from napari_vdsr.plugin.widgets.elements import message_colour, tooltip_of_lines
from napari_vdsr.plugin.widgets.form import Form
from napari_vdsr.plugin.widgets.inputs import Choice
from napari_vdsr.plugin.widgets.run_bar import RunBar
from napari_vdsr.plugin.words import Outlook, plain_name

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
        self._rows = [
            (layer, QListWidgetItem(plain_name(layer.name), self)) for layer in layers
        ]
        for layer, item in self._rows:
            item.setSizeHint(QSize(0, self._line))
            item.setToolTip(tooltip_of_lines(layer.name))
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(_check_state(any(layer is other for other in ticked)))
        self.blockSignals(False)
        rows = max(1, min(_ROWS, len(self._rows)))
        self.setFixedHeight(rows * self._line + 2 * self.frameWidth() + 4)


def _check_state(on: bool) -> Qt.CheckState:
    return Qt.CheckState.Checked if on else Qt.CheckState.Unchecked


def offer_layers(
    box: Choice, layers: Sequence[Image], usual: Image | None = None
) -> bool:
    """Replace a field's layers and keep its value, else take the usual one.

    True when the value is another one now; the field does not say so itself.
    """
    before = box.value
    with box.changed.blocked():
        box.offer([(layer.name, layer) for layer in layers])
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
            self,
            viewer,
            on_tick=self._ticked,
            on_result=self.deliver,
            on_end=self._ended,
        )
        self._bar: RunBar | None = None  # of the work that is going on
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

    def begin(self, work: ScoringWork, bar: RunBar) -> None:
        """Start work in a thread and show its progress in a bar."""
        if self.running or self._closed:
            return
        # First: napari handles events, such as a second click, while it starts.
        self._bar = bar
        bar.show_running()
        self._run.start(work)

    def cancel(self) -> None:
        """Stop the work as soon as possible."""
        if self.running and self._bar is not None:
            self._run.cancel()
            self._bar.show_stopping()

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

    def _ticked(self, tick: Tick) -> None:
        assert self._bar is not None
        self._bar.show_tick(tick)

    def _ended(self, work: ScoringWork) -> None:
        bar = self._bar
        assert bar is not None
        bar.show_idle()
        if work.outcome == "cancelled":
            bar.news = Outlook("Stopped.")
        elif work.outcome == "failed":
            bar.news = Outlook(work.message or "Failed.", "warning")
        self.refresh()
        self.ended(work)


class ScoringTab(Tab):
    """A form, a button that starts the scoring, and the scores.

    Subclasses write `prepare`.
    """

    def __init__(
        self, viewer: Any, form: Form[Any], work: RunBar, *above: QWidget
    ) -> None:
        super().__init__(viewer)
        self.form, self.work, self.results = form, work, ResultsView()
        self.fill(*above, self.results, form, work, self.results.details)
        work.button.clicked.connect(self._pressed)

    def prepare(self) -> ScoringWork:
        """The work as it would be started; FieldError when a field is wrong."""
        raise NotImplementedError

    @property
    def started(self) -> bool:
        """Whether enough is chosen for a wrong field to be an error."""
        return True

    def show_state(self) -> None:
        """Show what is wrong, if anything, and enable or disable the button."""
        try:
            remark = self.prepare().remark
            outlook = Outlook(remark, "warning" if remark else "info")
        except FieldError as error:
            outlook = Outlook.of_error(error)
            if not (self.started and error.field):
                outlook = Outlook(str(error), "waiting")
        theme = self._viewer.theme
        self.form.mark(outlook.field, message_colour(outlook.level, theme))
        self.work.show_outlook(outlook, theme)

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
