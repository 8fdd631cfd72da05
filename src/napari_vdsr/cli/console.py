"""The terminal: results and messages, progress, and signals such as Ctrl-C."""

import errno
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from types import FrameType
from typing import Any, TextIO, cast

from napari_vdsr.errors import plain_line, plain_text, with_null
from napari_vdsr.progress import Progress

_PIPE_IS_CLOSED = errno.EINVAL if sys.platform == "win32" else errno.EPIPE
_AGAIN = 0.05  # seconds until a signal that came at a bad moment is sent again
_TIDYING = 0.5  # seconds that are given to the first one before a second one is heard


class SteadyStream:
    r"""A text stream that takes everything, wherever it leads.

    What its encoding lacks is written as ``\u2013``. A stream that is not there, full
    or closed swallows what it is given; `error` remembers the first failure. What it
    wraps stays as it was, and has all other attributes.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self.error: Exception | None = None

    def __getattr__(self, name: str) -> Any:
        # Without a buffer, click cannot write past this class.
        if self._stream is None or name == "buffer":
            raise AttributeError(name)
        return getattr(self._stream, name)

    @property
    def encoding(self) -> str:
        """Of the stream; of one that is not there, UTF-8."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        """Write what the stream can take of a text."""
        if not isinstance(text, str):
            msg = f"a text stream takes str, not {type(text).__name__}"
            raise TypeError(msg)
        if self._stream is not None and self.error is None:
            try:
                self._stream.write(self._encodable(text))
            except (OSError, ValueError) as error:  # ValueError: closed in Python
                self.error = error
        return len(text)

    def flush(self) -> None:
        """Pass on what was written."""
        if self._stream is not None and self.error is None:
            try:
                self._stream.flush()
            except (OSError, ValueError) as error:
                self.error = error

    def isatty(self) -> bool:
        """Whether a person looks on."""
        try:
            return self._stream is not None and self._stream.isatty()
        except ValueError:
            return False

    def _encodable(self, text: str) -> str:
        encoding = self.encoding
        handler = getattr(self._stream, "errors", None) or "strict"
        try:
            text.encode(encoding, handler)
        except UnicodeError:
            return text.encode(encoding, "backslashreplace").decode(encoding)
        return text

    def finish(self) -> None:
        """Flush, and keep Python from complaining at its end about what is lost."""
        self.flush()
        if self.error is None or self._stream is None:
            return
        with suppress(OSError, ValueError):
            descriptor = self._stream.fileno()
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, descriptor)
            os.close(nowhere)


class _Printed:
    """Whether the one object of ``--json`` was printed in this run."""

    json = False


@contextmanager
def steady_streams() -> Iterator[SteadyStream]:
    """Let standard output and error take everything; yield standard output."""
    _open_missing_descriptors()
    before = sys.stdout, sys.stderr
    out, err = SteadyStream(sys.stdout), SteadyStream(sys.stderr)
    sys.stdout, sys.stderr = cast("TextIO", out), cast("TextIO", err)
    _Printed.json = False
    try:
        yield out
    finally:
        sys.stdout, sys.stderr = before
        out.finish()
        err.finish()


def _open_missing_descriptors() -> None:
    """Let 0, 1 and 2 lead nowhere if the caller closed them.

    The next file that is opened would get that number, and take what libraries write
    to standard error.
    """
    with suppress(OSError):
        while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
            os.set_inheritable(descriptor, True)
        os.close(descriptor)


def what_is_lost(out: SteadyStream) -> str | None:
    """Why results did not reach standard output; None if they did.

    A reader that closes the pipe has had enough, which is no failure.
    """
    out.flush()
    error = out.error
    if error is None or getattr(error, "errno", None) == _PIPE_IS_CLOSED:
        return None
    reason = getattr(error, "strerror", None) or error
    return f"cannot write to standard output: {reason}"


def note(message: str) -> None:
    """Print a message to the user on standard error, in one line."""
    _write(plain_line(message))


def note_traceback() -> None:
    """Print what led to the error that is being handled."""
    _write(plain_text(traceback.format_exc()))


def _write(message: str) -> None:
    if "tqdm" in sys.modules:  # there may be a progress bar: write above it
        from tqdm import tqdm

        with tqdm.external_write_mode(file=sys.stderr):
            print(f"napari-vdsr: {message}", file=sys.stderr)
    else:
        print(f"napari-vdsr: {message}", file=sys.stderr)


def print_json(result: dict[str, Any]) -> None:
    """Print the one JSON object that ``--json`` asks for; a second one is left out."""
    text = json.dumps(with_null(result), indent=2, allow_nan=False)
    if not _Printed.json:
        _Printed.json = True
        show(text)


def show_result(result: dict[str, Any], text: str, as_json: bool) -> None:
    """Print a result: as JSON for programs, as text for people."""
    if as_json:
        print_json(result)
    else:
        show(text)


def is_json_printed() -> bool:
    """Whether this run has printed its object."""
    return _Printed.json


def show(text: str) -> None:
    """Print a result on standard output; programs get it as it is."""
    print(plain_text(text) if sys.stdout.isatty() else text, flush=True)


@contextmanager
def progress_bar(description: str, unit: str = "px") -> Iterator[Progress]:
    """Show a bar on standard error, if that is a terminal, while the block runs."""
    from tqdm import tqdm

    bar: tqdm[Any] = tqdm(
        desc=plain_line(description),
        unit=unit,
        unit_scale=unit in ("px", "B"),
        leave=False,
        file=sys.stderr,
        disable=None,
    )
    with bar:
        yield bar


def fetching_bar(name: object) -> AbstractContextManager[Progress]:
    """A bar that is seen while a model is fetched."""
    return progress_bar(f"fetching {name}", "B")


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
