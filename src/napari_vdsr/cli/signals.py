"""Signals: Ctrl-C and its like unwind the program, so that files are tidied up."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_AGAIN = 0.05  # seconds until a signal that came at a bad moment is sent again
_TIDYING = 0.5  # seconds that are given to the first one before a second one is heard


class Interrupted(BaseException):
    """Ctrl-C, SIGTERM or SIGHUP; files are tidied up while it propagates."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.status = 128 + number


def signals_to_heed() -> tuple[signal.Signals, ...]:
    """Those that end a program, but for the end of a terminal under ``nohup``."""
    numbers = [signal.SIGINT, signal.SIGTERM]
    hangup = getattr(signal, "SIGHUP", None)  # Windows has none
    if hangup is not None and signal.getsignal(hangup) is not signal.SIG_IGN:
        numbers.append(hangup)
    return tuple(numbers)


@contextmanager
def signals_call(handler: Callable[[int, FrameType | None], bool]) -> Iterator[None]:
    """Let a handler hear signals; when it gives False it has heard the last one.

    In other threads than the main one, which hears all signals, nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in signals_to_heed()}

    def put_back() -> None:
        for number, usual in before.items():
            signal.signal(number, usual)

    def hear(number: int, frame: FrameType | None) -> None:
        if not handler(number, frame):
            put_back()

    for number in before:
        signal.signal(number, hear)
    try:
        yield
    finally:
        put_back()


@contextmanager
def signals_raise() -> Iterator[None]:
    """Let signals unwind the program instead of killing it.

    While a library is imported they wait, because some libraries swallow whatever is
    raised meanwhile. A second signal ends the program at once.
    """
    home = sys._getframe(2)  # the one that runs this block
    raised: list[float] = []
    timers: list[threading.Timer] = []

    def send_again(number: int, seconds: float) -> None:
        timer = threading.Timer(seconds, os.kill, (os.getpid(), number))
        timer.daemon = True
        timers.append(timer)
        timer.start()

    def stop(number: int, frame: FrameType | None) -> bool:
        now = time.monotonic()
        if not raised and _is_importing(frame, home):
            send_again(number, _AGAIN)
        elif not raised:
            raised.append(now)
            raise Interrupted(number)
        # One key press can arrive twice: by the terminal and by a program around us.
        elif now - raised[0] < _TIDYING:
            send_again(number, _TIDYING)
        else:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        return True

    with signals_call(stop):
        try:
            yield
        finally:
            for timer in timers:
                timer.cancel()


def _is_importing(frame: FrameType | None, home: FrameType) -> bool:
    while frame is not None and frame is not home:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
