"""Pairs of registered images, at low and at high resolution."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import InputError
from napari_vdsr.imaging.geometry import LARGEST_FACTOR
from napari_vdsr.imaging.resample import Kernel, resize
from napari_vdsr.training.pieces import Piece
from napari_vdsr.training.planes import Least, Plane, Unusable, normalised, scaled
from napari_vdsr.training.sources import Source, find_sources, luminance

_WHOLE = 2**31  # pixels: planes of pairs are never cut into blocks


class Pairs(NamedTuple):
    """Registered images of the same field, to learn the step from one to the other.

    Attributes
    ----------
    low, high : array-like, layer, path, or a list of these
        As `find_sources` takes them, in the same order. Sizes differ by the factor.
    """

    low: Any
    high: Any


def find_pairs(pairs: Pairs, *, rgb: bool | None = None) -> list[Source]:
    """List pairs of images as sources whose pieces yield low and high planes in turn.

    Raises `InputError` unless there are as many low as high images.
    """
    low, high = (
        find_sources(images, rgb=rgb, block=_WHOLE, memory=math.inf) for images in pairs
    )
    if len(low) != len(high):
        raise InputError(
            f"there are {len(low)} images of low and {len(high)} of high resolution: "
            "give as many of each, in the same order"
        )
    return [_paired(one, other) for one, other in zip(low, high, strict=True)]


def _paired(low: Source, high: Source) -> Source:
    ones, others = low.plan(), high.plan()
    if len(ones) != len(others):
        raise InputError(
            f"{low.name} has {len(ones)} planes of low and {len(others)} of "
            "high resolution: give as many of each"
        )
    pieces = tuple(map(_in_turn, ones, others))
    return Source(low.name, lambda: pieces)


def _in_turn(low: Piece, high: Piece) -> Piece:
    def read() -> Iterator[NDArray[Any]]:
        ones, others = list(low()), list(high())
        if len(ones) != len(others):
            raise Unusable(
                f"{len(ones)} planes of low, {len(others)} of high resolution"
            )
        for one, other in zip(ones, others, strict=True):
            yield one
            yield other

    return read


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
