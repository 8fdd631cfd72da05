"""Cutting work into tiles, and the source pixels that a result depends on.

Tiles are in the coordinates of the whole enlarged image, and one planner serves whole
images, regions, previews, lazy chunks and files. All windows of a plan have the same
size. Where a window meets the border of the image it slides inward instead of being
padded, so that the network sees the true border there and nowhere else.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import ceil

from napari_vdsr.errors import InputError
from napari_vdsr.imaging.geometry import enlarged_size
from napari_vdsr.imaging.resample import resize_rows

Region = tuple[slice, slice]
Shape = tuple[int, int]

LARGEST_SINGLE_FACTOR = 4.0
"""Above this, an image is enlarged in two equal passes."""

KERNEL_REACH = 3
"""Source pixels that bicubic enlargement looks to either side."""


@dataclass(frozen=True)
class Span:
    """One axis of a tile, in output pixels of the whole image.

    Attributes
    ----------
    core : slice
        The pixels that this tile is to deliver.
    window : slice
        The pixels that the network has to see for that.
    """

    core: slice
    window: slice

    @property
    def crop(self) -> slice:
        """Where the core lies within the window."""
        start = self.core.start - self.window.start
        return slice(start, start + self.core.stop - self.core.start)


@dataclass(frozen=True)
class Tile:
    """A rectangle of the output.

    Attributes
    ----------
    y : Span
        Its rows.
    x : Span
        Its columns.
    """

    y: Span
    x: Span

    @property
    def core(self) -> Region:
        """The output pixels that this tile delivers."""
        return self.y.core, self.x.core

    @property
    def crop(self) -> Region:
        """Where they lie within the window."""
        return self.y.crop, self.x.crop

    def within(self, origin: tuple[int, int]) -> Region:
        """Where its core lies in a region that begins at `origin`."""
        y, x = (
            slice(part.start - first, part.stop - first)
            for part, first in zip(self.core, origin, strict=True)
        )
        return y, x

    @property
    def pixels(self) -> int:
        """Number of output pixels delivered."""
        y, x = self.core
        return int((y.stop - y.start) * (x.stop - x.start))


def plan_axis(size: int, wanted: slice, tile: int, halo: int) -> list[Span]:
    """Cut part of an axis into spans with equal windows.

    Parameters
    ----------
    size : int
        Output pixels of the whole axis.
    wanted : slice
        The part of it to deliver, with start and stop.
    tile : int
        Largest number of pixels between the halos of a window, at least 1.
    halo : int
        Pixels on either side that a result depends on.

    Returns
    -------
    list of Span
        Their cores follow one another and make up `wanted`; their windows have one
        size and lie within the axis.

    Raises
    ------
    InputError
        When the tile is below 1 or the wanted part is empty or out of bounds.

    Examples
    --------
    >>> for span in plan_axis(10, slice(0, 10), tile=4, halo=1):
    ...     print(span.core, span.window)
    slice(0, 5, None) slice(0, 6, None)
    slice(5, 10, None) slice(4, 10, None)
    """
    if tile < 1:
        raise InputError(f"tile is {tile}: a tile has at least 1 pixel")
    if not 0 <= wanted.start < wanted.stop <= size:
        raise InputError(
            f"pixels {wanted.start} to {wanted.stop} are not within the {size} there"
        )
    low = max(0, wanted.start - halo)
    high = min(size, wanted.stop + halo)
    count = max(1, ceil((high - low - 2 * halo) / tile))
    step = max(1, ceil((high - low - 2 * halo) / count))
    window = min(high - low, step + 2 * halo)
    spans = []
    done: int = wanted.start
    for index in range(count):
        start = min(low + index * step, high - window)
        stop = wanted.stop if index == count - 1 else start + window - halo
        spans.append(Span(slice(done, stop), slice(start, start + window)))
        done = stop
    return spans


def plan_tiles(
    shape: tuple[int, int], wanted: Region, tile: int, halo: int
) -> Iterator[Tile]:
    """Cut a region of an image into tiles, row by row.

    Parameters
    ----------
    shape : tuple of int
        Output pixels of the whole image in Y and X.
    wanted : tuple of slice
        The region to deliver.
    tile, halo : int
        As in `plan_axis`.

    Yields
    ------
    Tile
        Their cores do not overlap and make up the region.
    """
    rows, columns = (
        plan_axis(size, part, tile, halo)
        for size, part in zip(shape, wanted, strict=True)
    )
    for y, x in product(rows, columns):
        yield Tile(y, x)


def middle_shape(shape: Shape, out_shape: Shape) -> Shape | None:
    """Y and X of a plane between two passes, None where one pass is enough."""
    factors = _factors(shape, out_shape)
    if max(factors) <= LARGEST_SINGLE_FACTOR:
        return None
    y, x = (
        enlarged_size(size, factor**0.5)
        for size, factor in zip(shape, factors, strict=True)
    )
    return y, x


def gap_rings(shape: Shape, out_shape: Shape, halo: int) -> int:
    """How deep to fill gaps, in source pixels.

    A valid pixel depends on gaps as far away as the halo.
    """
    return ceil(halo / min(_factors(shape, out_shape))) + 2 * KERNEL_REACH


def gap_halo(shape: Shape, out_shape: Shape, halo: int) -> int:
    """Output pixels around a region that one pass depends on where there are gaps.

    Those within the halo are filled from pixels as far away from them as rings go, in
    every direction.
    """
    deep = gap_rings(shape, out_shape, halo) + 2 * KERNEL_REACH
    return halo + ceil(deep * max(_factors(shape, out_shape)))


def source_span(
    axis: int, shape: Shape, out_shape: Shape, wanted: slice, halo: int, *, gaps: bool
) -> slice:
    """Source pixels along an axis (0 for Y, 1 for X) that a region may read.

    `wanted` are its output pixels along that axis; `gaps` says whether pixels may be
    NaN.
    """
    if shape == out_shape:
        return wanted
    middle = middle_shape(shape, out_shape)
    if middle is not None:
        wanted = _of_one_pass(axis, middle, out_shape, wanted, halo, gaps)
        out_shape = middle
    return _of_one_pass(axis, shape, out_shape, wanted, halo, gaps)


def _of_one_pass(
    axis: int, shape: Shape, out_shape: Shape, wanted: slice, halo: int, gaps: bool
) -> slice:
    halo = gap_halo(shape, out_shape, halo) if gaps else halo
    size, new_size = shape[axis], out_shape[axis]
    start, stop = max(0, wanted.start - halo), min(new_size, wanted.stop + halo)
    return resize_rows(size, new_size, start, stop).source


def _factors(shape: Shape, out_shape: Shape) -> tuple[float, float]:
    return out_shape[0] / shape[0], out_shape[1] / shape[1]
