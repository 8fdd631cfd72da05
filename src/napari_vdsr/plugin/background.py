"""Work in a background thread; the result is handed over in the GUI thread."""

from collections.abc import Callable
from threading import Thread
from typing import Generic, TypeVar

from qtpy.QtCore import QObject, QTimer

Result = TypeVar("Result")

_EVERY = 50  # milliseconds between two checks of the thread


class Background(Generic[Result]):
    """Runs one piece of work at a time; its result or exception goes to `hand_over`.

    A plain thread that touches nothing of Qt does it, so napari may be closed at any
    time. A timer that belongs to `parent` looks for the result. Python waits at its end
    for work with torch, which `torch` says: it would abort with it otherwise.
    """

    def __init__(
        self,
        parent: QObject,
        hand_over: Callable[[Result | Exception], None],
        torch: bool = False,
    ) -> None:
        self._daemon = not torch
        self._hand_over = hand_over
        self._found: list[Result | Exception] = []
        self.busy = False
        self._timer = QTimer(parent)
        self._timer.setInterval(_EVERY)
        self._timer.timeout.connect(self._look)

    def start(self, work: Callable[[], Result]) -> None:
        """Start the work; call only while not `busy`."""
        self.busy = True
        Thread(target=self._do, args=(work,), daemon=self._daemon).start()
        self._timer.start()

    def _do(self, work: Callable[[], Result]) -> None:
        """Run in the thread."""
        try:
            self._found.append(work())
        except Exception as error:  # passed on to the GUI thread
            self._found.append(error)

    def _look(self) -> None:
        """Run in the GUI thread."""
        if self._found:
            self._timer.stop()
            self.busy = False
            self._hand_over(self._found.pop())
