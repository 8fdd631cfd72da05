"""Two images, made comparable plane by plane."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_vdsr.errors import InputError, is_whole
from napari_vdsr.evaluation.data_range import (
    DataRange,
    contradiction,
    doubt_of_range,
    range_of,
)
from napari_vdsr.images.stack import (
    Stack,
    check_image,
    exact_origin,
    less,
    stack_of,
)
from napari_vdsr.imaging.intensities import studio_luminance

Luminance = bool | Literal["auto"]


@dataclass(frozen=True)
class Planes:
    """A reference and an image of equal shape, ready to be compared."""

    reference: Stack
    image: Stack
    data_range: DataRange  # luminance is computed relative to it
    luminance: bool  # whether colours are compared by their luminance
    border: int  # pixels cut off at every side
    origin: int = 0  # taken from all values, as `exact_origin` says

    @property
    def stack(self) -> tuple[int, ...]:
        """Shape of the leading axes: () for a single plane."""
        return self.reference.stack

    @property
    def channels(self) -> str:
        """What is compared, in words."""
        if not self.reference.rgb:
            return "grey values"
        if self.luminance:
            return "luminance (BT.601, studio swing)"
        return "R, G and B together"

    def __iter__(self) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Pairs of float64 planes, (Y, X) or (Y, X, 3), in C order."""
        for index in np.ndindex(self.stack):
            yield self._plane(self.reference[index]), self._plane(self.image[index])

    def _plane(self, plane: NDArray[Any]) -> NDArray[np.float64]:
        rows, columns = (
            slice(self.border, size - self.border) for size in plane.shape[:2]
        )
        # The last digit of a sum depends on the order in memory: always use C order.
        kept = plane[rows, columns]
        if self.origin:
            kept = less(kept, self.origin)
        values = np.ascontiguousarray(kept, dtype=np.float64)
        if not self.reference.rgb:
            return values
        if self.luminance:
            return scaled_luminance(values, self.data_range.value)
        return values


def comparable(
    reference: ArrayLike | Stack,
    image: ArrayLike | Stack,
    *,
    data_range: float | None = None,
    border: int = 0,
    luminance: Luminance = "auto",
    rgb: bool | None = None,
) -> tuple[Planes, str | None]:
    """Check two images and choose the data range; says why it may not be right.

    Arguments and errors as for `napari_vdsr.psnr`.
    """
    luminance, border = _checked_luminance(luminance), _checked_border(border)
    reference = stack_of(reference, "reference", rgb)
    image = stack_of(image, "image", rgb)
    check_image(reference, "reference")
    check_image(image, "image")
    chosen = range_of(reference, data_range)
    if data_range is None:
        problem = doubt_of_range(reference, "give data_range")
    else:
        problem = contradiction(reference, chosen.value)
    planes = planes_of(
        reference, image, chosen, border=border, luminance=luminance, rgb=rgb
    )
    return replace(planes, origin=exact_origin(reference, image)), problem


def planes_of(
    reference: NDArray[Any] | Stack,
    image: NDArray[Any] | Stack,
    data_range: DataRange,
    *,
    border: int,
    luminance: Luminance,
    rgb: bool | None,
) -> Planes:
    """Check two images of one shape and pair their planes.

    "auto" takes the luminance of colour images; `rgb` is needed where the last axis
    could be colour.
    """
    if tuple(reference.shape) != tuple(image.shape):
        raise InputError(
            f"the reference has shape {reference.shape} and the image {image.shape}: "
            "only images on the same pixel grid can be compared. Cut both to their "
            "common part, or bring the image onto the reference's grid with "
            "napari_vdsr.imaging.resample.resize(image, reference.shape); napari "
            "layers that overlap in world coordinates are aligned by themselves"
        )
    reference = stack_of(reference, "reference", rgb)
    image = stack_of(image, "image", rgb)
    if luminance is True and not reference.rgb:
        raise InputError(
            "luminance=True, but the images have no colours: use luminance='auto'"
        )
    size = min(reference.plane_shape)
    if border < 0 or size <= 2 * border:
        raise InputError(
            f"border is {border}: with {size} pixels on the shorter side it can be "
            f"0 to {(size - 1) // 2}"
        )
    by_luminance = reference.rgb and luminance is not False
    return Planes(reference, image, data_range, by_luminance, border)


def _checked_luminance(value: Any) -> Luminance:
    """True, False or "auto"; raise InputError for everything else."""
    if isinstance(value, str) and value == "auto":
        return "auto"
    if isinstance(value, bool | np.bool_):
        return bool(value)
    raise InputError(f"luminance is {value!r}: it can be True, False or 'auto'")


def _checked_border(value: Any) -> int:
    """A whole number of pixels; raise InputError for everything else."""
    if is_whole(value):
        return int(value)
    raise InputError(f"border is {value!r}: give a whole number of pixels, 0 or more")


def scaled_luminance(rgb: NDArray[Any], peak: float) -> NDArray[np.float64]:
    """Studio-swing luminance of colours from 0 to `peak`, in the same unit.

    The colours are (..., 3 or 4), alpha ignored; black gives 16/255 of the peak, white
    235/255.
    """
    if peak == 255:
        return studio_luminance(rgb)
    scale = 255 / peak if peak else 1.0
    return studio_luminance(rgb * scale) / scale
