"""The program: its commands, their exit status, errors and warnings."""

import os
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, TextIO

from napari_vdsr.cli.console import (
    Interrupted,
    is_json_printed,
    note,
    note_traceback,
    print_json,
    show,
    signals_raise,
    steady_streams,
    what_is_lost,
)
from napari_vdsr.errors import FileError, InputError, VdsrError, VdsrWarning
from napari_vdsr.version import __version__

if TYPE_CHECKING:
    import typer

FAILED = 1
BAD_ARGUMENTS = 2
_TRACKER = "https://github.com/napari-vdsr/napari-vdsr/issues"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `napari-vdsr` with arguments, by default those of the command line.

    Exit status: 0 done, 1 failed, 2 wrong arguments, 128 and the number of a signal
    (130 for Ctrl-C) interrupted. What standard output and error can take, or whether
    they are there, changes no work: where results could not be printed, it is 1.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    with steady_streams() as out, signals_raise(), _warnings_in_one_line():
        try:
            status = _run(given)
        except Interrupted as end:
            _report(given, "Interrupted", "interrupted", before="")
            status = end.status
        if status and not is_json_printed():  # said in words already
            _report_json(given, "Failed", f"ended with status {status}")
        lost = what_is_lost(out)
        if lost is not None:
            note(f"error: {lost}")
            status = status or FAILED
        return status


def _run(given: list[str]) -> int:
    """Run a command; errors become messages and an exit status."""
    try:
        _check_current_folder()
        status = application()(given, prog_name="napari-vdsr", standalone_mode=False)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except VdsrError as error:
        _report(given, type(error).__name__, _in_shell(str(error)))
        return BAD_ARGUMENTS if isinstance(error, InputError) else FAILED
    except MemoryError as error:
        words = str(error)
        reason = words if words.startswith("for ") else f"for this: {words}"
        _report(given, "MemoryError", f"not enough memory {reason}")
        return FAILED
    except OSError as error:
        if error.filename is None or error.strerror is None:
            return _report_fault(given, error)
        _report(given, "FileError", f"cannot use {error.filename}: {error.strerror}")
        return FAILED
    except Exception as error:
        if hasattr(error, "format_message"):  # typer's, of wrong arguments
            return _report_usage(given, error)
        return _report_fault(given, error)
    return status if isinstance(status, int) else 0


def _check_current_folder() -> None:
    """Raise FileError where it is gone: libraries would end the process for it."""
    try:
        os.getcwd()
    except OSError as error:
        raise FileError(
            "the current folder is gone, or cannot be entered any more: change to "
            "another one (cd)"
        ) from error


def application() -> "typer.Typer":
    """All subcommands in one."""
    import typer

    from napari_vdsr.cli.evaluate import evaluate, psnr
    from napari_vdsr.cli.models import app as models
    from napari_vdsr.cli.reports import bench, describe, info
    from napari_vdsr.cli.train import train
    from napari_vdsr.cli.upscale import upscale

    def print_version(wanted: bool) -> None:
        if wanted:
            show(__version__)
            raise typer.Exit

    def program(
        version: Annotated[
            bool,
            typer.Option(
                "--version",
                callback=print_version,
                is_eager=True,
                help="Print the version and leave.",
            ),
        ] = False,
    ) -> None:
        """Super-resolution you can measure.

        Results go to standard output, messages and progress to standard error.
        Exit status: 0 done, 1 failed, 2 wrong arguments, 130 interrupted.
        """

    made = typer.Typer(
        name="napari-vdsr",
        callback=program,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        rich_markup_mode="markdown",
    )
    for command in (upscale, describe, psnr, evaluate, train, bench, info):
        made.command()(command)
    made.add_typer(models, name="models")
    return made


def _report_fault(given: list[str], error: Exception) -> int:
    """Report what nobody has foreseen, within its handler."""
    _report(given, type(error).__name__, f"unexpected {error!r}")
    note_traceback()
    note(
        "this is a fault of napari-vdsr, not of yours: please report the lines "
        f"above together with what `napari-vdsr info` prints at {_TRACKER}"
    )
    return FAILED


def _report_usage(given: list[str], error: Any) -> int:
    """Report wrong arguments in typer's words, which show how it is used."""
    error.show()
    if given:  # without any, the help was shown, which is no message
        _report_json(given, "UsageError", error.format_message())
    return int(error.exit_code)


def _report(
    given: list[str], kind: str, message: str, *, before: str = "error: "
) -> None:
    """Report an error to the user and, with ``--json``, to a program."""
    note(f"{before}{message}")
    _report_json(given, kind, message)


def _in_shell(words: str) -> str:
    """Name options as in a shell: name_of=(one, two) is --name-of ONE TWO."""

    def option(match: re.Match[str]) -> str:
        values = match[2].replace(",", "").upper()
        return f"--{match[1].replace('_', '-')} {values}"

    return re.sub(r"\b([a-z_]+)=\(([a-z, ]+)\)", option, words)


def _report_json(given: list[str], kind: str, message: str) -> None:
    options = given[: given.index("--")] if "--" in given else given
    if "--json" in options:
        print_json({"error": {"type": kind, "message": message}})


@contextmanager
def _warnings_in_one_line() -> Iterator[None]:
    """Show our own warnings as one line each, others as usual."""
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
                if str(message) not in shown:  # planes and parts repeat a warning
                    note(f"warning: {message}")
                shown.add(str(message))
            else:
                usual(message, category, filename, lineno, file, line)

        warnings.showwarning = show
        yield
