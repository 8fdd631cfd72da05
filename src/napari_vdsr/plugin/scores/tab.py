"""What the tabs of the panel have in common."""

from collections.abc import Iterator, Sequence
from typing import Any

from magicgui.widgets import ComboBox
from napari.layers import Image
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_vdsr.plugin.background import Run
from napari_vdsr.plugin.jobs import Tick
from napari_vdsr.plugin.scores.layers import is_map
from napari_vdsr.plugin.scores.parts import WorkView
from napari_vdsr.plugin.scores.work import ScoringWork
from napari_vdsr.plugin.viewer import Sources
from napari_vdsr.plugin.widgets.colours import message_colour
from napari_vdsr.plugin.widgets.inputs import offer


class Tab(QWidget):
    """Runs one piece of work at a time and shows its results.

    `viewer` is the real one, not a proxy.
    """

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self._viewer = viewer
        self._run = Run(
            self,
            on_tick=self._ticked,
            on_result=self.deliver,
            on_end=self._ended,
        )
        self._view: WorkView | None = None
        self._closed = False
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(5, 5, 5, 5)  # 300 pixels are few
        self.column.setSpacing(8)

    @property
    def running(self) -> bool:
        """Whether work is going on."""
        return self._run.running

    @property
    def images(self) -> list[Image]:
        """Image layers, the topmost first, without maps of differences."""
        return [each for each in Sources(self._viewer).images if not is_map(each)]

    def reset_choices(self) -> None:
        """Update the lists of layers."""
        raise NotImplementedError

    def refresh(self) -> None:
        """Show what is wrong, if anything, and enable or disable the buttons."""
        raise NotImplementedError

    def offer_layers(
        self, box: ComboBox, layers: Sequence[Image], usual: Image | None = None
    ) -> None:
        """Replace a field's layers and keep its value, else take the usual one."""
        before = box.value
        with box.changed.blocked():
            offer(box, [(layer.name, layer) for layer in layers])
            if usual is not None and not any(layer is before for layer in layers):
                box.value = usual
        if box.value is not before:
            box.changed.emit(box.value)

    def begin(self, work: ScoringWork, view: WorkView) -> None:
        """Start work in a thread and show its progress in a view."""
        if self._run.start(work):
            self._view = view
            view.show_running()

    def cancel(self) -> None:
        """Stop the work as soon as possible."""
        if self.running and self._view is not None:
            self._run.cancel()
            self._view.show_stopping()

    def close_down(self) -> None:
        """Stop everything: the panel or the viewer is being closed."""
        self._closed = True
        self._run.close()

    def deliver(self, result: Any) -> Iterator[None] | None:
        """Show a result of the work, perhaps in steps between which others draw."""
        raise NotImplementedError

    def ended(self, work: Any) -> None:
        """Called when work has ended, successfully or not."""

    def colour(self, name: str) -> str:
        """The colour of a message: "warning" or "error"."""
        return message_colour(name, self._viewer.theme)

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
            view.tell(message, self.colour("warning"))
        self.ended(work)
