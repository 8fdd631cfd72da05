"""Printing: results to standard output, everything else to standard error."""

import errno
import json
import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast

from napari_vdsr.plain_text import plain_line, plain_text
from napari_vdsr.progress import Progress

_PIPE_IS_CLOSED = errno.EINVAL if sys.platform == "win32" else errno.EPIPE


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
    """Print a message to the user on standard error."""
    message = plain_text(message)
    if "tqdm" in sys.modules:  # there may be a progress bar: write above it
        from tqdm import tqdm

        with tqdm.external_write_mode(file=sys.stderr):
            print(f"napari-vdsr: {message}", file=sys.stderr)
    else:
        print(f"napari-vdsr: {message}", file=sys.stderr)


def print_json(result: dict[str, Any]) -> None:
    """Print the one JSON object that ``--json`` asks for; a second one is left out.

    JSON has no word for infinity and NaN: they become null.
    """
    text = json.dumps(_with_null(result), indent=2, allow_nan=False)
    if not _Printed.json:
        _Printed.json = True
        show(text)


def is_json_printed() -> bool:
    """Whether this run has printed its object."""
    return _Printed.json


def _with_null(value: Any) -> Any:
    """The same, with None for numbers that are not finite."""
    if isinstance(value, dict):
        return {key: _with_null(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_with_null(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


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
