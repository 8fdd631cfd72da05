"""Pairs of registered images, at low and at high resolution."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.imaging.geometry import LARGEST_FACTOR
from napari_vdsr.imaging.resample import Kernel, resize
from napari_vdsr.training.planes import (
    Least,
    Plane,
    Unusable,
    luminance,
    normalised,
    scaled,
)


class Pairs(NamedTuple):
    """Registered images of the same field, to learn the step from one to the other.

    Attributes
    ----------
    low : array-like, layer, path, or a list of these
        As for `prepare`.
    high : array-like, layer, path, or a list of these
        The same fields in the same order. Sizes differ by the factor.
    """

    low: Any
    high: Any


def joined(
    low: NDArray[Any],
    high: NDArray[Any],
    channels: int,
    least: Least,
    kernel: Kernel,
) -> Plane:
    """Enlarge the low plane to the grid of the high one and stack them.

    Planes have the shape (1 or 3, Y, X); the result has twice `channels`: the network's
    input, then its target, both on the scale of the low plane. Raises `Unusable` when
    either cannot be used, their sizes do not fit or they are shifted.
    """
    sizes = list(zip(high.shape[1:], low.shape[1:], strict=True))
    ratios = [after / before for after, before in sizes]
    # Sizes are rounded to whole pixels, which is all the ratios may differ by.
    spread = max(ratios) - min(ratios)
    if not 1 <= min(ratios) <= max(ratios) <= LARGEST_FACTOR or spread > 1 / min(
        before for _, before in sizes
    ):
        raise Unusable(
            f"sizes {low.shape[1:]} and {high.shape[1:]} are no pair: the second must "
            f"be 1 to {LARGEST_FACTOR:g} times the first, in Y as in X"
        )
    truth = normalised(high, channels, least)
    source = normalised(low, channels, Least(1))
    low, high = (luminance(low), luminance(high)) if channels == 1 else (low, high)
    enlarged = resize(low, truth.pixels.shape[1:], kernel)
    shift = _shift(enlarged[0], high[0].astype(np.float64))
    if max(map(abs, shift)) > max(1.0, max(ratios) / 2):
        raise Unusable(
            f"not registered: shifted by {shift[0]}, {shift[1]} pixels in Y, X"
        )
    return scaled(np.concatenate([enlarged, high]), source.limits)


def _shift(
    image: NDArray[np.float64], reference: NDArray[np.float64]
) -> tuple[int, int]:
    """Shift between two images in whole pixels, by phase correlation."""
    window = np.outer(*(np.hanning(size) for size in image.shape))
    spectra = [
        np.fft.rfft2((values - values.mean()) * window) for values in (image, reference)
    ]
    product = spectra[1] * spectra[0].conj()
    # Divide by the root of the magnitude: dividing by all of it would give noise
    # beyond the cut-off of the low image the same weight as the image itself.
    product /= np.sqrt(np.abs(product)) + 1e-12
    surface = np.fft.irfft2(product, image.shape)
    peak = np.unravel_index(surface.argmax(), surface.shape)
    y, x = (
        int(index) - (size if index > size // 2 else 0)
        for index, size in zip(peak, surface.shape, strict=True)
    )
    return y, x
