"""Options that several commands have, and how their values are read."""

import re
from typing import Annotated

import typer

from napari_vdsr.errors import InputError

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
Json = Annotated[
    bool,
    typer.Option("--json", help="Print one JSON object on standard output."),
]

_LENGTH = re.compile(r"\s*([-+]?[\d.]+(?:[eE][-+]?\d+)?|nan|inf)\s*([^\d\s,]*)\s*")


def parse_pair(text: str, name: str) -> float | tuple[float, float]:
    """Read "2" or "2,3".

    Parameters
    ----------
    text : str
        One number, or one for Y and one for X.
    name : str
        What the value is called, for the message.

    Returns
    -------
    float or pair of float

    Raises
    ------
    InputError
        When it is neither.
    """
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if len(values) == 1:
        return values[0]
    if len(values) == 2:
        return values[0], values[1]
    raise InputError(
        f"{name} is {text!r}: give one number, or one for Y and one for X as in 2,3"
    )


def parse_lengths(text: str) -> tuple[tuple[float, float], str | None]:
    """Read "0.1", "0.1,0.2", "50nm" or "50nm,0.1um".

    Parameters
    ----------
    text : str
        One length, or one for Y and one for X.

    Returns
    -------
    tuple of (tuple of float, str or None)
        Height and width, and their unit if one was given.

    Raises
    ------
    InputError
        When it is no such thing, or the units differ.
    """
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
