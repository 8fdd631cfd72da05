"""Planes of images, prepared for training."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import VdsrError
from napari_vdsr.imaging.geometry import enlarged_size
from napari_vdsr.imaging.intensities import FULL_RANGE
from napari_vdsr.imaging.resample import resize


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
