"""Decibels, and the data range that they are relative to: the peak value, and why.

A peak that does not belong to the data shifts every decibel: 255 on images within
[0, 1] adds 48.13 dB, 65535 on 12-bit counts adds 24 dB. So the range follows the
data by fixed rules and is never reported without its reason.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import InputError, is_number
from napari_vdsr.images.stack import Stack, all_values
from napari_vdsr.imaging.intensities import black_and_white, faintness

_TOO_LARGE = 4.0  # times the reference's own span: a gain of 12 dB out of nothing


@dataclass(frozen=True)
class DataRange:
    """The peak value of a comparison.

    Attributes
    ----------
    value : float
        In the unit of the reference; 0 for a constant reference.
    reason : str
        Which rule gave it, in words.
    """

    value: float
    reason: str


def range_of(reference: NDArray[Any] | Stack, given: float | None = None) -> DataRange:
    """Choose the data range of a reference; NaN is ignored.

    A given value goes before all rules: 255 for uint8, 1 for floats within [0, 1],
    otherwise the maximum minus the minimum. Raises InputError when the given value is
    not a positive number, or every pixel is NaN.
    """
    if given is not None:
        if not (is_number(given) and math.isfinite(given) and given > 0):
            raise InputError(
                f"data_range is {given!r}: give a positive number, or leave it out"
            )
        return DataRange(float(given), "given by the caller")
    low, high, known = _values_of(reference)
    if known is not None:
        kind = "8-bit image" if known[1] == 255 else "floating point within [0, 1]"
        return DataRange(known[1], kind)
    if math.isnan(low):
        raise InputError("the reference has no valid pixel: every one is NaN")
    if low == high:
        return DataRange(0.0, f"every value of the reference is {low:g}")
    span = float(_difference(low, high))
    return DataRange(span, f"the reference's values span {low:g} to {high:g}")


def _difference(low: float, high: float) -> float:
    """High minus low; of large integers, before they are rounded."""
    whole = float(low).is_integer() and float(high).is_integer()
    return int(high) - int(low) if whole else high - low


def contradiction(reference: NDArray[Any] | Stack, given: float) -> str | None:
    """Say how a given data range contradicts the reference; None if it does not.

    It does when the values do not fit into it, or when it is more than four times what
    they span. The range that `range_of` would choose is never contradicted.
    """
    usual = range_of(reference)
    if usual.value in (given, 0):
        return None
    found = all_values(reference)
    low, high = found.low, found.high
    change = 20 * math.log10(given / usual.value)
    # Overshoot of a percent is what interpolation does to a normalised image.
    if high - low > 1.01 * given:
        wrong = "less"
    elif given > _TOO_LARGE * max(high - low, usual.value):
        wrong = "far more"
    else:
        return None
    return (
        f"data_range {given:g} is {wrong} than the reference spans ({low:g} to "
        f"{high:g}): against {usual.value:g} ({usual.reason}) it changes the PSNR by "
        f"{change:+.2f} dB; leave data_range out to use that"
    )


def doubt_of_range(reference: Stack, *ways_out: str) -> str | None:
    """Say why the range that `range_of` chooses may not suit; None if it does.

    `ways_out` are what the caller may do beside scaling the values.
    """
    _, high, known = _values_of(reference)
    return faintness(known, high, *ways_out)


def limits_of(image: NDArray[Any] | Stack) -> tuple[float, float]:
    """Black and white of an image; NaN is ignored.

    (0, 255) for uint8, (0, 1) for floats within [0, 1], otherwise minimum and maximum
    (one more where they are equal).
    """
    low, high, known = _values_of(image)
    return known or (low, high if high > low else low + 1)


def _values_of(
    image: NDArray[Any] | Stack,
) -> tuple[float, float, tuple[float, float] | None]:
    """Smallest and largest value, and black and white where they are certain."""
    known = black_and_white(image.dtype, math.nan, math.nan)
    if known is not None:  # by the dtype alone: no need to look
        return *known, known
    found = all_values(image)
    known = black_and_white(image.dtype, found.low, found.high)
    return found.low, found.high, known


_SEVERAL = 3.0  # times the spread: no method changes contrast like that
_LOOKED_AT = 2**16  # pixels of a plane that its deviation is taken from


class Spreads:
    """How far the values of two images spread, told of each pair of planes."""

    def __init__(self) -> None:
        self._low = [math.inf, math.inf]
        self._high = [-math.inf, -math.inf]
        self._deviation = [0.0, 0.0]

    def __call__(
        self, reference: NDArray[np.float64], image: NDArray[np.float64]
    ) -> None:
        """Look at two planes of one shape."""
        for number, plane in enumerate((reference, image)):
            self._low[number] = min(self._low[number], float(np.nanmin(plane)))
            self._high[number] = max(self._high[number], float(np.nanmax(plane)))
            some = plane.ravel()[:: max(1, plane.size // _LOOKED_AT)]
            some = some[~np.isnan(some)]
            if some.size:  # not squared: values may be as large as floats can be
                spread = np.abs(some - some.mean()).mean()
                self._deviation[number] += float(spread)

    def contradiction(self) -> str | None:
        """Say that the scales differ several-fold; None if they do not.

        The spans have to, the largest values, which stay where contrast is low, and the
        mean deviations, which a hot pixel hardly changes.
        """
        spans = [high - low for low, high in zip(self._low, self._high, strict=True)]
        if not (all(spans) and all(self._deviation)):
            return None  # a constant image has no scale
        tops = [max(-a, b) for a, b in zip(self._low, self._high, strict=True)]
        pairs = (spans, tops, self._deviation)
        ratios = [image / reference for reference, image in pairs if reference]
        if min(ratios) <= _SEVERAL and max(ratios) >= 1 / _SEVERAL:
            return None
        (a, b), (c, d) = zip(self._low, self._high, strict=True)
        return (
            f"the reference's values lie in {a:g} to {b:g} and the image's in {c:g} to "
            f"{d:g}: the PSNR compares them as they are; bring both to one scale, or "
            "use the fitted PSNR (fit=True, --fit)"
        )


def decibels(root: float, peak: float) -> float:
    """PSNR in dB of a root mean squared error; infinite for no error.

    `peak` is the data range, in the unit of the error.
    """
    if root == 0:
        return math.inf
    return 20 * (math.log10(peak) - math.log10(root)) if peak else -math.inf


def mean_decibels(values: Sequence[float]) -> float:
    """Mean of figures in dB; infinite ones, of no error, count only if all are."""
    finite = [value for value in values if value != math.inf]
    return math.fsum(finite) / len(finite) if finite else math.inf


def root_mean_square(values: NDArray[np.float64]) -> float:
    """Root of the mean square, also where the squares are no float64 any more."""
    near, exponent = _near_one(values)
    return math.ldexp(math.sqrt(np.mean(np.square(near))), exponent)


def _near_one(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], int]:
    """Values whose squares are safe, and the power of two they are short of.

    Only extreme ones are changed.
    """
    top = float(max(values.max(), -values.min(), 0.0))
    if top == 0 or 1e-140 < top < 1e140:
        return values, 0
    exponent = math.frexp(top)[1]
    near: NDArray[np.float64] = np.ldexp(values, -exponent)
    return near, exponent


def fit_to(
    reference: NDArray[np.float64], image: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The ``a * image + b`` closest to a reference by least squares.

    Both are of equal shape and without NaN.
    """
    centred, _ = _near_one(image - image.mean())
    target, exponent = _near_one(reference - reference.mean())
    energy = float(np.sum(np.square(centred)))
    # A constant image may keep a rounding error here; the centred reference cancels it.
    common = float(np.sum(centred * target))
    slope = common / energy if energy else 0.0
    fitted: NDArray[np.float64] = np.ldexp(slope * centred, exponent) + reference.mean()
    return fitted
