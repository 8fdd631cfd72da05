"""Runs work in a worker thread and shows its progress and end in the viewer."""

from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from napari.qt.threading import create_worker
from napari.utils import cancelable_progress
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QObject, QTimer

from napari_vdsr.plugin.model.ticker import Tick, Ticker

_EVERY = 100  # milliseconds between two readings of the progress
_STEPS = 100


class Work(Protocol):
    """What can be run, such as `Execution`, the work of the first panel."""

    ticker: Ticker
    results: deque[Any]  # filled as parts are done
    outcome: str  # "" while it runs; set last of all

    def __call__(self) -> None:
        """Do the work; never raise what a user may cause."""


class Run:
    """Runs work in a thread and reports it in the GUI thread.

    The worker thread touches nothing of Qt: it counts, and a timer reads the counters.
    That keeps the signals few however fast the tiles come. `on_tick` gets the progress,
    `on_result` every result, and `on_end` is called once after the last of them.
    """

    def __init__(
        self,
        execution: Work,
        parent: QObject,
        *,
        on_tick: Callable[[Tick], None],
        on_result: Callable[[Any], None],
        on_end: Callable[["Run"], None],
    ) -> None:
        self.execution: Any = execution
        self._on_tick = on_tick
        self._on_result = on_result
        self._on_end = on_end
        self._bar = cancelable_progress(total=_STEPS, desc=str(execution))
        self._guarded = _Guarded(execution)
        self._worker = create_worker(self._guarded)
        execution.ticker.stopped_elsewhere = lambda: self._worker.abort_requested
        self._timer: QTimer | None = QTimer(parent)
        self._timer.setInterval(_EVERY)
        self._timer.timeout.connect(self._look)

    def start(self) -> None:
        """Start the work."""
        assert self._timer is not None
        self._timer.start()
        self._worker.start()

    @property
    def running(self) -> bool:
        """Whether the end has not been reported yet."""
        return self._timer is not None

    def cancel(self) -> None:
        """Stop after the current tile."""
        self.execution.ticker.cancel()

    def abandon(self) -> None:
        """Stop, and report nothing more: the listener is going away."""
        self.cancel()
        self._stop_looking()

    def _look(self) -> None:
        if self._bar.is_canceled:
            self.cancel()
        # Read this first, or a result that comes after the loop would be lost.
        ended = self._guarded.ended
        while self.execution.results:
            self._on_result(self.execution.results.popleft())
        if ended:
            self._stop_looking()
            self._on_end(self)
            fault = self._guarded.fault
            if fault is not None:
                kind, trace = type(fault), fault.__traceback__
                notification_manager.receive_error(kind, fault, trace)
            return
        tick = self.execution.ticker.read()
        done = round(tick.fraction * _STEPS)
        if done > self._bar.n:
            self._bar.update(done - self._bar.n)
        self._on_tick(tick)

    def _stop_looking(self) -> None:
        if self._timer is None:
            return
        self._timer.stop()
        self._timer.deleteLater()
        self._timer = None
        self._bar.close()


class _Guarded:
    """Work whose exceptions are kept instead of raised.

    How napari's workers report an exception depends on its type and on the kind of
    worker; some are not reported at all.
    """

    def __init__(self, work: Work) -> None:
        self._work = work
        self.fault: Exception | None = None
        self.ended = False

    def __str__(self) -> str:
        return str(self._work)

    def __call__(self) -> None:
        try:
            self._work()
        except Exception as error:
            self.fault = error
        finally:
            self.ended = True
