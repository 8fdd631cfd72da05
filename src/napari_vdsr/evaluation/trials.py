"""Test set-ups: from a truth to what a method is given and how it is judged."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import InputError
from napari_vdsr.evaluation.planes import scaled_luminance
from napari_vdsr.evaluation.ranges import DataRange, limits_of, range_of
from napari_vdsr.evaluation.sources import Source
from napari_vdsr.evaluation.stack import Stack, survey
from napari_vdsr.imaging.dtypes import black_and_white
from napari_vdsr.imaging.resample import resize

Protocol = Literal["A", "direct", "pairs"]

PROTOCOLS: dict[Protocol, str] = {
    "A": (
        "luminance (BT.601, studio swing, rounded) of the image is reduced by "
        "antialiased bicubic as in MATLAB's imresize, not rounded, and enlarged; the "
        "result is rounded and clipped; a border of one factor is cut off"
    ),
    "direct": (
        "the image is reduced by antialiased bicubic and rounded to its own dtype, "
        "as a low-resolution file would be; that is enlarged as by `upscale`; colours "
        "are scored by luminance; a border of one factor is cut off"
    ),
    "pairs": (
        "low-resolution images are enlarged as they are, and compared with the "
        "high-resolution images; colours are scored by luminance; a border of one "
        "factor is cut off; the fitted PSNR allows for other contrast and offset"
    ),
}
"""What each protocol does, in words that are printed beside its figures."""


@dataclass(frozen=True, eq=False)
class Trial:
    """One image at one factor.

    Attributes
    ----------
    reference : ndarray, shape (..., Y, X[, 3])
        The truth.
    low : ndarray, shape (..., y, x[, 3])
        What methods enlarge; of the same dtype and with colours if those have.
    rgb : bool
        Whether reference and low hold colours.
    colours : ndarray, shape (..., y, x, 3), optional
        What methods enlarge that look at R, G and B, where `low` is luminance.
    data_range : DataRange
        The peak of the scores, and why.
    limits : tuple of float
        Black and white.
    border : int
        Pixels to cut off before scoring.
    stored : numpy.dtype, optional
        The dtype in which results would be stored, where that is not theirs: they
        are rounded and clipped to what it holds.
    """

    reference: NDArray[Any]
    low: NDArray[Any]
    rgb: bool
    data_range: DataRange
    limits: tuple[float, float]
    border: int
    colours: NDArray[Any] | None = None
    stored: np.dtype[Any] | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Pixels of the truth in Y and X."""
        y, x = self.reference.shape[-3:-1] if self.rgb else self.reference.shape[-2:]
        return y, x

    @property
    def pixels(self) -> int:
        """Pixels of the truth, all planes."""
        return int(self.reference.size // (3 if self.rgb else 1))

    @property
    def factors(self) -> tuple[float, float]:
        """Factors of Y and X."""
        y, x = self.low.shape[-3:-1] if self.rgb else self.low.shape[-2:]
        return self.shape[0] / y, self.shape[1] / x

    def finished(self, result: NDArray[Any], *, colours: bool = False) -> NDArray[Any]:
        """Bring a result into the form that is scored.

        Parameters
        ----------
        result : ndarray
            An enlargement of `low` or, if `colours`, of `colours`.
        colours : bool
            Whether luminance is still to be taken.

        Returns
        -------
        ndarray
            Of the shape of the reference.
        """
        result = self._rounded(result)
        if not colours:
            return result
        return self._rounded(scaled_luminance(result, self.data_range.value))

    def _rounded(self, values: NDArray[Any]) -> NDArray[Any]:
        return values if self.stored is None else _held_by(self.stored, values)


class _Scale(NamedTuple):
    """Peak of the scores, and black and white, of all planes of an image."""

    data_range: DataRange
    limits: tuple[float, float]


def trial_of(
    source: Source, factor: int, protocol: Protocol, scale: _Scale | None = None
) -> Trial:
    """Set up a protocol for an image: reduce it, keep the truth.

    Parameters
    ----------
    source : Source
        The high-resolution image.
    factor : int
        2 to 8; the image is cropped to a multiple of it.
    protocol : {"A", "direct"}
        See `PROTOCOLS`.
    scale : optional
        That of the image which `source` is a plane of.

    Returns
    -------
    Trial

    Raises
    ------
    InputError
        When protocol or factor is unknown, or the image too small.
    """
    height, width = _reduced(source.name, source.shape, factor, protocol)
    factor = int(factor)  # 2.0 is as good
    if scale is None:
        _refuse_gaps(source.name, source.array)
    source = source.cropped(height * factor, width * factor)
    scale = scale or _Scale(range_of(source.array), limits_of(source.array))
    if protocol == "A":
        return _paper(source, (height, width), factor, scale)
    reduced = resized(source.array, (height, width), source.rgb)
    return Trial(
        reference=source.array,
        low=_held_by(source.array.dtype, reduced).astype(source.array.dtype),
        rgb=source.rgb,
        data_range=scale.data_range,
        limits=scale.limits,
        border=factor,
    )


def trials_of(
    stack: Stack, name: str, factor: int, protocol: Protocol
) -> Iterator[Trial]:
    """Set up a protocol for an image, plane by plane.

    Parameters
    ----------
    stack : Stack
        The high-resolution image.
    name : str
        What to call it.
    factor, protocol
        As for `trial_of`.

    Yields
    ------
    Trial
        Of each plane, with the range of all of them.

    Raises
    ------
    InputError
        When protocol or factor is unknown, or the image too small.
    """
    height, width = _reduced(name, stack.plane_shape, factor, protocol)
    _refuse_gaps(name, stack)
    yx = slice(0, height * int(factor)), slice(0, width * int(factor))
    part = stack.cut((*(slice(0, size) for size in stack.stack), *yx))
    scale = _scale_of(stack, part)
    for plane in part:
        yield trial_of(Source(name, plane, part.rgb), factor, protocol, scale)


def _scale_of(stack: Stack, part: Stack) -> _Scale:
    """Scale of a part of a stack, by a look at all if that tells: it is kept."""
    known = stack.shape == part.shape
    if stack.dtype.kind == "f":  # which was looked at for gaps
        low, high, *_ = stack.survey
        known |= black_and_white(stack.dtype, low, high) is not None
    image = stack if known else part
    return _Scale(range_of(image), limits_of(image))


def _reduced(
    name: str, shape: tuple[int, int], factor: int, protocol: Protocol
) -> tuple[int, int]:
    """Sizes of the reduced image, if it can be scored like that."""
    if protocol not in ("A", "direct"):
        raise InputError(f"protocol is {protocol!r}: choose 'A' or 'direct'")
    if factor not in range(2, 9):
        raise InputError(
            f"factor is {factor}: evaluation takes whole factors from 2 to 8"
        )
    height, width = (size // int(factor) for size in shape)
    if min(height, width) < 3:
        raise InputError(
            f"{name} has {shape[0]} x {shape[1]} pixels: too "
            f"small to be reduced by {factor} and scored without its border"
        )
    return height, width


def pair_trials(
    high: Stack, low: Stack, high_name: str, low_name: str
) -> Iterator[Trial]:
    """Set up a real pair of a high- and a low-resolution image, plane by plane.

    Parameters
    ----------
    high, low : Stack
        Of one scene, with equal outer edges.
    high_name, low_name : str
        What to call them.

    Yields
    ------
    Trial
        Of each pair of planes, with the ranges of all of them.

    Raises
    ------
    InputError
        When they cannot be a pair.
    """
    _refuse_gaps(high_name, high)
    _refuse_gaps(low_name, low)
    sizes = zip(high.plane_shape, low.plane_shape, strict=True)
    factors = [big / small for big, small in sizes]
    fits = high.stack == low.stack and high.rgb == low.rgb
    if not fits or not 1 < min(factors) <= max(factors) <= 8:
        raise InputError(
            f"{high_name} {high.shape} and {low_name} {low.shape} are no "
            "pair: the first has to be the second enlarged 1 to 8 times, both grey or "
            "both colour, with as many planes"
        )
    scale = _Scale(range_of(high), limits_of(low))
    for truth, image in zip(high, low, strict=True):
        yield Trial(
            reference=truth,
            low=image,
            rgb=high.rgb,
            data_range=scale.data_range,
            limits=scale.limits,
            border=ceil(max(factors)),
        )


def _refuse_gaps(name: str, image: NDArray[Any] | Stack) -> None:
    """Refuse NaN: around it, nothing could be reduced or compared."""
    if image.dtype.kind == "f" and survey(image).gaps:
        raise InputError(
            f"{name} holds NaN: cut it to its valid part to evaluate on it"
        )


def _paper(source: Source, small: tuple[int, int], factor: int, scale: _Scale) -> Trial:
    """Protocol A."""
    truth = source.array.astype(np.float64)
    colours = None
    if source.rgb:
        colours = resized(truth, small, rgb=True)
        truth = scaled_luminance(truth, scale.data_range.value)
        truth = _held_by(source.array.dtype, truth)
    return Trial(
        reference=truth,
        low=resize(truth, small),
        rgb=False,
        data_range=scale.data_range,
        limits=scale.limits,
        border=factor,
        colours=colours,
        stored=source.array.dtype,
    )


def resized(
    image: NDArray[Any], shape: tuple[int, int], rgb: bool
) -> NDArray[np.float64]:
    """Resize bicubically, with colours as the last axis or without.

    Parameters
    ----------
    image : ndarray of any real dtype, shape (..., Y, X[, S])
        Intensities in any unit.
    shape : tuple of int
        New sizes of Y and X.
    rgb : bool
        Whether the last axis holds colours.

    Returns
    -------
    ndarray of float64
        Not rounded or clipped.
    """
    if not rgb:
        return resize(image, shape)
    return np.moveaxis(resize(np.moveaxis(image, -1, 0), shape), 0, -1)


def _held_by(dtype: np.dtype[Any], values: NDArray[Any]) -> NDArray[Any]:
    """Values rounded and clipped to what a dtype holds; floats hold them as is."""
    if dtype.kind == "f":
        return values
    limits = np.iinfo(dtype)
    held: NDArray[Any] = np.clip(np.rint(values), limits.min, limits.max)
    return held
