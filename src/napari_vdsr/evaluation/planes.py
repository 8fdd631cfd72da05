"""Two images, made comparable plane by plane."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import InputError
from napari_vdsr.evaluation.ranges import DataRange
from napari_vdsr.imaging.luminance import studio_luminance

__all__ = [
    "Luminance",
    "Planes",
    "check_image",
    "is_colour",
    "planes_of",
    "scaled_luminance",
]

Luminance = bool | Literal["auto"]

_COLOURS = (3, 4)


@dataclass(frozen=True)
class Planes:
    """A reference and an image of equal shape, ready to be compared.

    Attributes
    ----------
    reference, image : ndarray of any real dtype, shape (..., Y, X[, S])
    data_range : DataRange
        The peak of the comparison; luminance is computed relative to it.
    colour : bool
        Whether the last axis holds R, G, B and perhaps alpha, which is passed over.
    luminance : bool
        Whether colours are compared by their luminance.
    border : int
        Pixels cut off at every side.
    """

    reference: NDArray[Any]
    image: NDArray[Any]
    data_range: DataRange
    colour: bool
    luminance: bool
    border: int

    @property
    def stack(self) -> tuple[int, ...]:
        """Shape of the leading axes: () for a single plane."""
        return self.reference.shape[: -3 if self.colour else -2]

    @property
    def channels(self) -> str:
        """What is compared, in words."""
        if not self.colour:
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
        values = np.asarray(plane[rows, columns], dtype=np.float64)
        if not self.colour:
            return values
        if self.luminance:
            return scaled_luminance(values, self.data_range.value)
        return values[..., :3]


def planes_of(
    reference: NDArray[Any],
    image: NDArray[Any],
    data_range: DataRange,
    *,
    border: int,
    luminance: Luminance,
    rgb: bool | None,
) -> Planes:
    """Check two images and pair their planes.

    Parameters
    ----------
    reference, image : ndarray of any real dtype, shape (..., Y, X[, S])
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
    if reference.shape != image.shape:
        raise InputError(_misaligned(reference.shape, image.shape))
    colour = is_colour(reference, rgb)
    if luminance is True and not colour:
        msg = "luminance=True, but the images have no colours: use luminance='auto'"
        raise InputError(msg)
    size = min(reference.shape[-3:-1] if colour else reference.shape[-2:])
    if border < 0 or size <= 2 * border:
        msg = (
            f"border is {border}: with {size} pixels on the shorter side it can be "
            f"0 to {(size - 1) // 2}"
        )
        raise InputError(msg)
    by_luminance = colour and luminance is not False
    return Planes(reference, image, data_range, colour, by_luminance, border)


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


def check_image(image: NDArray[Any], name: str) -> None:
    """Refuse what is not an image of real numbers.

    Parameters
    ----------
    image : ndarray
        What was given.
    name : str
        What to call it in a message.

    Raises
    ------
    InputError
        When it has no numbers, no pixels, fewer than two axes or infinities.
    """
    if image.dtype.kind not in "iuf":
        msg = f"the {name} is of dtype {image.dtype}: use real numbers (int or float)"
        raise InputError(msg)
    if image.ndim < 2 or image.size == 0:
        msg = f"the {name} has shape {image.shape}: expected (..., Y, X) with pixels"
        raise InputError(msg)
    if image.dtype.kind == "f":
        count = int(np.isinf(image).sum())
        if count:
            msg = f"the {name} has {count} infinite values: replace them by NaN"
            raise InputError(msg)


def is_colour(image: NDArray[Any], rgb: bool | None) -> bool:
    """Whether the last axis of an image is colour.

    Parameters
    ----------
    image : ndarray
        Of any shape.
    rgb : bool, optional
        What the caller knows about it.

    Returns
    -------
    bool

    Raises
    ------
    InputError
        When it could be colour and nobody said so: that is never guessed.
    """
    could_be = image.ndim >= 3 and image.shape[-1] in _COLOURS
    if rgb is None and could_be:
        msg = (
            f"the shape {image.shape} may be (..., Y, X, colour) or (..., Y, X): "
            "say rgb=True or rgb=False"
        )
        raise InputError(msg)
    if rgb and not could_be:
        msg = f"rgb=True, but the shape {image.shape} does not end in 3 or 4 colours"
        raise InputError(msg)
    return bool(rgb)


def _misaligned(reference: tuple[int, ...], image: tuple[int, ...]) -> str:
    return (
        f"the reference has shape {reference} and the image {image}: only images on "
        "the same pixel grid can be compared. Cut both to their common part, or "
        "bring the image onto the reference's grid with "
        "napari_vdsr.imaging.resample.resize(image, reference.shape); napari layers "
        "that overlap in world coordinates are aligned by themselves"
    )
