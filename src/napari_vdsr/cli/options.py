"""Options that several commands share, and parsers for their values."""

import errno
import re
from pathlib import Path
from typing import Annotated

import typer

from napari_vdsr.errors import FileError, InputError

Device = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="Where to compute: auto, cpu, cuda, cuda:1, mps or xpu. "
        "`napari-vdsr info` lists what this machine has.",
    ),
]
Precision = Annotated[
    str,
    typer.Option(
        metavar="NAME", help="Of the hidden layers: auto, float32, float16 or bfloat16."
    ),
]
Tile = Annotated[
    str,
    typer.Option(
        metavar="SIZE",
        help='Output pixels per edge of a tile, a memory budget such as "500 MB", or '
        "auto. It changes memory and speed, not the result.",
    ),
]
Ensemble = Annotated[
    bool,
    typer.Option(
        "--ensemble",
        help="Take the mean of the network's results for the eight flips and turns of "
        "the image, which takes eight times as long.",
    ),
]
Axes = Annotated[
    str | None,
    typer.Option(
        metavar="LETTERS",
        help="What the axes are, where the file does not tell or is wrong: a "
        "letter each, such as TCZYX; S stands for colours.",
        show_default=False,
    ),
]
Json = Annotated[
    bool,
    typer.Option("--json", help="Print one JSON object on standard output."),
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
