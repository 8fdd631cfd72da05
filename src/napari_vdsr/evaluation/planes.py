"""Two images, made comparable plane by plane."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import InputError
from napari_vdsr.evaluation.ranges import DataRange
from napari_vdsr.evaluation.stack import Stack, stack_of
from napari_vdsr.imaging.luminance import studio_luminance

Luminance = bool | Literal["auto"]


@dataclass(frozen=True)
class Planes:
    """A reference and an image of equal shape, ready to be compared.

    Attributes
    ----------
    reference, image : Stack
        Read plane by plane.
    data_range : DataRange
        The peak of the comparison; luminance is computed relative to it.
    luminance : bool
        Whether colours are compared by their luminance.
    border : int
        Pixels cut off at every side.
    """

    reference: Stack
    image: Stack
    data_range: DataRange
    luminance: bool
    border: int

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
        # Sums depend on the order in memory in their last digit: let it be one.
        values = np.ascontiguousarray(plane[rows, columns], dtype=np.float64)
        if not self.reference.rgb:
            return values
        if self.luminance:
            return scaled_luminance(values, self.data_range.value)
        return values


def planes_of(
    reference: NDArray[Any] | Stack,
    image: NDArray[Any] | Stack,
    data_range: DataRange,
    *,
    border: int,
    luminance: Luminance,
    rgb: bool | None,
) -> Planes:
    """Check two images and pair their planes.

    Parameters
    ----------
    reference, image : array-like of any real dtype, shape (..., Y, X[, S]), or Stack
        To be of one shape.
    data_range : DataRange
        The peak of the comparison.
    border : int
        Pixels to cut off at every side.
    luminance : bool or "auto"
        "auto" takes the luminance of colour images.
    rgb : bool, optional
        Whether the last axis is colour; has to be said where it could be.

    Returns
    -------
    Planes

    Raises
    ------
    InputError
        When the images cannot be compared like this.
    """
    if tuple(reference.shape) != tuple(image.shape):
        raise InputError(_misaligned(reference.shape, image.shape))
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


def scaled_luminance(rgb: NDArray[Any], peak: float) -> NDArray[np.float64]:
    """Studio-swing luminance of colours on any scale.

    Parameters
    ----------
    rgb : ndarray, shape (..., 3 or 4)
        Colours from 0 to `peak`.
    peak : float
        What stands for 255.

    Returns
    -------
    ndarray of float64, shape (...)
        16/255 of the peak for black to 235/255 for white, in the unit of the input.
    """
    if peak == 255:
        return studio_luminance(rgb)
    scale = 255 / peak if peak else 1.0
    return studio_luminance(rgb * scale) / scale


def _misaligned(reference: tuple[int, ...], image: tuple[int, ...]) -> str:
    return (
        f"the reference has shape {reference} and the image {image}: only images on "
        "the same pixel grid can be compared. Cut both to their common part, or "
        "bring the image onto the reference's grid with "
        "napari_vdsr.imaging.resample.resize(image, reference.shape); napari layers "
        "that overlap in world coordinates are aligned by themselves"
    )
