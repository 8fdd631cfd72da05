"""The source window of a region: which pixels its result depends on."""

from math import ceil

from napari_vdsr.imaging.geometry import enlarged_size
from napari_vdsr.imaging.resample import resize_rows

LARGEST_SINGLE_FACTOR = 4.0
"""Above this, an image is enlarged in two equal passes."""

KERNEL_REACH = 3
"""Source pixels that bicubic enlargement looks to either side."""

Shape = tuple[int, int]


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


def gap_halo(shape: Shape, out_shape: Shape, halo: int) -> int:
    """Output pixels around a region that one pass depends on where there are gaps.

    A valid pixel depends on gaps as far away as the halo, and those are filled from
    pixels that may lie as far away from them again.
    """
    return 2 * halo + ceil(4 * KERNEL_REACH * max(_factors(shape, out_shape)))


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
