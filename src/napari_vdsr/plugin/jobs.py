"""Jobs for a worker thread: what they count, how they end, who has the device.

Nothing here knows Qt; `plugin.background.Run` starts a job and shows how it goes.
"""

import gc
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from napari_vdsr.errors import Cancelled, VdsrError
from napari_vdsr.options import RunOptions
from napari_vdsr.progress import Progress

if TYPE_CHECKING:
    from napari_vdsr.inference.upscaler import Upscaler

# Held during computations: two at once would share the device and its memory.
device_in_use = threading.Lock()
_next_turn = threading.Lock()  # held by who waits for the device: see `_take_device`
_user = ""  # title of the job that holds the device, if it has one

_PATIENCE = 0.2  # seconds between two tries to get the device
_FAST = 0.5  # seconds; others have the device for less than this when they measure
# More than this factor and these seconds above the last estimate, something is wrong.
_WRONG, _GRACE = 2.0, 5.0
_UNSURE = 0.9  # the most that a bar shows by the time alone


def sentence(text: object) -> str:
    """A message as a sentence, with a capital letter and a full stop."""
    words = str(text).strip()
    end = "" if words.endswith((".", "!", "?", "…")) else "."
    return f"{words[:1].upper()}{words[1:]}{end}" if words else ""


@dataclass(frozen=True)
class Tick:
    """How far the work has come."""

    phase: str  # what is being done, in words
    fraction: float  # from 0 to 1
    remaining: float | None  # seconds; None when unknown


class Steady:
    """Estimates of the seconds left, as they are shown one after the other.

    One that is slightly longer than the one before would only look alarming.
    """

    def __init__(self) -> None:
        self._shown: float | None = None

    def __call__(self, seconds: float | None) -> float | None:
        """What to show for an estimate."""
        shown = self._shown
        if seconds is not None and shown is not None:
            wrong = seconds > _WRONG * shown + _GRACE
            seconds = seconds if wrong else min(seconds, shown)
        self._shown = seconds
        return seconds


def never() -> bool:
    """What `stopped_elsewhere` says while nobody else may stop the work."""
    return False


class Ticker:
    """A progress bar without a bar, for `napari_vdsr.upscale` and the like.

    The working thread calls `begin` and `update`; after `cancel` the next of these
    calls raises Cancelled. Another thread reads it.
    """

    _total: float
    _done: float
    _fraction: float

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cancelled = threading.Event()
        # Whether somebody else, such as a closing viewer, wants the work to stop.
        self.stopped_elsewhere: Callable[[], bool] = never
        self._start("", 0.0, None)

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
            self._start(phase, total, expected)
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
            self._last, self._last_at = n, time.monotonic()
        self.check()

    def check(self) -> None:
        """Raise Cancelled when the work has been asked to stop."""
        if self.cancelled:
            raise Cancelled("stopped")

    def read(self) -> Tick:
        """How far the work has come."""
        with self._lock:
            self._fraction = max(self._fraction, self._reached())
            return Tick(self._phase, self._fraction, self._steady(self._remaining()))

    def _start(self, phase: str, total: float, expected: float | None) -> None:
        self._phase, self._expected = phase, expected
        self._total, self._done, self._last = total, 0.0, 0.0
        self._since = self._last_at = time.monotonic()
        self._steady, self._fraction = Steady(), 0.0

    def _reached(self) -> float:
        """The part that is done; within the first unit, by the expected time."""
        if self._total > 0 and self._done > 0:
            return min(1.0, self._done / self._total)
        passed = time.monotonic() - self._since
        return min(_UNSURE, passed / self._expected) if self._expected else 0.0

    def _remaining(self) -> float | None:
        """Seconds left at the mean pace, not less than after the unit in work."""
        now = time.monotonic()
        if self._total <= 0 or self._done <= 0:
            passed = now - self._since
            return self._expected and max(0.0, self._expected - passed)
        pace = (self._last_at - self._since) / self._done
        undone = max(0.0, self._total - self._done)
        after_next = max(0.0, undone - self._last)
        return max(pace * undone - (now - self._last_at), pace * after_next)


