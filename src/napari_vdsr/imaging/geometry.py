"""Axes, sizes and factors: how large a result is and where its pixels lie.

A pixel is a square whose centre has integer coordinates; an axis of n pixels covers
[-0.5, n - 0.5], and enlarging keeps both outer edges.
"""

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from napari_vdsr.checks import is_number
from napari_vdsr.errors import InputError
from napari_vdsr.imaging.axes import Axes, find_axes

LARGEST_FACTOR = 8.0

Factor = float | tuple[float, float]


def enlarged_size(size: int, factor: float) -> int:
    """Pixels of an enlarged axis: the nearest whole number.

    Parameters
    ----------
    size : int
        Pixels before, at least 1.
    factor : float
        The factor asked for. The one really used is the ratio of the two sizes.

    Returns
    -------
    int
        ``floor(size * factor + 0.5)``.

    Examples
    --------
    >>> enlarged_size(5, 1.5)
    8
    """
    return math.floor(size * factor + 0.5)


def check_factor(factor: Any) -> tuple[float, float]:
    """Read a factor for Y and X, or say what is wrong with it.

    Parameters
    ----------
    factor : float or pair of float
        One factor for both axes, or one for Y and one for X.

    Returns
    -------
    tuple of float
        Factors of Y and X, each from 1 to 8.

    Raises
    ------
    InputError
        When a factor is no number, NaN or out of range.

    Examples
    --------
    >>> check_factor(2)
    (2.0, 2.0)
    """
    pair = _as_pair(factor, "factor")
    for value in pair:
        if not 1 <= value <= LARGEST_FACTOR:
            raise InputError(
                f"factor is {value:g}: it must be from 1 to {LARGEST_FACTOR:g}"
            )
    return pair


def factor_for_pixel_size(
    target: Any, source: tuple[float, float]
) -> tuple[float, float]:
    """Turn a target pixel size into factors for Y and X.

    Parameters
    ----------
    target : float or pair of float
        Size wanted of a pixel in Y and X, in the unit of `source`.
    source : tuple of float
        Size of a pixel now.

    Returns
    -------
    tuple of float
        Factors of Y and X.

    Raises
    ------
    InputError
        When the target is not positive, larger than the pixels are now or less
        than an eighth of them.

    Examples
    --------
    >>> factor_for_pixel_size(0.1, (0.2, 0.4))
    (2.0, 4.0)
    """
    wanted = _as_pair(target, "pixel size")
    factors = []
    for value, now in zip(wanted, source, strict=True):
        least = abs(now) / LARGEST_FACTOR
        if not least * (1 - 1e-9) <= value <= abs(now) * (1 + 1e-9):
            raise InputError(
                f"target pixel size is {value:g}: pixels are {abs(now):g} now, so it "
                f"must be from {least:g} to {abs(now):g}"
            )
        factors.append(min(max(abs(now) / value, 1.0), LARGEST_FACTOR))
    return factors[0], factors[1]


def pixel_centre_shift(factor: float) -> float:
    """Where the first enlarged pixel lies, in source pixels from the first one.

    Parameters
    ----------
    factor : float
        The factor really used.

    Returns
    -------
    float
        ``(1 / factor - 1) / 2``, zero or negative.

    Examples
    --------
    >>> pixel_centre_shift(2)
    -0.25
    """
    return (1 / factor - 1) / 2


def _as_pair(value: Any, what: str) -> tuple[float, float]:
    values: list[Any] = [value, value] if isinstance(value, Real) else []
    if isinstance(value, (Sequence, np.ndarray)) and np.ndim(value) == 1:
        values = list(value)
    if len(values) != 2 or not all(map(is_number, values)):
        raise InputError(
            f"{what} is {value!r}: give one number, or one for Y and one for X"
        )
    return float(values[0]), float(values[1])


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
