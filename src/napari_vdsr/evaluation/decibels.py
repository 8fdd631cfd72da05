"""The arithmetic of a PSNR."""

import math

import numpy as np
from numpy.typing import NDArray


def decibels(error: float, peak: float) -> float:
    """PSNR of a mean squared error.

    Parameters
    ----------
    error : float
        Mean squared error, at least 0.
    peak : float
        The data range, in the same unit as the error's root.

    Returns
    -------
    float
        In dB; infinite for no error.
    """
    if error == 0:
        return math.inf
    return 20 * math.log10(peak) - 10 * math.log10(error) if peak else -math.inf


def fit_to(
    reference: NDArray[np.float64], image: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Change an image's intensities affinely to come closest to a reference.

    Parameters
    ----------
    reference, image : ndarray of float64, equal shapes
        Without NaN.

    Returns
    -------
    ndarray of float64
        ``a * image + b`` with the least squared difference from the reference.
    """
    centred = image - image.mean()
    energy = float(np.sum(np.square(centred)))
    # Both are centred: of a constant image rounding leaves a mean, and no more.
    common = float(np.sum(centred * (reference - reference.mean())))
    slope = common / energy if energy else 0.0
    fitted: NDArray[np.float64] = slope * centred + reference.mean()
    return fitted


def finite_or_none(value: float) -> float | None:
    """The value, or None where JSON has no number for it."""
    return value if math.isfinite(value) else None
