"""Work in threads: what is found out in the background, and jobs that show progress.

The threads touch nothing of Qt or of a viewer; a timer of the GUI thread reports.
"""

from collections.abc import Callable, Iterable, Iterator
from threading import Thread
from typing import Any, Generic, TypeVar

from napari.qt.threading import FunctionWorker
from napari.utils import cancelable_progress
from napari.utils.notifications import notification_manager
from napari.utils.task_status import Status
from qtpy.QtCore import QObject, QThreadPool, QTimer

from napari_vdsr.plugin.jobs import Job, Tick, Ticker, never

Result = TypeVar("Result")

_CHECK_EVERY = 50  # milliseconds, whether a background thread has ended
_READ_EVERY = 100  # milliseconds, how far a job has come
_STEP_EVERY = 20  # milliseconds, in which the viewer draws what has been shown
_STEPS = 100  # of a bar


def _ignore(*_: Any) -> None:
    """Nobody listens any more."""


class Finder(Generic[Result]):
    """Finds things out in the background, one at a time, and calls back on news.

    Subclasses write `take`. A plain thread that touches nothing of Qt does the work, so
    napari may be closed at any time; a timer that belongs to `parent` looks for what it
    found. Python waits at its end for work with torch, which `torch` says: it would
    abort with it otherwise.
    """

    torch = False

    def __init__(self, parent: QObject, callback: Callable[[], object]) -> None:
        self.busy = self.stopped = False
        self._callback = callback
        self._found: list[Result | Exception] = []
        self._timer = QTimer(parent)
        self._timer.setInterval(_CHECK_EVERY)
        self._timer.timeout.connect(self._look)

    def take(self, found: Result) -> bool:
        """Keep what was found, in the GUI thread, and say whether that is news."""
        raise NotImplementedError

    def failed(self, error: Exception) -> bool:
        """Keep an error, if one is expected, and say whether that is news."""
        raise error  # napari shows it

    def start(self, work: Callable[[], Result]) -> None:
        """Start the work, unless stopped; call only while not `busy`."""
        if self.stopped:
            return
        self.busy = True
        Thread(target=self._do, args=(work,), daemon=not self.torch).start()
        self._timer.start()

    def stop(self) -> None:
        """Start nothing, take nothing and call back no more."""
        self.stopped, self._callback = True, _ignore

    def _do(self, work: Callable[[], Result]) -> None:
        """Run in the thread."""
        try:
            self._found.append(work())
        except Exception as error:  # passed on to the GUI thread
            self._found.append(error)

    def _look(self) -> None:
        """Run in the GUI thread."""
        if not self._found:
            return
        self._timer.stop()
        self.busy = False
        found = self._found.pop()
        if self.stopped:
            return
        news = self.failed if isinstance(found, Exception) else self.take
        if news(found):  # type: ignore[arg-type]
            self._callback()


