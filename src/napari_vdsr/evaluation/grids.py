"""Two images on one grid: by the names of their axes, or where they overlap."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_vdsr.errors import InputError
from napari_vdsr.images.stack import Stack, check_image, stack_of

_WHOLE = 1e-4  # pixels by which grids that coincide may differ
_SPLINE = 3  # order of the interpolation


@dataclass(frozen=True, eq=False)
class Overlap:
    """The region in which two images overlap."""

    region: tuple[slice, ...]  # of the reference, for each axis without colours
    planes: tuple[slice, ...]  # of the image, for each of its leading axes
    # Take Y and X within the region to those of the image: shapes (2, 2) and (2,).
    linear: NDArray[np.float64]
    shift: NDArray[np.float64]

    @property
    def coincides(self) -> bool:
        """Whether the pixels lie on one another, so that none is interpolated."""
        same = np.allclose(self.linear, np.eye(2), atol=1e-6)
        return bool(same) and _is_whole(self.shift)


def overlap_of(
    reference: tuple[int, ...], image: tuple[int, ...], affine: ArrayLike
) -> Overlap:
    """Find the region in which two images overlap, from their geometry alone.

    Shapes are without colours, the affine as for `compare_on_grid`. Raises InputError
    when the images do not overlap, or planes lie between planes.
    """
    matrix = np.asarray(affine, dtype=np.float64)
    stack = [
        _shared(size, other, offset)
        for size, other, offset in zip(
            reference, image, _plane_offsets(matrix), strict=False
        )
    ]
    matrix = matrix[-3:][:, -3:]
    yx = _overlap(reference[-2:], image[-2:], matrix)
    return Overlap(
        region=(*(part for part, _ in stack), *yx),
        planes=tuple(part for _, part in stack),
        linear=matrix[:2, :2],
        shift=(matrix @ [yx[0].start, yx[1].start, 1.0])[:2],
    )


def compare_on_grid(
    reference: ArrayLike | Stack,
    image: ArrayLike | Stack,
    affine: ArrayLike,
    *,
    rgb: bool = False,
    check: Callable[[], object] = lambda: None,
) -> tuple[Stack, Stack]:
    """Bring an image onto the grid of a reference, where the two overlap.

    The affine, shape (n + 1, n + 1), takes pixel coordinates of the reference to those
    of the image, over the n axes without colours; both have as many axes. For napari
    layers it is the image's world-to-data affine after the reference's data-to-world
    affine.

    The result is the common part of the reference, untouched, and the image on that
    grid. If the grids coincide no value is interpolated and dtypes are kept; otherwise
    the image is float64, by cubic splines, and smoothed beforehand if its pixels are
    finer. It is NaN where the image ends within the part, as a rotated one does.

    Nothing is read before the planes of the result are; `check` is called before every
    plane and may raise `Cancelled`. Raises InputError when the images do not overlap,
    or planes lie between planes.
    """
    reference = stack_of(reference, "reference", rgb, check)
    image = stack_of(image, "image", rgb, check)
    axes = len(reference.stack) + 2
    matrix = np.asarray(affine, dtype=np.float64)
    if len(image.stack) + 2 != axes or matrix.shape != (axes + 1, axes + 1):
        raise InputError(
            f"the reference has shape {reference.shape}, the image {image.shape} and "
            f"the affine {matrix.shape}: expected as many axes in all, and one more "
            "in the affine"
        )
    found = overlap_of(reference.shape[:axes], image.shape[:axes], matrix)
    common = reference.cut(found.region)
    if not found.coincides:
        # Interpolating once more just to look for infinities would be expensive.
        return common, Stack(_Interpolated(image, common, found), rgb, finite=True)
    parts = zip(np.rint(found.shift).astype(int), found.region[-2:], strict=True)
    yx = [slice(first, first + part.stop - part.start) for first, part in parts]
    return common, image.cut((*found.planes, *yx))


class _Interpolated:
    """The planes of an image at the pixels of the reference, NaN outside the image.

    Infinities are refused when their plane is read.
    """

    def __init__(self, image: Stack, common: Stack, found: Overlap) -> None:
        self._image, self._found = image, found
        self.shape = common.shape
        self.dtype = np.dtype(np.float64)
        linear, shift = found.linear, found.shift
        self._yx = common.plane_shape
        y, x = np.indices(self._yx)
        at = np.stack([y, x], axis=-1) @ linear.T + shift
        edge = np.array(image.plane_shape) - 0.5 + _WHOLE
        self._outside = ((at < -0.5 - _WHOLE) | (at > edge)).any(axis=-1)
        # Finer pixels are averaged, or they would alias.
        self._sigma = np.maximum(0, (np.linalg.norm(linear, axis=1) - 1) / 2)

    def __getitem__(self, index: tuple[int, ...]) -> NDArray[np.float64]:
        planes = self._found.planes
        shifted = (at + part.start for at, part in zip(index, planes, strict=True))
        plane = self._image[tuple(shifted)]
        check_image(plane, "image")
        if not self._image.rgb:
            return self._at_the_reference(plane)
        colours = [self._at_the_reference(plane[..., colour]) for colour in range(3)]
        return np.stack(colours, axis=-1)

    def _at_the_reference(self, plane: NDArray[Any]) -> NDArray[np.float64]:
        from scipy.ndimage import affine_transform, gaussian_filter

        smooth = gaussian_filter(plane.astype(np.float64), self._sigma)
        result: NDArray[np.float64] = affine_transform(
            smooth,
            self._found.linear,
            self._found.shift,
            output_shape=self._yx,
            # A spline would carry a NaN along the whole row and column.
            order=1 if np.isnan(smooth).any() else _SPLINE,
            mode="nearest",
        )
        result[self._outside] = np.nan
        return result


def _plane_offsets(matrix: NDArray[np.float64]) -> list[int]:
    """By how many planes the leading axes are shifted."""
    leading = len(matrix) - 3
    mixed = matrix[:leading, :-1] - np.eye(leading, len(matrix) - 1)
    offsets = matrix[:leading, -1]
    below = matrix[leading:-1, :leading]
    if np.abs(mixed).max(initial=0) > _WHOLE or np.abs(below).max(initial=0) > _WHOLE:
        raise InputError(
            "the planes of the two images are spaced or tilted differently: only "
            "images whose planes coincide can be compared"
        )
    if not _is_whole(offsets):
        raise InputError(
            f"the planes of the two images lie {offsets.tolist()} planes apart: only "
            "images whose planes coincide can be compared"
        )
    return [round(offset) for offset in offsets]


def _is_whole(values: NDArray[np.float64]) -> bool:
    return bool(np.all(np.abs(values - np.rint(values)) < _WHOLE))


def _shared(size: int, other: int, offset: int) -> tuple[slice, slice]:
    """Planes that both have, counted in the reference and in the image."""
    start, stop = max(0, -offset), min(size, other - offset)
    if start >= stop:
        raise InputError(_APART)
    return slice(start, stop), slice(start + offset, stop + offset)


_APART = "the two images do not overlap: move one, or check their scale and translate"


def _overlap(
    size: tuple[int, ...], other: tuple[int, ...], matrix: NDArray[np.float64]
) -> tuple[slice, slice]:
    """Rectangle of the reference, in Y and X, that the image covers."""
    edges = [(-0.5, other[0] - 0.5), (-0.5, other[1] - 0.5)]
    corners = np.array([[y, x, 1.0] for y, x in product(*edges)])
    reached = (corners @ np.linalg.inv(matrix).T)[:, :2]
    parts = []
    for low, high, length in zip(reached.min(0), reached.max(0), size, strict=True):
        start = max(0, int(np.ceil(low - _WHOLE)))
        stop = min(length, int(np.floor(high + _WHOLE)) + 1)
        if start >= stop:
            raise InputError(_APART)
        parts.append(slice(start, stop))
    return parts[0], parts[1]


def matched(reference: Stack, image: Stack) -> tuple[Stack, Stack]:
    """Bring two images of files into one order of axes, that of the reference.

    Axes of one plane that the other image lacks are left out, and three or four
    channels are colours if the other image has colours. Without names of axes, as in
    arrays, nothing is changed.
    """
    if reference.axes is None or image.axes is None:
        return reference, image
    if reference.rgb != image.rgb:
        reference, image = _coloured(reference), _coloured(image)
    one, other = _axes_of(reference, image), _axes_of(image, reference)
    shared = [letter for letter in one if letter in other]
    # What has another name in the other image, Z for T say, keeps its order.
    rest = iter([letter for letter in other if letter not in shared])
    ordered = [letter if letter in shared else next(rest, "") for letter in one]
    ordered += list(rest)
    return _arranged(reference, one), _arranged(
        image, [each for each in ordered if each]
    )


def _axes_of(image: Stack, other: Stack) -> list[str]:
    """The axes of an image without those of one plane that nothing corresponds to."""
    assert image.axes is not None and other.axes is not None
    sizes = dict(zip(image.axes, image.stack, strict=True))
    return [
        letter for letter, size in sizes.items() if size > 1 or letter in other.axes
    ]


def _coloured(image: Stack) -> Stack:
    """Take channels as colours, if they can be and the image has none."""
    assert image.axes is not None
    at = image.axes.find("C")
    if image.rgb or at < 0 or image.stack[at] not in (3, 4):
        return image
    order = [axis for axis in range(len(image.stack)) if axis != at]
    axes = image.axes.replace("C", "")
    return Stack(_Arranged(image, order, at), True, name=image.name, axes=axes)


def _arranged(image: Stack, letters: list[str]) -> Stack:
    assert image.axes is not None
    if letters == list(image.axes):
        return image
    order = [image.axes.index(letter) for letter in letters]
    pixels = _Arranged(image, order)
    return Stack(pixels, image.rgb, name=image.name, axes="".join(letters))


class _Arranged:
    """The planes of an image whose leading axes come in another order."""

    def __init__(self, image: Stack, order: list[int], colours: int | None = None):
        self._image, self._order, self._colours = image, order, colours
        last = image.shape[len(image.stack) :]
        if colours is not None:
            last = (*last, image.stack[colours])
        self.shape = (*(image.stack[axis] for axis in order), *last)
        self.dtype = image.dtype

    def __getitem__(self, index: tuple[int, ...]) -> NDArray[Any]:
        at = [0] * len(self._image.stack)
        for axis, number in zip(self._order, index, strict=True):
            at[axis] = number
        if self._colours is None:
            return self._image[tuple(at)]
        planes = []
        for channel in range(self.shape[-1]):
            at[self._colours] = channel
            planes.append(self._image[tuple(at)])
        return np.stack(planes, axis=-1)
