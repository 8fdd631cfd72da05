"""Images that are scored plane by plane, so that they may be larger than memory."""

import math
from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import product
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from napari_vdsr.errors import InputError, VdsrError
from napari_vdsr.evaluation.runs import Runs
from napari_vdsr.evaluation.surveys import Survey, survey_of
from napari_vdsr.imaging.dtypes import refuse_mask

_COLOURS = (3, 4)
_KEPT = 64e6  # bytes of planes that are kept for the next look at them


class Pixels(Protocol):
    """Anything that gives planes when it is indexed; what has chunks, slices too."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the image, (..., Y, X[, S])."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the image."""

    def __getitem__(self, index: tuple[int, ...], /) -> Any:
        """The plane at an index of the leading axes."""


class Stack:
    """An image whose planes are read when they are asked for.

    Small images are read once. Of others the last plane is kept, with those that lie
    in the same chunks as far as they are small, and each look at all planes reads them
    again: memory is that of a few planes.

    Parameters
    ----------
    pixels : Pixels
        numpy, dask, zarr, or anything else that gives planes.
    rgb : bool
        Whether the last axis holds colours; alpha is left behind.
    check : callable, optional
        Called before planes are read; may raise `Cancelled`.
    finite : bool
        Whether the pixels themselves refuse infinities, so that none are looked for.
    """

    def __init__(
        self,
        pixels: Pixels,
        rgb: bool,
        check: Callable[[], object] = lambda: None,
        *,
        finite: bool = False,
    ) -> None:
        shape = tuple(int(size) for size in pixels.shape)
        self.shape = (*shape[:-1], 3) if rgb else shape
        self.dtype: np.dtype[Any] = np.dtype(pixels.dtype)
        self.rgb, self._finite = rgb, finite
        self._pixels, self._check = pixels, check
        self._held: dict[tuple[int, ...], NDArray[Any]] = {}
        chunks = getattr(pixels, "chunks", None)
        if chunks is None:
            chunks = (1,) * len(self.stack)
        plane = math.prod(self.shape[len(self.stack) :]) * self.dtype.itemsize
        self._runs = Runs(self.stack, chunks, _KEPT // plane)

    @property
    def stack(self) -> tuple[int, ...]:
        """Sizes of the leading axes: () for a single plane."""
        return self.shape[: -3 if self.rgb else -2]

    @property
    def plane_shape(self) -> tuple[int, int]:
        """Pixels in Y and X."""
        y, x = self.shape[len(self.stack) :][:2]
        return y, x

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    @property
    def stays(self) -> bool:
        """Whether its planes are in memory for as long as it is."""
        return isinstance(self._pixels, np.ndarray) or is_small(self)

    @property
    def infinite(self) -> int:
        """Number of infinite values: may be one look at all planes."""
        return 0 if self._finite else self.survey.infinite

    @cached_property
    def survey(self) -> Survey:
        """What the values are like: one look at all planes.

        Raises
        ------
        VdsrError, Cancelled
            As for a plane.
        """
        return survey_of(self)

    def __getitem__(self, index: tuple[int, ...]) -> NDArray[Any]:
        """Give a plane, read now or before.

        Parameters
        ----------
        index : tuple of int
            Of the leading axes.

        Returns
        -------
        ndarray, shape (Y, X[, 3])

        Raises
        ------
        VdsrError
            When it cannot be read: the plane is lost.
        Cancelled
            When `check` says so.
        """
        if index not in self._held:
            if not is_small(self):
                self._held.clear()
            self._check()
            self._held |= self._read(index)
        return self._held[index]

    def _read(self, index: tuple[int, ...]) -> dict[tuple[int, ...], NDArray[Any]]:
        """Read a plane, and those that lie in the same chunks."""
        run = self._runs.around(index)
        together = [range(part.start, part.stop) for part in run]
        alone = all(len(part) == 1 for part in together)
        key: Any = index if alone else run
        try:
            planes = np.asarray(self._pixels[key])
        except (VdsrError, MemoryError):
            raise
        except Exception as error:  # damaged chunks make their libraries raise anything
            others = "" if alone else ", or one that lies in the same chunks,"
            raise VdsrError(
                f"plane {index}{others} of an image of shape {self.shape} is lost: "
                f"{error}"
            ) from error
        planes = planes[..., :3] if self.rgb else planes
        planes = planes.reshape(-1, *self.shape[len(self.stack) :])
        return dict(zip(product(*together), planes, strict=True))

    def __iter__(self) -> Iterator[NDArray[Any]]:
        """Planes in C order."""
        return (self[index] for index in np.ndindex(self.stack))

    def __array__(
        self, dtype: DTypeLike | None = None, copy: bool | None = None
    ) -> NDArray[Any]:
        """Read all planes, for numpy."""
        return np.array(self.whole(), dtype=dtype, copy=copy)

    def cut(self, region: tuple[slice, ...]) -> "Stack":
        """Take a part of the image.

        Parameters
        ----------
        region : tuple of slice
            One for each axis without colours, with start and stop.

        Returns
        -------
        Stack
            That reads the planes of this one.
        """
        return Stack(_Cut(self, region), self.rgb)

    def whole(self) -> NDArray[Any]:
        """Read all planes.

        Returns
        -------
        ndarray, shape (..., Y, X[, 3])
            The array itself where the pixels are in one.

        Raises
        ------
        VdsrError, Cancelled
            As for a plane.
        """
        if isinstance(self._pixels, np.ndarray):
            return self._pixels[..., :3] if self.rgb else self._pixels
        array = np.empty(self.shape, self.dtype)
        for index in np.ndindex(self.stack):
            array[index] = self[index]
        return array


class _Cut:
    """The planes of a part of an image."""

    def __init__(self, image: Stack, region: tuple[slice, ...]) -> None:
        self._image, self._region = image, region
        sizes = (int(part.stop - part.start) for part in region)
        self.shape = (*sizes, *image.shape[len(region) :])
        self.dtype = image.dtype

    def __getitem__(self, index: tuple[int, ...]) -> NDArray[Any]:
        *planes, rows, columns = self._region
        shifted = (at + part.start for at, part in zip(index, planes, strict=True))
        plane = self._image[tuple(shifted)][rows, columns]
        # A view would hold all that was read with it.
        return plane if self._image.stays else plane.copy()


def stack_of(
    image: Any,
    name: str,
    rgb: bool | None = None,
    check: Callable[[], object] = lambda: None,
) -> Stack:
    """Take an image as planes, without reading it.

    Parameters
    ----------
    image : array-like, shape (..., Y, X[, S])
        numpy, dask, zarr; stacks are given back.
    name : str
        What to call it in a message.
    rgb : bool, optional
        Whether the last axis holds colours; has to be said where it could.
    check : callable, optional
        Called before planes are read; may raise `Cancelled`.

    Returns
    -------
    Stack

    Raises
    ------
    InputError
        When it is no image of real numbers, or has a mask.
    """
    if isinstance(image, Stack):
        return image
    refuse_mask(image)
    lazy = not isinstance(image, np.ndarray) and _gives_planes(image)
    pixels = image if lazy else np.asarray(image)
    _check_kind(pixels, name)
    return Stack(pixels, is_colour(pixels, rgb), check)


def _gives_planes(image: Any) -> bool:
    """Whether it is an array as numpy's are; those of torch have other dtypes."""
    dtype = getattr(image, "dtype", None)
    return isinstance(dtype, np.dtype) and hasattr(image, "shape")


def is_small(image: Pixels | Stack) -> bool:
    """Whether an image is read at once, and kept.

    Parameters
    ----------
    image : Pixels or Stack
        Of any size.

    Returns
    -------
    bool
    """
    return math.prod(image.shape) * np.dtype(image.dtype).itemsize <= _KEPT


def check_image(image: NDArray[Any] | Stack, name: str) -> None:
    """Refuse what is not an image of real numbers.

    Parameters
    ----------
    image : ndarray or Stack
        What was given.
    name : str
        What to call it in a message.

    Raises
    ------
    InputError
        When it has no numbers, no pixels, fewer than two axes or infinities.
    """
    _check_kind(image, name)
    if image.dtype.kind == "f":
        count = (image if isinstance(image, Stack) else survey(image)).infinite
        if count:
            raise InputError(
                f"the {name} has {count} infinite values: replace them by NaN"
            )


def _check_kind(image: Any, name: str) -> None:
    """Refuse what cannot be an image, without a look at its values."""
    dtype, shape = np.dtype(image.dtype), tuple(image.shape)
    if dtype.kind not in "iuf":
        raise InputError(
            f"the {name} is of dtype {dtype}: use real numbers (int or float)"
        )
    if len(shape) < 2 or 0 in shape:
        raise InputError(
            f"the {name} has shape {shape}: expected (..., Y, X) with pixels"
        )


def is_colour(image: Any, rgb: bool | None) -> bool:
    """Whether the last axis of an image is colour.

    Parameters
    ----------
    image : array-like
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
    shape = tuple(image.shape)
    could_be = len(shape) >= 3 and shape[-1] in _COLOURS
    if rgb is None and could_be:
        raise InputError(
            f"the shape {shape} may be (..., Y, X, colour) or (..., Y, X): "
            "say rgb=True or rgb=False"
        )
    if rgb and not could_be:
        raise InputError(
            f"rgb=True, but the shape {shape} does not end in 3 or 4 colours"
        )
    return bool(rgb)


def survey(image: NDArray[Any] | Stack) -> Survey:
    """Look at all values of an image.

    Parameters
    ----------
    image : ndarray or Stack
        Of real numbers. A stack is looked at once, plane by plane.

    Returns
    -------
    Survey
    """
    return image.survey if isinstance(image, Stack) else survey_of([image])
