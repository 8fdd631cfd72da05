"""An image that is read plane by plane, or window by window."""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import accumulate, pairwise, product
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from napari_vdsr.errors import InputError, VdsrError
from napari_vdsr.files.opening import Pixels, checked_pixels
from napari_vdsr.images.arrays import Values, as_array, is_colour, values_of
from napari_vdsr.imaging.intensities import check_intensities

KEPT = 64e6
"""Bytes of planes that are kept in memory for the next use, by default."""

_EXACT = 2**53  # up to here float64 holds every integer
_REACH = 2**62


class Stack:
    """An image whose planes are read when they are asked for.

    The pixels, of shape (..., Y, X[, S]), give planes when their leading axes are
    indexed; those that have chunks can be sliced, too.

    Images of up to `kept` bytes are read once. Of others the last plane is kept, with
    those in the same chunks if they are small enough, and each pass over the planes
    reads them again: memory is that of a few planes.

    With `rgb` the last axis holds colours, whose alpha is left out. `axes` has a letter
    for each axis before Y and X, where a file names them; `remarks` say what of the
    file is left out, `ome` is its OME-XML. `check` is called before planes are read and
    may raise `Cancelled`. `finite` pixels refuse infinities themselves, so that none
    are looked for.
    """

    def __init__(
        self,
        pixels: Pixels,
        rgb: bool,
        *,
        name: str = "image",
        axes: str | None = None,
        check: Callable[[], object] = lambda: None,
        kept: float | None = None,
        finite: bool = False,
        remarks: tuple[str, ...] = (),
        ome: str | None = None,
    ) -> None:
        shape = tuple(int(size) for size in pixels.shape)
        self.shape = (*shape[:-1], 3) if rgb else shape
        self.dtype: np.dtype[Any] = np.dtype(pixels.dtype)
        self.rgb, self.name, self.axes, self.remarks = rgb, name, axes, remarks
        self.ome = ome
        self.chunks = getattr(pixels, "chunks", None)
        self._pixels, self._check, self._finite = pixels, check, finite
        self._kept = KEPT if kept is None else kept
        self._small = is_small(self, kept)
        self._held: dict[tuple[int, ...], NDArray[Any]] = {}
        plane = math.prod(self.shape[len(self.stack) :]) * self.dtype.itemsize
        chunks = self.chunks or (1,) * len(self.stack)
        self._groups = ChunkGroups(self.stack, chunks, self._kept // plane)

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
    def infinite(self) -> int:
        """Number of infinite values; may take one pass over all planes."""
        return 0 if self._finite else self.values.infinite

    @cached_property
    def values(self) -> Values:
        """Statistics of the values; takes one pass over all planes."""
        return values_of(self)

    def __getitem__(self, index: tuple[int, ...]) -> NDArray[Any]:
        """Give the plane (Y, X[, 3]) at an index of the leading axes.

        Raises VdsrError when it cannot be read, and Cancelled when `check` does.
        """
        if index not in self._held:
            if not self._small:
                self._held.clear()
            group = self._groups.around(index)
            together = [range(part.start, part.stop) for part in group]
            alone = all(len(part) == 1 for part in together)
            planes = self._read(index if alone else group, index, alone)
            planes = planes.reshape(-1, *self.shape[len(self.stack) :])
            self._held |= dict(zip(product(*together), planes, strict=True))
        return self._held[index]

    def window(self, index: tuple[int, ...], rows: slice, columns: slice) -> Any:
        """Give a part of a plane without reading all of it, if pixels can be sliced."""
        y, x = self.plane_shape
        whole = (rows, columns) == (slice(0, y), slice(0, x))
        if self._small or whole or index in self._held:
            return self[index][rows, columns]
        return self._read((*index, rows, columns), index, alone=True)

    def tasks(self, index: tuple[int, ...], rows: slice, columns: slice) -> int:
        """Count the tasks of dask that a window needs; 1 where there is no graph."""
        if not getattr(self._pixels, "lazy", hasattr(self._pixels, "__dask_graph__")):
            return 1
        pixels: Any = self._pixels
        block = pixels[(*index, rows, columns)]
        keys = block.__dask_keys__()
        while keys and isinstance(keys[0], list):
            keys = [key for each in keys for key in each]
        return len(block.__dask_graph__().cull(set(keys)))

    def _read(self, key: Any, index: tuple[int, ...], alone: bool) -> NDArray[Any]:
        self._check()
        try:
            block = self._pixels[key]
            block = block.compute() if hasattr(block, "compute") else block
            which = f"plane {index} of {self.name}"
            planes = checked_pixels(block, *self._promised(key), which)
        except (VdsrError, MemoryError):
            raise
        except Exception as error:  # damaged chunks make their libraries raise anything
            others = "" if alone else ", or one that lies in the same chunks,"
            raise VdsrError(
                f"plane {index}{others} of {self.name}, of shape {self.shape}, is "
                f"lost: {error}"
            ) from error
        return planes[..., :3] if self.rgb else planes

    def _promised(self, key: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
        """Shape and dtype that the pixels at a key have to have."""
        sizes = tuple(self._pixels.shape)
        parts = zip(key, sizes, strict=False)
        cut = [len(range(size)[at]) for at, size in parts if isinstance(at, slice)]
        return (*cut, *sizes[len(key) :]), np.dtype(self._pixels.dtype)

    def __iter__(self) -> Iterator[NDArray[Any]]:
        """Planes in C order."""
        return (self[index] for index in np.ndindex(self.stack))

    def __array__(
        self, dtype: DTypeLike | None = None, copy: bool | None = None
    ) -> NDArray[Any]:
        """Read all planes, for numpy."""
        whole = np.asarray(self.whole(), dtype)
        return whole.copy() if copy else whole  # numpy 1 knows no copy=None

    def cut(self, region: tuple[slice, ...]) -> "Stack":
        """Take a part of the image, which reads the planes of this one.

        One slice, with start and stop, for each axis without colours.
        """
        part = _Cut(self, region)
        return Stack(part, self.rgb, name=self.name, axes=self.axes, kept=self._kept)

    def cropped(self, rows: slice, columns: slice) -> "Stack":
        """Take a part of every plane."""
        return self.cut((*(slice(0, size) for size in self.stack), rows, columns))

    def whole(self) -> NDArray[Any]:
        """Read all planes, (..., Y, X[, 3]); of an array, give the array itself."""
        if isinstance(self._pixels, np.ndarray):
            return self._pixels[..., :3] if self.rgb else self._pixels
        array = np.empty(self.shape, self.dtype)
        for index in np.ndindex(self.stack):
            array[index] = self[index]
        return array

    @property
    def stays(self) -> bool:
        """Whether its planes stay in memory as long as it exists."""
        return isinstance(self._pixels, np.ndarray) or self._small


class _Cut:
    """The planes of a part of an image."""

    def __init__(self, image: Stack, region: tuple[slice, ...]) -> None:
        self._image, self._region = image, region
        sizes = (int(part.stop - part.start) for part in region)
        self.shape = (*sizes, *image.shape[len(region) :])
        self.dtype = image.dtype

    def __getitem__(self, index: tuple[Any, ...]) -> NDArray[Any]:
        *planes, rows, columns = self._region
        count = len(planes)
        shifted = tuple(
            at + part.start for at, part in zip(index[:count], planes, strict=True)
        )
        if index[count:]:  # a window, counted within the part
            part = map(_within, index[count:], (rows, columns))
            window: NDArray[Any] = self._image.window(shifted, *part)
            return window
        plane = self._image[shifted][rows, columns]
        # A view would keep in memory all that was read with it.
        return plane if self._image.stays else plane.copy()


def _within(part: slice, outer: slice) -> slice:
    return slice(outer.start + part.start, outer.start + part.stop)


def stack_of(
    image: Any,
    name: str,
    rgb: bool | None = None,
    check: Callable[[], object] = lambda: None,
    kept: float | None = None,
) -> Stack:
    """Take an array as planes, without reading it; stacks are returned as they are.

    `rgb` is needed where the last axis could be colour, `name` is for messages, and
    `check` is called before planes are read.
    """
    if isinstance(image, Stack):
        return image
    pixels = as_array(image, name)
    pixels = np.asarray(pixels) if isinstance(pixels, np.ndarray) else pixels
    check_kind(pixels, name)
    colour = is_colour(pixels, rgb)
    return Stack(pixels, colour, name=name, check=check, kept=kept)


def check_kind(image: Any, name: str) -> None:
    """Refuse what cannot be an image, without reading its values."""
    check_intensities(image.dtype, name)
    shape = tuple(image.shape)
    if len(shape) < 2:
        raise InputError(
            f"the {name} has shape {shape}: it needs two dimensions (Y, X) at least"
        )
    if 0 in shape:
        raise InputError(f"the {name} has shape {shape}: it holds no pixel")


def exact_origin(*images: Stack) -> int:
    """What to take from all images so that float64 can tell their values apart.

    0 where it can anyway, and where it cannot in any case.
    """
    kinds = {(each.dtype.kind, each.dtype.itemsize) for each in images}
    if not kinds & {("i", 8), ("u", 8)}:
        return 0
    limits = [limit for each in images for limit in each.values[:2]]
    if not all(np.isfinite(float(limit)) for limit in limits):
        return 0
    origin = int(limits[0])
    if max(map(abs, limits)) <= _EXACT or abs(origin) <= _EXACT:
        return 0
    return origin if all(abs(int(each) - origin) < _REACH for each in limits) else 0


def near_zero(*images: Stack) -> list[Stack]:
    """The images less what float64 needs to tell their values apart, if it does."""
    origin = exact_origin(*images)
    if not origin:
        return [*images]
    return [
        Stack(_Less(image, origin), image.rgb, name=image.name, axes=image.axes)
        for image in images
    ]


class _Less:
    """The planes of an image less an origin: whole numbers, if its are."""

    def __init__(self, image: Stack, origin: int) -> None:
        self._image, self._origin = image, origin
        self.shape, self.chunks = image.shape, image.chunks
        whole = image.dtype.kind in "iu"
        self.dtype = np.dtype(np.int64 if whole else np.float64)

    def __getitem__(self, index: tuple[int, ...]) -> NDArray[Any]:
        return less(self._image[index], self._origin).astype(self.dtype)


def less(plane: NDArray[Any], origin: int) -> NDArray[np.float64]:
    """A plane minus its origin, as float64."""
    if plane.dtype.kind == "f":
        return plane.astype(np.float64) - origin
    # Unsigned integers wrap around, which the signed view undoes.
    wrapped = plane.astype(np.uint64) - np.uint64(origin % 2**64)
    return wrapped.view(np.int64).astype(np.float64)


def is_small(image: Any, kept: float | None) -> bool:
    """Whether an image of some shape and dtype has no more than `kept` bytes."""
    kept = KEPT if kept is None else kept
    return bool(math.prod(image.shape) * np.dtype(image.dtype).itemsize <= kept)


def check_image(image: NDArray[Any] | Stack, name: str) -> None:
    """Refuse what has no real numbers, no pixels, under two axes, or infinities."""
    check_kind(image, name)
    if image.dtype.kind == "f":
        count = (image if isinstance(image, Stack) else all_values(image)).infinite
        if count:
            raise InputError(
                f"the {name} has {count} infinite values: replace them by NaN"
            )


def all_values(image: NDArray[Any] | Stack) -> Values:
    """Statistics of all values of an image; a stack is read once, plane by plane."""
    return image.values if isinstance(image, Stack) else values_of([image])


class ChunkGroups:
    """Groups of planes of a chunked array that are read together.

    A chunk is read and decoded as one piece. If planes are taken in C order and those
    of a group are kept meanwhile, each chunk is read once, unless it holds more than
    `most` planes. Chunks are as in dask and zarr: one number or a tuple of them for
    each axis.

    >>> ChunkGroups((2, 10), (1, 4), 100).around((1, 5))
    (slice(1, 2, None), slice(4, 8, None))
    """

    def __init__(self, sizes: tuple[int, ...], chunks: Any, most: float) -> None:
        self._edges: list[list[int]] = []
        full = False  # whether the axes before are cut so that all of this one fits
        for axis, size in enumerate(sizes):
            ends = _edges(size, chunks[axis])
            length = max(1, int(most // math.prod(sizes[axis + 1 :])))
            if full:
                ends = [0, size]
            elif length == 1 or len(ends) > size:
                ends = list(range(size + 1))
            else:
                full = True
                ends = _cut_to(length, ends)
            self._edges.append(ends)

    def around(self, index: tuple[int, ...]) -> tuple[slice, ...]:
        """Find the group that a plane is in: one slice for each leading axis."""
        return tuple(
            slice(*edges[(part := bisect_right(edges, at)) - 1 : part + 1])
            for edges, at in zip(self._edges, index, strict=True)
        )


def _edges(size: int, chunks: Any) -> list[int]:
    """The starts of the chunks of an axis, and the end of the last one."""
    if isinstance(chunks, tuple):
        return [0, *accumulate(chunks)]
    return [*range(0, size, chunks), size]


def _cut_to(length: int, edges: list[int]) -> list[int]:
    """Edges of parts of chunks, none longer than `length`."""
    starts = (range(*pair, length) for pair in pairwise(edges))
    return [*(start for each in starts for start in each), edges[-1]]
