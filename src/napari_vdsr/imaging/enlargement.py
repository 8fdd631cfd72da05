"""Axes, shape and factors of an enlarged array, before anything is computed."""

from typing import NamedTuple

from napari_vdsr.errors import InputError
from napari_vdsr.imaging.axes import Axes, find_axes
from napari_vdsr.imaging.geometry import (
    Factor,
    check_factor,
    enlarged_size,
    factor_for_pixel_size,
)


class Enlargement(NamedTuple):
    """Axes, shape and factors of an enlarged array."""

    axes: Axes
    shape: tuple[int, ...]  # of the result
    plane_shape: tuple[int, int]  # of the result
    factors: tuple[float, float]  # really used: ratios of whole numbers of pixels


def plan_enlargement(
    shape: tuple[int, ...],
    factor: Factor = 2,
    *,
    axes: str | None = None,
    rgb: bool | None = None,
    pixel_size: Factor | None = None,
    source_pixel_size: tuple[float, float] = (1.0, 1.0),
) -> Enlargement:
    """Work out axes, shape and factors of a result, and check what was asked for.

    Arguments as for `napari_vdsr.upscale`; `source_pixel_size` is in the unit of
    `pixel_size`, in Y and X. Raises InputError when axes, factor or pixel size cannot
    be used.

    >>> plan_enlargement((7, 10, 11), 1.5).shape
    (7, 15, 17)
    """
    found = find_axes(shape, axes, rgb)
    factors = check_factor(factor)
    if pixel_size is not None:
        if factors != (2.0, 2.0):
            raise InputError(
                f"factor {factor} and pixel_size {pixel_size}: give one of the two"
            )
        factors = factor_for_pixel_size(pixel_size, source_pixel_size)
    y = enlarged_size(shape[found.y], factors[0])
    x = enlarged_size(shape[found.x], factors[1])
    sizes = {found.y: y, found.x: x}
    return Enlargement(
        found,
        tuple(sizes.get(axis, size) for axis, size in enumerate(shape)),
        (y, x),
        (y / shape[found.y], x / shape[found.x]),
    )