class Run:
    """Runs jobs, one at a time, and reports them in the GUI thread of a viewer.

    The worker thread touches nothing of Qt: it counts, and a timer reads the counters.
    That keeps the signals few however fast the tiles come. `on_tick` gets the progress,
    `on_result` one result at a time and `on_end` the job after the last result. Showing
    a result may have steps, which `on_result` yields: the viewer draws between them.
    """

    # Of any run: napari handles events meanwhile, and what the others showed then would
    # block the window together with it.
    _making_a_bar = False

    def __init__(
        self,
        parent: QObject,
        viewer: Any,
        *,
        on_tick: Callable[[Tick], None],
        on_result: Callable[[Any], Iterable[None] | None],
        on_end: Callable[[Any], None],
    ) -> None:
        self.job: Job | None = None  # the one that is going on
        self._on_tick, self._on_result, self._on_end = on_tick, on_result, on_end
        self._viewer = viewer
        self._tell_end: Callable[[], object] = _ignore  # to the viewer's window
        self._closed = False
        self._bar: Any = None
        self._steps: Iterator[None] | None = None  # left to do to show a result
        self._task: _Call | None = None
        self._timer = QTimer(parent)
        self._timer.setInterval(_READ_EVERY)
        self._timer.timeout.connect(self._look)

    @property
    def running(self) -> bool:
        """Whether the end of a job has not been reported yet."""
        return self.job is not None

    def start(self, job: Job) -> bool:
        """Start a job; False, and nothing happens, while another one is going on."""
        if self.running or self._closed:
            return False
        # At once: napari handles events, such as a second click, while it makes a bar.
        self.job = job
        Run._making_a_bar = True
        try:
            self._bar = cancelable_progress(total=_STEPS, desc=str(job))
        finally:
            Run._making_a_bar = False
        if self._closed:  # by one of these events
            self._let_go()
            return False
        self._task = _Call(job)
        worker: Any = FunctionWorker(self._task)
        self._tell_end = _announce(self._viewer, job, worker.quit)
        job.ticker.stopped_elsewhere = lambda: worker.abort_requested
        self._timer.start()
        _thread_pool().releaseThread()
        worker.start()
        return True

    def cancel(self) -> None:
        """Stop after the tile or step in work."""
        if self.job is not None:
            self.job.ticker.cancel()

    def close(self) -> None:
        """Stop, and report nothing more: the panel is going away."""
        self.cancel()
        self._closed = True
        self._on_tick = self._on_result = self._on_end = _ignore
        self._steps = None
        self._timer.stop()
        if self._task is not None:  # otherwise `start` goes on, and sees it
            self._let_go()

    def _look(self) -> None:
        job, task = self.job, self._task
        if job is None or task is None or self._making_a_bar:
            return
        if self._bar.is_canceled:
            self.cancel()
        # Read this first, or a result that comes after the look would be lost.
        ended = task.ended
        if self._steps is not None:
            self._do_a_step()
        elif job.results:
            self._timer.setInterval(_STEP_EVERY)
            self._steps = iter(self._on_result(job.results.popleft()) or ())
            self._do_a_step()
        elif ended:
            self._timer.stop()
            self._let_go()
            self._on_end(job)
            if job.fault is not None:
                kind, trace = type(job.fault), job.fault.__traceback__
                notification_manager.receive_error(kind, job.fault, trace)
        else:
            self._show(job.ticker)

    def _do_a_step(self) -> None:
        """Show more of a result: nothing else is done in the same tick."""
        assert self._steps is not None
        try:
            next(self._steps)
        except StopIteration:
            self._steps = None
            self._timer.setInterval(_READ_EVERY)

    def _show(self, ticker: Ticker) -> None:
        tick = ticker.read()
        done = round(tick.fraction * _STEPS)
        if done > self._bar.n:
            self._bar.update(done - self._bar.n)
        self._on_tick(tick)

    def _let_go(self) -> None:
        bar, self._bar, self._task, self.job = self._bar, None, None, None
        self._tell_end()
        self._tell_end = _ignore
        if bar is not None:
            bar.close()


def _announce(
    viewer: Any, job: Job, stop: Callable[[], object]
) -> Callable[[], object]:
    """Tell a viewer's window of a job, and give what tells it of the end.

    It may ask before it closes, and then stops the job. napari's `create_worker` would
    tell the window that was used last: when that one closes, this job would stop.
    """
    window = getattr(viewer, "window", None)
    # No public function tells a window of one's choice; a test may have none.
    register = getattr(window, "_register_task_status", None)
    update = getattr(window, "_update_task_status", None)
    if register is None or update is None:
        return _ignore
    number = register("napari-vdsr", Status.BUSY, str(job), stop)
    return lambda: update(number, Status.COMPLETED)


def _thread_pool() -> QThreadPool:
    """The pool of napari's workers, which has one thread for each core.

    A job takes one more, as a training for hours would let others wait: with one core,
    nothing else would run.
    """
    pool = QThreadPool.globalInstance()
    assert pool is not None
    return pool


class _Call:
    """A job as the worker calls it; afterwards it keeps nothing of the job.

    Qt keeps finished workers in a cycle that garbage collection cannot see. The layers
    of the job, its panel and its viewer would stay in memory with it.
    """

    def __init__(self, job: Job) -> None:
        self._job: Job | None = job
        self.ended = False

    def __call__(self) -> None:
        job, self._job = self._job, None
        assert job is not None
        try:
            job()
        finally:
            _thread_pool().reserveThread()
            job.ticker.stopped_elsewhere = never  # the other one knows the worker
            self.ended = True
