"""Work in a background thread, whose result is handed over in the GUI thread."""

from collections.abc import Callable
from threading import Thread
from typing import Generic, TypeVar

from qtpy.QtCore import QObject, QTimer

Result = TypeVar("Result")

_EVERY = 50  # milliseconds between two looks at the thread


class Background(Generic[Result]):
    """One piece of work at a time.

    It runs in a plain thread that touches nothing of Qt, so that napari may be closed
    at any time.

    Parameters
    ----------
    parent : QObject
        Whose end ends the looking.
    hand_over : callable
        Called in the GUI thread with what the work gave, or the exception it raised.
    """

    def __init__(
        self, parent: QObject, hand_over: Callable[[Result | Exception], None]
    ) -> None:
        self._hand_over = hand_over
        self._found: list[Result | Exception] = []
        self.busy = False
        self._timer = QTimer(parent)
        self._timer.setInterval(_EVERY)
        self._timer.timeout.connect(self._look)

    def start(self, work: Callable[[], Result]) -> None:
        """Begin with a piece of work; only when none is going on."""
        self.busy = True
        Thread(target=self._do, args=(work,)).start()
        self._timer.start()

    def _do(self, work: Callable[[], Result]) -> None:
        """Run in the thread."""
        try:
            self._found.append(work())
        except Exception as error:  # for whoever gets it in the GUI thread
            self._found.append(error)

    def _look(self) -> None:
        """Run in the GUI thread."""
        if self._found:
            self._timer.stop()
            self.busy = False
            self._hand_over(self._found.pop())
