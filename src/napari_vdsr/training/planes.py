"""From the planes of an image to planes that a network can be trained on."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import VdsrError
from napari_vdsr.imaging.geometry import enlarged_size
from napari_vdsr.imaging.resample import resize
from napari_vdsr.training.sources import luminance


class Unusable(VdsrError):
    """A plane that nothing can be learned from; the message says why."""


class Least(NamedTuple):
    """How many pixels Y and X must have, and why fewer are of no use."""

    pixels: int
    why: str = ""


@dataclass(frozen=True, eq=False)
class Plane:
    """A plane on a common scale.

    Attributes
    ----------
    pixels : ndarray, shape (channels, Y, X)
        uint8 from 0 to 255, or float32 from about 0 to 1.
    limits : tuple of float
        What the two ends of that scale stand for, in counts of the image.
    """

    pixels: NDArray[Any]
    limits: tuple[float, float]


def normalised(plane: NDArray[Any], channels: int, least: Least) -> Plane:
    """Bring a plane to the common scale, or say why it is of no use.

    Parameters
    ----------
    plane : ndarray of any real dtype, shape (1 or 3, Y, X)
        What to work on.
    channels : int
        1 for luminance, 3 for colours.
    least : Least
        Pixels that Y and X must have.

    Returns
    -------
    Plane
        8-bit images as they are, floats within [0, 1] as they are, all others with
        their 0.1th and 99.9th percentile at 0 and 1.

    Raises
    ------
    Unusable
        When the plane is too small, constant, not finite or lacks colours.
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


def scaled(plane: NDArray[Any], limits: tuple[float, float]) -> Plane:
    """Map counts linearly, so that the limits become 0 and 1.

    Parameters
    ----------
    plane : ndarray of any real dtype, shape (channels, Y, X)
        What to work on.
    limits : tuple of float
        Counts that become 0 and 1.

    Returns
    -------
    Plane
    """
    low, high = limits
    values = plane.astype(np.float64)
    values -= low  # in place: planes can be large
    values /= high - low
    return Plane(values.astype(np.float32), limits)


def _percentiles(plane: NDArray[Any]) -> tuple[float, float]:
    """Black and white, a few hot or dead pixels aside."""
    low, high = np.percentile(plane, (0.1, 99.9))
    if low == high:
        low, high = plane.min(), plane.max()
    return float(low), float(high)


def with_sizes(
    plane: Plane, sizes: tuple[float, ...], smallest: int
) -> Iterator[Plane]:
    """Give a plane and smaller copies of it.

    Parameters
    ----------
    plane : Plane
        What to work on.
    sizes : tuple of float
        Relative sizes; copies that would be smaller than `smallest` are left out,
        the original is not.
    smallest : int
        Pixels that Y and X must have.

    Yields
    ------
    Plane
        In the dtype of `plane`.
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
