"""Finding Y, X and colours among the axes of an array."""

from collections.abc import Sequence
from math import prod
from string import ascii_uppercase
from typing import Any, NamedTuple

from napari_vdsr.checks import checked_rgb
from napari_vdsr.errors import InputError


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

    Of colours, the last axis is S.

    >>> letters_of(["x", "time", "y"])
    'XAY'
    """
    names = [str(label).upper() for label in labels]
    if names.count("Y") != 1 or names.count("X") != 1:
        return None
    others = iter(letter for letter in ascii_uppercase if letter not in "YXS")
    letters = [name if name in ("Y", "X") else next(others) for name in names]
    if rgb and letters[-1] not in ("Y", "X"):
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
    if prod(shape) == 0:
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
    names = str(axes).upper()
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
