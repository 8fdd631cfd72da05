"""Counting work in one thread, reading and stopping it from another."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from napari_vdsr.errors import Cancelled


@dataclass(frozen=True)
class Tick:
    """How far the work has come.

    Attributes
    ----------
    phase : str
        What is being done, in words.
    fraction : float
        From 0 to 1.
    remaining : float or None
        Seconds still to go; None when that cannot be told yet.
    """

    phase: str
    fraction: float
    remaining: float | None


class Ticker:
    """A progress bar without a bar, for `napari_vdsr.upscale` and the like.

    The working thread calls `begin` and `update`; `cancel` makes the next of these
    calls raise `Cancelled`. Resets are ignored, as one phase may have many parts.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cancelled = threading.Event()
        self._phase = ""
        self._total = 0.0
        self._done = 0.0
        self._expected: float | None = None
        self._since = time.monotonic()
        self.stopped_elsewhere: Callable[[], bool] = lambda: False
        """Asks whether somebody else, such as a closing viewer, wants an end."""

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
        """Start another phase.

        Parameters
        ----------
        phase : str
            What is done, in words.
        total : float
            Units of work; 0 when unknown.
        expected : float, optional
            Seconds that it may take; used until there is something to go by.

        Raises
        ------
        Cancelled
            When the work has been asked to stop.
        """
        with self._lock:
            self._phase, self._total, self._done = phase, total, 0.0
            self._expected = expected
            self._since = time.monotonic()
        self.check()

    def reset(self, total: float | None = None) -> None:
        """Take note of a part's size; the phase has its own total already.

        Parameters
        ----------
        total : float, optional
            Units of work in the part; used where the phase had no total.
        """
        with self._lock:
            self._total = self._total or total or 0.0
        self.check()

    def update(self, n: float = 1) -> None:
        """Count work as done.

        Parameters
        ----------
        n : float
            Units of work.

        Raises
        ------
        Cancelled
            When the work has been asked to stop.
        """
        with self._lock:
            self._done += n
        self.check()

    def check(self) -> None:
        """Stop here when asked to.

        Raises
        ------
        Cancelled
            When the work has been asked to stop.
        """
        if self.cancelled:
            raise Cancelled("stopped")

    def read(self) -> Tick:
        """How far the work has come.

        Returns
        -------
        Tick
        """
        with self._lock:
            passed = time.monotonic() - self._since
            if self._total <= 0 or self._done <= 0:
                left = self._expected and max(0.0, self._expected - passed)
                return Tick(self._phase, 0.0, left)
            fraction = min(1.0, self._done / self._total)
            return Tick(self._phase, fraction, passed * (1 / fraction - 1))
