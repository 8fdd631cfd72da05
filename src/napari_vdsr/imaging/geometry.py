"""Axes, sizes and factors: how large a result is and where its pixels lie.

A pixel is a square whose centre has integer coordinates; an axis of n pixels covers
[-0.5, n - 0.5], and enlarging keeps both outer edges.
"""

import math
from collections.abc import Sequence
from numbers import Real
from string import ascii_uppercase
from typing import Any, NamedTuple

import numpy as np

from napari_vdsr.errors import InputError, checked_rgb, is_number, require_text

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


class Axes(NamedTuple):
    """The axes of an array that matter here, counted from the front."""

    y: int
    x: int
    samples: int | None  # the axis of R, G, B and, if any, alpha

    def moved_last(self, ndim: int) -> tuple[int, ...]:
        """The order of axes in which Y, X and samples come last."""
        last = [self.y, self.x, *([] if self.samples is None else [self.samples])]
        return (*(axis for axis in range(ndim) if axis not in last), *last)

    def ordered(self, order: Sequence[int]) -> "Axes":
        """These axes in an array whose axes come in another order."""
        y, x, samples = (None if axis is None else order.index(axis) for axis in self)
        assert y is not None and x is not None
        return Axes(y, x, samples)


def letters_of(labels: Sequence[object], rgb: bool | None = None) -> str | None:
    """Letters for labelled axes; None unless one is called "y" and another one "x".

    Of colours, the last axis is S; so is one that is called "rgb" or "rgba".

    >>> letters_of(["x", "time", "y"])
    'XAY'
    """
    names = [str(label).upper() for label in labels]
    if names.count("Y") != 1 or names.count("X") != 1:
        return None
    others = iter(letter for letter in ascii_uppercase if letter not in "YXS")
    known = {"Y": "Y", "X": "X"}
    if rgb is not False and not {"RGB", "RGBA"} <= set(names):
        known |= {"RGB": "S", "RGBA": "S"}
    letters = [known.get(name) or next(others) for name in names]
    if rgb and "S" not in letters and letters[-1] not in ("Y", "X"):
        letters[-1] = "S"
    return "".join(letters)


def find_axes(
    shape: tuple[int, ...], axes: str | None = None, rgb: bool | None = None
) -> Axes:
    """Find Y, X and colours in an array of this shape; nothing is guessed.

    `axes` has one letter an axis, such as "TCZYX"; "S" holds R, G, B and, if any,
    alpha. Without it, `rgb` says whether the last axis holds colours, and is needed
    where that has 3 or 4 pixels. Raises InputError when the axes do not fit the shape,
    are ambiguous or hold no pixel.

    >>> find_axes((5, 32, 32))
    Axes(y=1, x=2, samples=None)
    >>> find_axes((32, 32, 3), rgb=True)
    Axes(y=0, x=1, samples=2)
    """
    rgb = checked_rgb(rgb)
    found = _unnamed(shape, rgb) if axes is None else _named(shape, axes, rgb)
    if math.prod(shape) == 0:
        raise InputError(f"the image has shape {shape}: it holds no pixel")
    if found.samples is not None and shape[found.samples] not in (3, 4):
        raise InputError(
            f"colours need an axis of 3 or 4 (R, G, B and alpha), but the one of "
            f"shape {shape} has {shape[found.samples]}"
        )
    return found


def _unnamed(shape: tuple[int, ...], rgb: bool | None) -> Axes:
    ndim = len(shape)
    if ndim < 2 + bool(rgb):
        least = "three dimensions (Y, X, colour)" if rgb else "two dimensions (Y, X)"
        raise InputError(f"the image has shape {shape}: it needs at least {least}")
    if rgb is None and ndim > 2 and shape[-1] in (3, 4):
        raise InputError(
            f"the last axis of shape {shape} may be colours or X: say rgb=True or "
            'rgb=False, or name the axes, such as axes="YXS" or axes="ZYX"'
        )
    return Axes(ndim - 3, ndim - 2, ndim - 1) if rgb else Axes(ndim - 2, ndim - 1, None)


def _named(shape: tuple[int, ...], axes: Any, rgb: bool | None) -> Axes:
    require_text("axes", axes)
    names = axes.upper()
    if len(names) != len(shape):
        raise InputError(
            f"axes are {axes!r}, {len(names)} letters, but the shape is {shape}"
        )
    if len(set(names)) != len(names) or not {"Y", "X"} <= set(names):
        raise InputError(
            f'axes are {axes!r}: name each once, Y and X among them, such as "TCZYX"'
        )
    samples = names.index("S") if "S" in names else None
    if rgb is not None and rgb != (samples is not None):
        raise InputError(
            f'axes are {axes!r} and rgb={rgb}: colours are the axis named "S"'
        )
    return Axes(names.index("Y"), names.index("X"), samples)


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
