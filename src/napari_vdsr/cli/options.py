"""Options that several commands share, and parsers for their values."""

import errno
import re
from collections.abc import Callable, Iterable
from dataclasses import fields
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

import typer

from napari_vdsr.errors import FileError, InputError
from napari_vdsr.options import RunOptions

_RUN_OPTIONS = {each.name: each for each in fields(RunOptions)}


def _run_option(name: str) -> Any:
    """What typer has to know of a field of `RunOptions`."""
    field = _RUN_OPTIONS[name]
    flag = "--" + name.replace("_", "-")
    return typer.Option(
        *([flag] if isinstance(field.default, bool) else ()),  # without --no-…
        metavar=field.metadata["value"],
        help=field.metadata["help"],
        show_default=field.default is not None,
    )


def takes_run_options(
    *, without: Iterable[str] = (), **defaults: Any
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Offer the fields of `RunOptions` in place of a command's parameter `options`.

    All that have a help text, but for `without`; `defaults` are those of this command.
    """
    hints = get_type_hints(RunOptions)
    offered = [
        Parameter(
            name,
            Parameter.KEYWORD_ONLY,
            default=defaults.get(name, field.default),
            # Of several kinds, the shell has the one that is typed.
            annotation=Annotated[
                str if str in get_args(hints[name]) else hints[name], _run_option(name)
            ],
        )
        for name, field in _RUN_OPTIONS.items()
        if field.metadata["help"] and name not in without
    ]

    def change(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def run(**given: Any) -> None:
            values = {each.name: given.pop(each.name) for each in offered}
            command(options=RunOptions(**values), **given)

        parameters: list[Parameter] = []
        for each in signature(command).parameters.values():
            same = each.replace(kind=Parameter.KEYWORD_ONLY)
            parameters += offered if each.name == "options" else [same]
        run.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {each.name: each.annotation for each in parameters}
        return run

    return change


def option(text: str, value: str | None = None, **more: Any) -> Any:
    """An option that need not be given; `value` is what its help calls the value."""
    return typer.Option(metavar=value, help=text, show_default=False, **more)


Device = Annotated[str, _run_option("device")]
Axes = Annotated[
    str | None,
    option(
        "What the axes are, where the file does not tell or is wrong: a letter each, "
        "such as TCZYX; S stands for colours.",
        "LETTERS",
    ),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace files that exist.")
]
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object on standard output.")
]

_DECIMAL_COMMA = re.compile(r"\s*([-+]?\d*),(\d+)([^,.]*)")

_LENGTH = re.compile(r"\s*([-+]?[\d.]+(?:[eE][-+]?\d+)?|nan|inf)\s*([^\d\s,]*)\s*")


def named_path(text: str) -> Path:
    """Read a path; an empty one would be the current folder, which nobody wrote."""
    if not text:
        raise typer.BadParameter("the name is empty: write that of a file or folder")
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text):
        raise FileError(
            f"{text} is an address, but files and folders of this machine are read and "
            "written: download it first"
        )
    path = Path(text)
    try:
        path.stat()
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise FileError(
                f"{text[:60]}… is no name of a file: it is too long"
            ) from error
    return path


def refuse_decimal_comma(text: str, name: str) -> None:
    """Refuse "2,5", which could be one number or two; `name` is for the `InputError`.

    A space, a point or a unit leaves no doubt: "2, 5", "2.0,5.0", "50nm,60nm".
    """
    found = _DECIMAL_COMMA.fullmatch(text)
    if found is not None:
        whole, rest, unit = found.groups()
        one = f"{whole or 0}.{rest}{unit}".strip()
        raise InputError(
            f"{name} is {text!r}, which may be {one} or two numbers: write {one}, or "
            f'"{whole or 0}{unit}, {rest}{unit}" with a space for Y and X'
        )


def parse_pair(text: str, name: str) -> float | tuple[float, float]:
    """Read "2", "2, 3" or "2.0,3.0" (Y, X); `name` is for the `InputError`."""
    refuse_decimal_comma(text, name)
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if len(values) == 1:
        return values[0]
    if len(values) == 2:
        return values[0], values[1]
    raise InputError(
        f"{name} is {text!r}: give one number, or one for Y and one for X as in 2.0,3.0"
    )


def parse_lengths(text: str) -> tuple[tuple[float, float], str | None]:
    """Read "0.1", "0.1,0.2" (Y, X), "50nm" or "50nm,0.1um": height and width, and unit.

    Raises `InputError` for anything else, or when the units differ.
    """
    refuse_decimal_comma(text, "pixel size")
    matches = [_LENGTH.fullmatch(part) for part in text.split(",")]
    found = [match.groups() for match in matches if match]
    units = {unit for _, unit in found}
    try:
        values = [float(value) for value, _ in found]
    except ValueError:
        values = []
    if len(values) not in (1, 2) or len(found) != len(matches) or len(units) != 1:
        raise InputError(
            f"pixel size is {text!r}: give one length, or one for Y and one for X in "
            "the same unit, such as 0.1 or 50nm or 0.1um,0.2um"
        )
    return (values[0], values[-1]), units.pop() or None
