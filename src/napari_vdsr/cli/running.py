"""Running a command: exit status, errors, warnings and signals."""

import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, metadata
from types import FrameType
from typing import TextIO

from napari_vdsr.cli.console import note, print_json
from napari_vdsr.errors import InputError, VdsrError, VdsrWarning

FAILED = 1
BAD_ARGUMENTS = 2
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(BaseException):
    """The user or the system ends the program; files are tidied on the way out."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.status = 128 + number


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `napari-vdsr`.

    Parameters
    ----------
    arguments : sequence of str, optional
        What follows the name of the program; by default from the command line.

    Returns
    -------
    int
        Exit status: 0 for success, 1 for failure, 2 for wrong arguments, 130 and 143
        after an interrupt.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    with _signals_raise(), _warnings_in_one_line():
        try:
            return _run(given)
        except Interrupted as end:
            note("interrupted")
            return end.status


def _run(given: list[str]) -> int:
    """Run a command; errors become messages and an exit status."""
    from napari_vdsr.cli.app import app

    try:
        app(given, prog_name="napari-vdsr")
    except SystemExit as end:  # how typer returns
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except VdsrError as error:
        _report(given, type(error).__name__, str(error))
        return BAD_ARGUMENTS if isinstance(error, InputError) else FAILED
    except MemoryError as error:
        _report(given, "MemoryError", f"not enough memory: {error}")
        return FAILED
    except Exception as error:
        _report(given, type(error).__name__, f"unexpected {error!r}")
        note(traceback.format_exc())
        note(
            "this is a fault of napari-vdsr, not of yours: please report the lines "
            f"above together with what `napari-vdsr info` prints{_tracker()}"
        )
        return FAILED
    return 0


def _report(given: list[str], kind: str, message: str) -> None:
    """Say what went wrong, to people and, if asked for, to a program."""
    note(f"error: {message}")
    if "--json" in given:
        print_json({"error": {"type": kind, "message": message}})


def _tracker() -> str:
    """Where faults are reported, as the package metadata has it."""
    try:
        links = metadata("napari-vdsr").get_all("Project-URL") or []
    except PackageNotFoundError:
        links = []
    named = dict(link.split(", ", 1) for link in links)
    tracker = named.get("Issues") or named.get("Bug Tracker")
    return f" at {tracker}" if tracker else ""


@contextmanager
def _warnings_in_one_line() -> Iterator[None]:
    """Show our own warnings as one clean line, others as usual."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", VdsrWarning)
        usual = warnings.showwarning
        shown: set[str] = set()

        def show(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if issubclass(category, VdsrWarning):
                if str(message) not in shown:  # planes and parts warn alike
                    note(f"warning: {message}")
                shown.add(str(message))
            else:
                usual(message, category, filename, lineno, file, line)

        warnings.showwarning = show
        yield


@contextmanager
def _signals_raise() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM unwind the program instead of stopping it dead."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, _frame: FrameType | None) -> None:
        for each in _SIGNALS:  # a second one must not interrupt the tidying up
            signal.signal(each, signal.SIG_IGN)
        raise Interrupted(number)

    before = {number: signal.signal(number, stop) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
