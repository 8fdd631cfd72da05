"""The arithmetic of a PSNR."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


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


def finite_or_none(value: float) -> float | None:
    """The value, or None where JSON has no number for it."""
    return value if math.isfinite(value) else None
