"""Progress that one thread counts and another one reads or cancels."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from napari_vdsr.errors import Cancelled


@dataclass(frozen=True)
class Tick:
    """How far the work has come."""

    phase: str  # what is being done, in words
    fraction: float  # from 0 to 1
    remaining: float | None  # seconds; None when unknown


class Ticker:
    """A progress bar without a bar, for `napari_vdsr.upscale` and the like.

    The working thread calls `begin` and `update`; after `cancel` the next of these
    calls raises Cancelled.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cancelled = threading.Event()
        self._phase = ""
        self._total = 0.0
        self._done = 0.0
        self._expected: float | None = None
        self._since = time.monotonic()
        # Whether somebody else, such as a closing viewer, wants the work to stop.
        self.stopped_elsewhere: Callable[[], bool] = lambda: False

    def cancel(self) -> None:
        """Ask the work to stop."""
        self._cancelled.set()

    @property
    def cancelled(self) -> bool:
        """Whether the work has been asked to stop."""
        return self._cancelled.is_set() or self.stopped_elsewhere()

    def begin(
        self, phase: str, total: float = 0.0, expected: float | None = None
    ) -> None:
        """Start another phase; raise Cancelled when asked to stop.

        `total` counts units of work, 0 when unknown; `expected` is in seconds and used
        until there is progress to extrapolate from.
        """
        with self._lock:
            self._phase, self._total, self._done = phase, total, 0.0
            self._expected = expected
            self._since = time.monotonic()
        self.check()

    def reset(self, total: float | None = None) -> None:
        """Set the total unless the phase already has one, as it may have many parts."""
        with self._lock:
            self._total = self._total or total or 0.0
        self.check()

    def update(self, n: float = 1) -> None:
        """Count `n` units of work as done; raise Cancelled when asked to stop."""
        with self._lock:
            self._done += n
        self.check()

    def check(self) -> None:
        """Raise Cancelled when the work has been asked to stop."""
        if self.cancelled:
            raise Cancelled("stopped")

    def read(self) -> Tick:
        """How far the work has come."""
        with self._lock:
            passed = time.monotonic() - self._since
            if self._total <= 0 or self._done <= 0:
                left = self._expected and max(0.0, self._expected - passed)
                return Tick(self._phase, 0.0, left)
            fraction = min(1.0, self._done / self._total)
            return Tick(self._phase, fraction, passed * (1 / fraction - 1))
