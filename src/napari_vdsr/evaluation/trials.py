"""Test set-ups: from a truth to what a method is given and how it is scored."""

from collections.abc import Iterator
from math import ceil
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import InputError
from napari_vdsr.evaluation.acquisition import Acquisition, resized, with_noise
from napari_vdsr.evaluation.planes import scaled_luminance
from napari_vdsr.evaluation.ranges import DataRange, limits_of, range_of
from napari_vdsr.evaluation.trial import Trial, held_by
from napari_vdsr.images.stack import Stack, all_values
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


def trial_of(
    image: Stack,
    factor: int,
    protocol: Protocol,
    acquisition: Acquisition = REDUCED,
    *,
    scale: _Scale | None = None,
    first: int = 0,
) -> Trial:
    """Set up a protocol for an image: reduce it, keep the truth.

    The image is cropped to a multiple of the factor, 2 to 8. `acquisition` is for
    "direct" only. If the image is a plane of another one, `scale` is that of the other,
    and `first` the number of the plane, which seeds its noise. Raises InputError when
    protocol or factor is unknown, or the image too small.
    """
    height, width = _reduced(
        image.name, image.plane_shape, factor, protocol, acquisition
    )
    factor = int(factor)  # 2.0 is as good
    if scale is None:
        _refuse_gaps(image.name, image)
    per = factor * acquisition.finer
    truth = image.cropped(slice(0, height * per), slice(0, width * per)).whole()
    scale = scale or _scale_of(truth, image.rgb, acquisition)
    if protocol == "A":
        return _paper(truth, image.rgb, (height, width), factor, scale)
    return _direct(truth, image.rgb, factor, scale, acquisition, first)


def trials_of(
    stack: Stack,
    factor: int,
    protocol: Protocol,
    acquisition: Acquisition = REDUCED,
) -> Iterator[Trial]:
    """Set up a protocol for an image, plane by plane, with the range of all planes.

    Raises InputError when protocol or factor is unknown, or the image too small.
    """
    height, width = _reduced(
        stack.name, stack.plane_shape, factor, protocol, acquisition
    )
    _refuse_gaps(stack.name, stack)
    per = int(factor) * acquisition.finer
    part = stack.cropped(slice(0, height * per), slice(0, width * per))
    scale = _scale_of(_telling(stack, part), stack.rgb, acquisition)
    for number, plane in enumerate(part):
        image = Stack(plane, part.rgb, name=stack.name)
        yield trial_of(image, factor, protocol, acquisition, scale=scale, first=number)


def _telling(stack: Stack, part: Stack) -> Stack:
    """The stack, if its range is also that of its part; otherwise the part.

    What is known of the stack does not have to be read again.
    """
    known = stack.shape == part.shape
    if stack.dtype.kind == "f":  # read already, to look for NaN
        low, high, *_ = stack.values
        known |= black_and_white(stack.dtype, low, high) is not None
    return stack if known else part


def _scale_of(
    image: Stack | NDArray[Any], rgb: bool, acquisition: Acquisition
) -> _Scale:
    limits = limits_of(image)
    return _Scale(range_of(image), limits, acquisition.electrons(image, rgb, limits))


def _direct(
    truth: NDArray[Any],
    rgb: bool,
    factor: int,
    scale: _Scale,
    acquisition: Acquisition,
    first: int,
) -> Trial:
    """Protocol "direct"."""
    small = acquisition.small_of(truth, factor, rgb)
    small = with_noise(small, scale.electrons, scale.limits, rgb, first)
    return Trial(
        reference=acquisition.truth_of(truth, rgb),
        low=held_by(truth.dtype, small).astype(truth.dtype),
        rgb=rgb,
        data_range=scale.data_range,
        limits=scale.limits,
        border=factor,
        sampling=acquisition.sampling,
        electrons=scale.electrons,
    )


def _reduced(
    name: str,
    shape: tuple[int, int],
    factor: int,
    protocol: Protocol,
    acquisition: Acquisition,
) -> tuple[int, int]:
    """Sizes of the reduced image; refuses images that cannot be scored like that."""
    if protocol not in ("A", "direct"):
        raise InputError(f"protocol is {protocol!r}: choose 'A' or 'direct'")
    if factor not in range(2, 9):
        raise InputError(
            f"factor is {factor}: evaluation takes whole factors from 2 to 8"
        )
    per = int(factor) * acquisition.finer
    height, width = (size // per for size in shape)
    if min(height, width) < 3:
        halved = "halved for a scanner's truth, " if acquisition.finer > 1 else ""
        raise InputError(
            f"{name} has {shape[0]} x {shape[1]} pixels: too small to be {halved}"
            f"reduced by {factor} and scored without its border: give an image of at "
            f"least {3 * per} x {3 * per}"
        )
    return height, width


def pair_trials(high: Stack, low: Stack) -> Iterator[Trial]:
    """Set up a real pair, with equal outer edges, plane by plane.

    Each trial has the ranges of all planes. Raises InputError when they are no pair.
    """
    _refuse_gaps(high.name, high)
    _refuse_gaps(low.name, low)
    sizes = zip(high.plane_shape, low.plane_shape, strict=True)
    factors = [big / small for big, small in sizes]
    fits = high.stack == low.stack and high.rgb == low.rgb
    if not fits or not 1 < min(factors) <= max(factors) <= 8:
        raise InputError(
            f"{high.name} {high.shape} and {low.name} {low.shape} are no "
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
            sampling=None,
            fit=True,
        )


def _refuse_gaps(name: str, image: NDArray[Any] | Stack) -> None:
    """Refuse NaN: pixels around it can be neither reduced nor compared."""
    if image.dtype.kind == "f" and all_values(image).gaps:
        raise InputError(
            f"{name} holds NaN: cut it to its valid part to evaluate on it"
        )


def _paper(
    image: NDArray[Any],
    rgb: bool,
    small: tuple[int, int],
    factor: int,
    scale: _Scale,
) -> Trial:
    """Protocol A."""
    truth = image.astype(np.float64)
    colours = None
    if rgb:
        colours = resized(truth, small, rgb=True)
        truth = scaled_luminance(truth, scale.data_range.value)
        truth = held_by(image.dtype, truth)
    return Trial(
        reference=truth,
        low=resize(truth, small),
        rgb=False,
        data_range=scale.data_range,
        limits=scale.limits,
        border=factor,
        colours=colours,
        stored=image.dtype,
    )
