"""Protocols: from a truth to what methods are given and how they are scored."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import InputError, VdsrWarning, is_number, require_choice
from napari_vdsr.evaluation.acquisition import Acquisition, resized, with_noise
from napari_vdsr.evaluation.data_range import (
    DataRange,
    doubt_of_range,
    limits_of,
    range_of,
)
from napari_vdsr.evaluation.planes import Planes, planes_of, scaled_luminance
from napari_vdsr.images.stack import Stack, near_zero
from napari_vdsr.imaging.intensities import black_and_white
from napari_vdsr.imaging.resample import Sampling, resize


@dataclass(frozen=True, eq=False)
class ScoringPair:
    """One image at one factor."""

    hr: NDArray[Any]  # the truth, (..., Y, X[, 3])
    lr: NDArray[Any]  # what methods enlarge, (..., y, x[, 3]) of the same dtype
    rgb: bool  # whether both hold colours
    data_range: DataRange  # the peak of the scores
    limits: tuple[float, float]  # black and white
    border: int  # pixels to cut off before scoring
    # R, G and B, (..., y, x, 3), for methods that need them where `low` is luminance.
    colours: NDArray[Any] | None = None
    # Results are rounded and clipped to the dtype in which they would be stored.
    stored: np.dtype[Any] | None = None
    sampling: Sampling | None = "reduced"  # None for a real pair
    electrons: float | None = None  # at white, of the noise that was added to `low`
    fit: bool = False  # whether contrast and offset of `low` may differ from the truth

    @property
    def stack(self) -> tuple[int, ...]:
        """Shape of the leading axes."""
        return self.hr.shape[: -3 if self.rgb else -2]

    @property
    def shape(self) -> tuple[int, int]:
        """Pixels of the truth in Y and X."""
        y, x = self.hr.shape[-3:-1] if self.rgb else self.hr.shape[-2:]
        return y, x

    @property
    def pixels(self) -> int:
        """Pixels of the truth, all planes."""
        return int(self.hr.size // (3 if self.rgb else 1))

    @property
    def factors(self) -> tuple[float, float]:
        """Factors of Y and X."""
        y, x = self.lr.shape[-3:-1] if self.rgb else self.lr.shape[-2:]
        return self.shape[0] / y, self.shape[1] / x

    def beside(self, result: NDArray[Any]) -> Planes:
        """The truth and a finished result, to be compared plane by plane."""
        return planes_of(
            self.hr,
            result,
            self.data_range,
            border=self.border,
            luminance="auto",
            rgb=self.rgb,
        )

    def finished(self, result: NDArray[Any], *, colours: bool = False) -> NDArray[Any]:
        """Bring an enlargement into the form that is scored, as the reference is.

        With `colours` it is that of `colours`, and its luminance is still to be taken.
        """
        result = self._rounded(result)
        if not colours:
            return result
        return self._rounded(scaled_luminance(result, self.data_range.value))

    def _rounded(self, values: NDArray[Any]) -> NDArray[Any]:
        return values if self.stored is None else held_by(self.stored, values)


def held_by(dtype: np.dtype[Any], values: NDArray[Any]) -> NDArray[Any]:
    """Values rounded and clipped to an integer dtype; unchanged for floats."""
    if dtype.kind == "f":
        return values
    limits = np.iinfo(dtype)
    held: NDArray[Any] = np.clip(np.rint(values), limits.min, limits.max)
    return held


Protocol = Literal["A", "direct", "pairs"]

PROTOCOLS: dict[Protocol, str] = {
    "A": (
        "luminance (BT.601, studio swing, rounded) of the image is reduced by "
        "antialiased bicubic as in MATLAB's imresize, not rounded, and enlarged; the "
        "result is rounded and clipped; a border of one factor is cut off"
    ),
    "direct": (
        "a small image is taken as an instrument or a program would take it, and "
        "rounded to the dtype of the image, as a file would be; that is enlarged as by "
        "`upscale`; colours are scored by luminance; a border of one factor is cut off"
    ),
    "pairs": (
        "low-resolution images are enlarged as they are, and compared with the "
        "high-resolution images; colours are scored by luminance; a border of one "
        "factor is cut off; the fitted PSNR allows for other contrast and offset"
    ),
}
"""What each protocol does, in words that are printed beside its figures."""


class _Scale(NamedTuple):
    """Peak of the scores, black and white, and noise of all planes of an image."""

    data_range: DataRange
    limits: tuple[float, float]
    electrons: float | None = None


REDUCED = Acquisition()
"""By software, without noise: as in protocol A."""


def pair_of(
    image: Stack,
    factor: int,
    protocol: Protocol,
    acquisition: Acquisition = REDUCED,
) -> ScoringPair:
    """Set up a protocol for all planes of an image: reduce it, keep the truth.

    The image is cropped to a multiple of the factor, 2 to 8. `acquisition` is for
    "direct" only.
    """
    (image,) = near_zero(image)
    part = _cropped(image, factor, protocol, acquisition)
    truth = part.whole()
    scale = _scale_of(Stack(truth, part.rgb), acquisition)
    return _pair(truth, part.rgb, int(factor), protocol, acquisition, scale)


def pairs_of(
    image: Stack,
    factor: int,
    protocol: Protocol,
    acquisition: Acquisition = REDUCED,
) -> Iterator[ScoringPair]:
    """As `pair_of`, but plane by plane, with the range of all planes."""
    (image,) = near_zero(image)
    part = _cropped(image, factor, protocol, acquisition)
    scale = _scale_of(_telling(image, part), acquisition)
    for number, plane in enumerate(part):
        # The last digit of a sum depends on the order in memory: always use C order.
        truth = np.ascontiguousarray(plane)
        yield _pair(truth, part.rgb, int(factor), protocol, acquisition, scale, number)


def _telling(stack: Stack, part: Stack) -> Stack:
    """The stack, if its range is also that of its part; otherwise the part.

    What is known of the stack does not have to be read again.
    """
    known = stack.shape == part.shape
    if stack.dtype.kind == "f":  # read already, to look for NaN
        low, high, *_ = stack.values
        known |= black_and_white(stack.dtype, low, high) is not None
    return stack if known else part


def _scale_of(image: Stack, acquisition: Acquisition) -> _Scale:
    limits = limits_of(image)
    return _Scale(_range_of(image), limits, acquisition.electrons(image, limits))


def _range_of(image: Stack) -> DataRange:
    """The data range of an image; nobody can give another, but a doubt is told."""
    doubt = doubt_of_range(image)
    if doubt is not None:
        warnings.warn(doubt, VdsrWarning, stacklevel=5)
    return range_of(image)


def _pair(
    truth: NDArray[Any],
    rgb: bool,
    factor: int,
    protocol: Protocol,
    acquisition: Acquisition,
    scale: _Scale,
    number: int = 0,
) -> ScoringPair:
    """Reduce an image; the number of its first plane seeds the noise."""
    if protocol == "A":
        return _paper(truth, rgb, factor, scale)
    small = acquisition.small_of(truth, factor, rgb)
    small = with_noise(small, scale.electrons, scale.limits, rgb, number)
    return ScoringPair(
        hr=acquisition.truth_of(truth, rgb),
        lr=held_by(truth.dtype, small).astype(truth.dtype),
        rgb=rgb,
        data_range=scale.data_range,
        limits=scale.limits,
        border=factor,
        sampling=acquisition.sampling,
        electrons=scale.electrons,
    )


def _paper(image: NDArray[Any], rgb: bool, factor: int, scale: _Scale) -> ScoringPair:
    """Protocol A."""
    truth = image.astype(np.float64)
    y, x = image.shape[-3:-1] if rgb else image.shape[-2:]
    small = y // factor, x // factor
    colours = None
    if rgb:
        colours = resized(truth, small, rgb=True)
        truth = scaled_luminance(truth, scale.data_range.value)
        truth = held_by(image.dtype, truth)
    return ScoringPair(
        hr=truth,
        lr=resize(truth, small),
        rgb=False,
        data_range=scale.data_range,
        limits=scale.limits,
        border=factor,
        colours=colours,
        stored=image.dtype,
    )


def check_protocol(protocol: Any, factor: Any) -> None:
    """Refuse a protocol that reduces nothing, and factors that are not possible."""
    require_choice("protocol", protocol, ("A", "direct"))
    if not (is_number(factor) and factor in range(2, 9)):
        raise InputError(
            f"factor is {factor!r}: evaluation takes whole factors from 2 to 8"
        )


def _cropped(
    image: Stack, factor: int, protocol: Protocol, acquisition: Acquisition
) -> Stack:
    """The part of an image that is reduced; refuses what cannot be scored like that."""
    check_protocol(protocol, factor)
    per = int(factor) * acquisition.finer  # 2.0 is as good
    height, width = image.plane_shape
    rows, columns = height // per, width // per
    if min(rows, columns) < 3:
        halved = "halved for a scanner's truth, " if acquisition.finer > 1 else ""
        raise InputError(
            f"{image.name} has {height} x {width} pixels: too small to be {halved}"
            f"reduced by {factor} and scored without its border: give an image of at "
            f"least {3 * per} x {3 * per}"
        )
    _refuse_gaps(image)
    return image.cropped(slice(0, rows * per), slice(0, columns * per))


def real_pairs(high: Stack, low: Stack) -> Iterator[ScoringPair]:
    """Set up a real pair, plane by plane, each with the ranges of all planes."""
    _refuse_gaps(high)
    _refuse_gaps(low)
    sizes = zip(high.plane_shape, low.plane_shape, strict=True)
    factors = [big / small for big, small in sizes]
    fits = high.stack == low.stack and high.rgb == low.rgb
    if not fits or not 1 < min(factors) <= max(factors) <= 8:
        raise InputError(
            f"{high.name} {high.shape} and {low.name} {low.shape} are no "
            "pair: the first has to be the second enlarged 1 to 8 times, both grey or "
            "both colour, with as many planes"
        )
    high, low = near_zero(high, low)
    scale = _Scale(_range_of(high), limits_of(low))
    for truth, image in zip(high, low, strict=True):
        yield ScoringPair(
            hr=truth,
            lr=image,
            rgb=high.rgb,
            data_range=scale.data_range,
            limits=scale.limits,
            border=ceil(max(factors)),
            sampling=None,
            fit=True,
        )


def _refuse_gaps(image: Stack) -> None:
    """Refuse NaN: pixels around it can be neither reduced nor compared."""
    if image.dtype.kind == "f" and image.values.gaps:
        raise InputError(
            f"{image.name} holds NaN: cut it to its valid part to evaluate on it"
        )
