"""Notices that layers have changed."""

from collections.abc import Sequence
from typing import Any

from napari.layers import Image
from qtpy.QtCore import QObject, QTimer
from superqt.utils import create_worker

from napari_vdsr.layers.plan import level_data
from napari_vdsr.plugin.scores.layers import fingerprint

_WAIT = 300  # milliseconds in which several changes count as one
_CHANGES = (
    *("data", "scale", "translate", "rotate", "shear", "affine", "axis_labels"),
    "units",
)


class Follower(QObject):
    """Calls back in the GUI thread shortly after data or geometry of layers change.

    Painting in place is noticed when the layer is shown again. As moving to another
    plane shows it again, too, a thread checks whether the pixels have changed.
    """

    def __init__(self, parent: QObject, callback: Any) -> None:
        super().__init__(parent)
        self._callback = callback
        self._layers: list[Image] = []
        self._marks: list[int | None] = []
        self._soon = self._timer(callback)
        self._look = self._timer(self.look)

    def follow(self, layers: Sequence[Image]) -> None:
        """Watch these layers instead of the ones before."""
        if same(self._layers, layers):
            return
        self._disconnect()
        self._layers, self._marks = list(layers), []
        for layer in layers:
            for name in _CHANGES:
                getattr(layer.events, name).connect(self._changed)
            layer.events.set_data.connect(self._shown_again)

    def remember(self, marks: Sequence[int | None]) -> None:
        """Store the fingerprints of the compared layers, and check for changes."""
        self._marks = list(marks)
        self.look()

    def look(self) -> None:
        """Find out, in a thread, whether pixels were changed in place."""
        if not self._marks or not self._layers:
            return
        worker = create_worker(_fingerprints, [level_data(x) for x in self._layers])
        worker.returned.connect(self._looked)
        worker.start()

    def stop(self) -> None:
        """Call back no more."""
        self._disconnect()
        self._layers, self._marks = [], []
        self._soon.stop()
        self._look.stop()

    def _timer(self, callback: Any) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(_WAIT)
        timer.timeout.connect(callback)
        return timer

    def _disconnect(self) -> None:
        for layer in self._layers:
            for name in _CHANGES:
                getattr(layer.events, name).disconnect(self._changed)
            layer.events.set_data.disconnect(self._shown_again)

    def _changed(self, _: Any) -> None:
        self._soon.start()

    def _shown_again(self, _: Any) -> None:
        self._look.start()

    def _looked(self, marks: list[int | None]) -> None:
        before = self._marks
        if len(marks) != len(before) or marks == before:
            return
        self._marks = marks
        self._callback()


def same(some: Sequence[Image], others: Sequence[Image]) -> bool:
    """Whether these are the same layers."""
    return list(map(id, some)) == list(map(id, others))


def _fingerprints(arrays: list[Any]) -> list[int | None]:
    return [fingerprint(data) for data in arrays]
