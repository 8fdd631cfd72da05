"""Whether the window goes on: work that waits for its event loop, tile by tile."""

import threading
from typing import Any

from qtpy.QtCore import QTimer


class Heart(QTimer):
    """Beats in the event loop of the window.

    Work calls `wait_for_beats`: in another thread it gets them, however fast or slow
    the machine is; in the thread of the window it would wait for itself, in vain.
    """

    def __init__(self) -> None:
        super().__init__()
        self._beat = threading.Event()
        self.waits: list[bool] = []
        self.timeout.connect(self._beat.set)
        self.start(5)

    def wait_for_beats(self, *_: Any) -> None:
        for _beat in range(2):  # the first may be from before
            self._beat.clear()
            self.waits.append(self._beat.wait(timeout=30))