class Job:
    """Work for one worker thread, which touches nothing of Qt or of a viewer.

    Subclasses write `work`, which counts in `ticker`, fills `results` and raises what
    goes wrong.
    """

    title = "super-resolution"  # what napari shows when it is closed meanwhile
    less = "enlarge only what is in view"  # what helps when memory is full

    def __init__(self) -> None:
        self.renew()

    def __str__(self) -> str:
        return self.title

    def renew(self) -> None:
        """Prepare for another call."""
        self.ticker = Ticker()
        self.results: deque[Any] = deque()  # whoever shows a result takes it out
        self.outcome = ""  # then "done", "cancelled" or "failed"; set last of all
        self.message = ""  # for the user: why it failed, or what failed of it
        self.field = ""  # which setting is at fault, if one is
        self.fault: Exception | None = None  # a mistake of the program

    def work(self) -> str | None:
        """Do all of it; gives the outcome, None for "done"."""
        raise NotImplementedError

    def leave(self, outcome: str) -> None:
        """Give back what was taken; called at the end in any case."""

    def __call__(self) -> None:
        """Do the work, and keep what goes wrong in `message` or `fault`."""
        outcome = "failed"
        try:
            outcome = self.work() or "done"
        except Cancelled:
            outcome = "cancelled"
        except Exception as error:
            self.message = self.in_words(error)
            self.field = getattr(error, "field", "")
            self.fault = None if self.message else error
        finally:
            self.leave(outcome)
            self.outcome = outcome

    def in_words(self, error: Exception) -> str:
        """What to tell the user about an error; empty for a mistake of the program."""
        if isinstance(error, VdsrError):
            return sentence(error)
        if isinstance(error, MemoryError) or _is_out_of_memory(error):
            return f"There is too little memory: close other programs, or {self.less}."
        return ""

    @contextmanager
    def the_device(self) -> Iterator[None]:
        """Hold the device; wait until nobody else does, and say so."""
        self.ticker.begin("Starting")
        with device_unless(never, self.title, self.ticker.begin):
            yield


def load_plots() -> None:
    """Import what draws curves, half a second for which the window need not wait."""
    import_module("pyqtgraph")


def _take_device(patience: float) -> bool:
    """Try to get the device for some seconds.

    A training gives it back after each step and wants it again at once. As it needs the
    next turn for that, too, whoever waits is the first to get it.
    """
    if not _next_turn.acquire(timeout=patience):
        return False
    try:
        return device_in_use.acquire(timeout=patience)
    finally:
        _next_turn.release()


@contextmanager
def device_unless(
    stop: Callable[[], bool],
    title: str = "",
    wait: Callable[[str], object] = lambda phase: None,
) -> Iterator[bool]:
    """Hold the device; wait for it only as long as nobody wants the work to stop.

    Gives whether it is held. `title` is what others wait for meanwhile; `wait` is told
    what this waits for, in words, again and again.
    """
    global _user
    mine, patience = False, _FAST
    while not (mine or stop()):
        mine = _take_device(patience)
        if not mine:
            wait(f"Waiting for the {_user}" if _user else "Waiting for another run")
            patience = _PATIENCE
    if mine:
        _user = title
    try:
        yield mine
    finally:
        if mine:
            _user = ""
            device_in_use.release()


def _is_out_of_memory(error: Exception) -> bool:
    if not isinstance(error, RuntimeError):
        return False
    from napari_vdsr.inference.device import is_out_of_memory

    return is_out_of_memory(error)


# The network that was used last, kept until its memory is wanted back


def ready_upscaler(
    options: RunOptions, image: Any, progress: Progress | None = None
) -> "Upscaler":
    """The upscaler for an image: the one of the last run where it fits.

    `progress` is told of downloads and may stop them.
    """
    from napari_vdsr.inference.upscaler import kept_upscaler

    return kept_upscaler(options.loaded(progress).with_range(image))


def release_memory() -> None:
    """Forget the networks and give back all unused device memory."""
    if (upscaler := sys.modules.get("napari_vdsr.inference.upscaler")) is not None:
        upscaler.forget_upscalers()
    if (engine := sys.modules.get("napari_vdsr.inference.engine")) is not None:
        engine.forget_engines()
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is None:  # no device memory was ever taken
        return
    for kind in ("cuda", "mps", "xpu"):
        library = getattr(torch, kind, None)
        if library is not None and library.is_available():
            with suppress(RuntimeError):  # of a device that stopped working
                library.empty_cache()
