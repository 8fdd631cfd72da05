"""Units of length and time as files spell them, and how lengths compare."""

from collections.abc import Sequence
from math import inf

_METRES = {
    "m": 1.0,
    "dm": 1e-1,
    "cm": 1e-2,
    "mm": 1e-3,
    "µm": 1e-6,
    "nm": 1e-9,
    "pm": 1e-12,
    "Å": 1e-10,
    "in": 0.0254,
}

_SPELLINGS = {
    "um": "µm",
    "\u03bcm": "µm",  # Greek mu instead of the micro sign
    "\\u00b5m": "µm",  # as ImageJ escapes it
    "\\u00c5": "Å",
    "å": "Å",
    "micron": "µm",
    "microns": "µm",
    "micrometer": "µm",
    "micrometre": "µm",
    "nanometer": "nm",
    "nanometre": "nm",
    "millimeter": "mm",
    "millimetre": "mm",
    "centimeter": "cm",
    "centimetre": "cm",
    "meter": "m",
    "metre": "m",
    "inch": "in",
    "inches": "in",
    "angstrom": "Å",
    "second": "s",
    "millisecond": "ms",
    "microsecond": "µs",
    "nanosecond": "ns",
    "minute": "min",
    "hour": "h",
}

_NO_LENGTH = {"", "none", "pixel", "pixels", "px", "null", "reference frame"}


def normalise_unit(unit: str | None) -> str | None:
    """The usual symbol of a unit; an unknown one as it is; None for none or pixels.

    Examples
    --------
    >>> normalise_unit("micron")
    'µm'
    """
    text = (unit or "").strip()
    if text.lower() in _NO_LENGTH:
        return None
    return _SPELLINGS.get(text.lower(), text)


def convert_length(value: float, unit: str, target: str) -> float | None:
    """A length in another unit; None when a unit is unknown.

    Units are as `normalise_unit` gives them.

    Examples
    --------
    >>> convert_length(250, "nm", "µm")
    0.25
    """
    if unit == target:
        return value
    if unit not in _METRES or target not in _METRES:
        return None
    return float(f"{value * _METRES[unit] / _METRES[target]:.15g}")


def plane_size(
    size: tuple[float, float], units: Sequence[str | None]
) -> tuple[tuple[float, float] | None, str | None]:
    """Height and width of a pixel in the unit of the height, and that unit.

    Two Nones where a size is not above 0 or the units cannot be converted.
    """
    width = convert_length(size[1], units[1] or "", units[0] or "")
    if width is None or not all(0 < value < inf for value in size):
        return None, None
    return (size[0], width), units[0]
