"""The planes of training images, and of pairs of them: read and brought to one scale.

An image is read piece by piece, because a set may be larger than memory.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import pairwise, product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import InputError, VdsrError
from napari_vdsr.images import stack as stacks
from napari_vdsr.images.find import NamedImage
from napari_vdsr.images.open_any import opened
from napari_vdsr.images.stack import Stack
from napari_vdsr.imaging.geometry import LARGEST_FACTOR, enlarged_size
from napari_vdsr.imaging.intensities import FULL_RANGE
from napari_vdsr.imaging.resample import Kernel, resize
from napari_vdsr.training.config import TrainingConfig

MEMORY = 2e9
"""Bytes of pixels held at a time, by default."""

BLOCK = 1024
"""Pixels per edge that a window of a large plane has at least."""

_PARTS = 8  # a piece is at most 1 / 8 of the memory
_FLOAT = 4  # bytes


class Unusable(VdsrError):
    """A plane that cannot be used for training; the message says why."""


class Least(NamedTuple):
    """Pixels that Y and X must have, and why fewer do not suffice."""

    pixels: int
    why: str = ""


@dataclass(frozen=True, eq=False)
class Plane:
    """A plane on a common scale."""

    pixels: NDArray[Any]  # (C, Y, X): uint8, or float32 from about 0 to 1
    limits: tuple[float, float]  # the counts at both ends of that scale


def normalised(plane: NDArray[Any], channels: int, least: Least) -> Plane:
    """Bring a plane of shape (1 or 3, Y, X) to the common scale.

    8-bit images and floats within 0 and 1 keep their values; all others get their 0.1th
    and 99.9th percentile at 0 and 1. Raises `Unusable` when the plane is too small,
    constant, not finite or lacks colours.
    """
    height, width = plane.shape[1:]
    if min(height, width) < least.pixels:
        raise Unusable(f"{height} × {width} pixels, {least.why}")
    if channels == 3 and len(plane) != 3:
        raise Unusable("grey, but this network takes colours")
    plane = luminance(plane) if channels == 1 else plane
    if plane.dtype.kind == "f" and not np.isfinite(plane).all():
        raise Unusable("has NaN or infinite pixels")
    low, high = plane.min(), plane.max()
    if low == high:
        raise Unusable(f"constant: every pixel is {low:g}")
    if plane.dtype == np.uint8:
        return Plane(np.ascontiguousarray(plane), (0.0, 255.0))
    if plane.dtype.kind == "f" and low >= 0 and high <= 1:
        return Plane(plane.astype(np.float32), (0.0, 1.0))
    return scaled(plane, _percentiles(plane))


def luminance(plane: NDArray[Any]) -> NDArray[Any]:
    """Luminance (1, Y, X) of a plane (1 or 3, Y, X), in the same dtype."""
    if len(plane) == 1:
        return plane
    grey = np.tensordot(np.array(FULL_RANGE), plane.astype(np.float64), 1)[None]
    if plane.dtype.kind in "iu":
        grey = np.rint(grey)
    return grey.astype(plane.dtype)


def scaled(plane: NDArray[Any], limits: tuple[float, float]) -> Plane:
    """Map counts linearly, so that the limits become 0 and 1."""
    low, high = limits
    values = plane.astype(np.float64)
    values -= low  # in place: planes can be large
    values /= high - low
    return Plane(values.astype(np.float32), limits)


def _percentiles(plane: NDArray[Any]) -> tuple[float, float]:
    """Black and white, without a few hot or dead pixels."""
    low, high = np.percentile(plane, (0.1, 99.9))
    if low == high:
        low, high = plane.min(), plane.max()
    return float(low), float(high)


def with_sizes(
    plane: Plane, sizes: tuple[float, ...], smallest: int
) -> Iterator[Plane]:
    """Yield a plane and smaller copies of it, in its dtype.

    Copies with fewer than `smallest` pixels in Y or X are left out.
    """
    shape = plane.pixels.shape[1:]
    for size in sizes:
        new = enlarged_size(shape[0], size), enlarged_size(shape[1], size)
        if new == shape:
            yield plane
        elif min(new) >= smallest:
            values = resize(plane.pixels, new)
            if plane.pixels.dtype == np.uint8:
                values = np.rint(values).clip(0, 255)
            yield Plane(values.astype(plane.pixels.dtype), plane.limits)


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
    low: NDArray[Any], high: NDArray[Any], channels: int, least: Least, kernel: Kernel
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


Piece = Callable[[], Plane]
"""Reads and prepares a plane, or a window of one; raises `VdsrError` if it cannot."""


@dataclass(frozen=True, eq=False)
class TrainingImage:
    """One image, or a registered pair of them."""

    image: NamedImage
    high: NamedImage | None = None  # of a pair: the same field at high resolution
    strip: tuple[float, float] = (0.0, 1.0)  # the part that is used of its longer side

    @property
    def name(self) -> str:
        """For messages."""
        return self.image.name

    @property
    def in_file(self) -> bool:
        """Whether it has still to be read, so that it may be damaged."""
        return self.image.in_file or (self.high is not None and self.high.in_file)


@contextmanager
def pieces_of(
    image: TrainingImage,
    config: TrainingConfig,
    least: Least,
    rgb: bool | None,
    memory: float,
) -> Iterator[tuple[list[Piece], tuple[str, ...]]]:
    """Open an image; yield its planes, or windows of large ones, and remarks on files.

    Raises VdsrError when it cannot be opened.
    """
    with ExitStack() as files:
        if image.high is not None:
            low, high = (
                files.enter_context(opened(each.image, each.name, rgb, warn=False))
                for each in (image.image, image.high)
            )
            yield _pairs(low, high, config, least), low.remarks + high.remarks
            return
        kept = min(stacks.KEPT, memory / _PARTS)
        stack = files.enter_context(
            opened(image.image.image, image.name, rgb, kept=kept, warn=False)
        )
        remarks = stack.remarks
        if image.strip != (0, 1):
            stack = _strip(stack, *image.strip)
        pixels = int(memory / _PARTS / _FLOAT / (3 if stack.rgb else 1))
        yield _single(stack, config, least, pixels), remarks


def _strip(stack: Stack, start: float, stop: float) -> Stack:
    """A strip of an image, across its longer side."""
    y, x = stack.plane_shape
    size = max(y, x)
    first = math.floor(size * start)
    part = slice(first, max(first + 1, math.floor(size * stop)))
    full = slice(0, min(y, x))
    return stack.cropped(part, full) if y > x else stack.cropped(full, part)


def _windows(shape: tuple[int, int], most: int) -> list[tuple[slice, slice]]:
    """Cut a plane into windows of about `most` pixels, if it has more."""
    height, width = rows, columns = shape
    if height * width > most:
        columns = max(BLOCK, most // BLOCK)
        rows = max(BLOCK, most // min(width, columns))
    return list(product(_ranges(height, rows), _ranges(width, columns)))


def _ranges(size: int, block: int) -> list[slice]:
    """Cut an axis into about equal blocks."""
    count = -(-size // block)
    edges = [size * index // count for index in range(count + 1)]
    return [slice(*pair) for pair in pairwise(edges)]


def _single(
    stack: Stack, config: TrainingConfig, least: Least, most: int
) -> list[Piece]:
    def read(index: tuple[int, ...], window: tuple[slice, slice]) -> Plane:
        plane = colours_first(stack.window(index, *window), stack.rgb)
        return normalised(plane, config.channels, least)

    places = product(np.ndindex(stack.stack), _windows(stack.plane_shape, most))
    return [partial(read, *place) for place in places]


def _pairs(
    low: Stack, high: Stack, config: TrainingConfig, least: Least
) -> list[Piece]:
    if math.prod(low.stack) != math.prod(high.stack):
        raise InputError(
            f"{low.name} has {math.prod(low.stack)} planes of low and "
            f"{math.prod(high.stack)} of high resolution: give as many of each"
        )

    def read(one: tuple[int, ...], other: tuple[int, ...]) -> Plane:
        source = colours_first(low[one], low.rgb)
        truth = colours_first(high[other], high.rgb)
        return joined(source, truth, config.channels, least, config.kernel)

    places = zip(np.ndindex(low.stack), np.ndindex(high.stack), strict=True)
    return [partial(read, *place) for place in places]


def colours_first(plane: NDArray[Any], rgb: bool) -> NDArray[Any]:
    """A plane (Y, X[, 3]) in the shape (1 or 3, Y, X)."""
    return np.moveaxis(plane, -1, 0) if rgb else plane[None]
