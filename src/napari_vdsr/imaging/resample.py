"""Separable resampling whose weights are computed in global coordinates.

Integer coordinates are pixel centres and an axis of n pixels covers
[-0.5, n - 0.5]. Both outer edges stay where they are, so output pixel i lies at
``(i + 0.5) / s - 0.5`` of the source, with s the ratio of the two sizes. Each
output row is a short row of weights over the source, whichever part of the output
is asked for: a tile is the same as that region of the whole. `sampling_rows` are those
that instruments make coarse pixels with, `level_weights` those of the coarser levels of
an image, for viewers and files: there a pixel is the mean of its area, NaN left out.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import InputError
from napari_vdsr.imaging.geometry import Axes
from napari_vdsr.imaging.intensities import into_dtype, within_float64

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Kernel = Literal["bicubic", "bilinear"]
Sampling = Literal["reduced", "gaussian", "camera", "scanner"]
Instrument = Literal["camera", "scanner"]
SAMPLINGS: tuple[Sampling, ...] = ("reduced", "gaussian", "camera", "scanner")

_NOTHING = 1e-12
_BLOCK = 256  # output rows resized at a time, to keep the weight matrices small


class Rows(NamedTuple):
    """Weights of consecutive output pixels along one axis.

    Attributes
    ----------
    first : int
        Index of the source pixel that the first column belongs to.
    weights : ndarray of float64, shape (pixels out, pixels in)
        Every row sums to one.
    """

    first: int
    weights: NDArray[np.float64]

    @property
    def source(self) -> slice:
        """The source pixels that the columns stand for."""
        return slice(self.first, self.first + int(self.weights.shape[1]))


def _cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keys' cubic convolution kernel with a = -0.5."""
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    values: NDArray[np.float64] = np.where(x <= 1, near, np.where(x < 2, far, 0.0))
    return values


def _triangle(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Kernel of linear interpolation."""
    values: NDArray[np.float64] = np.maximum(1 - np.abs(x), 0.0)
    return values


_KERNELS: dict[
    str, tuple[Callable[[NDArray[np.float64]], NDArray[np.float64]], float]
] = {"bicubic": (_cubic, 2.0), "bilinear": (_triangle, 1.0)}


def resize_rows(
    size: int,
    new_size: int,
    start: int = 0,
    stop: int | None = None,
    kernel: Kernel = "bicubic",
) -> Rows:
    """Weights that make output pixels `start` to `stop` of a resized axis.

    Parameters
    ----------
    size, new_size : int
        Pixels of the full axis before and after, at least 1. Their ratio is the
        factor; below 1 the kernel is widened against aliasing.
    start, stop : int, optional
        The output pixels wanted; by default all of them.
    kernel : {"bicubic", "bilinear"}
        Keys' cubic (a = -0.5) or linear interpolation.

    Returns
    -------
    Rows
        The weights and the source pixels that they apply to. Beyond a border the
        image is mirrored, the border pixel included (``b a | a b c``).

    Raises
    ------
    InputError
        When a size is below 1 or the output range is empty or out of bounds.

    Notes
    -----
    This is the scheme of MATLAB's ``imresize``: R. Keys, "Cubic convolution
    interpolation for digital image processing", IEEE Trans. ASSP 29 (1981) 1153.

    Examples
    --------
    >>> rows = resize_rows(4, 8, 0, 2, kernel="bilinear")
    >>> rows.source
    slice(0, 2, None)
    >>> rows.weights.tolist()
    [[1.0, 0.0], [0.75, 0.25]]
    """
    stop = new_size if stop is None else stop
    if size < 1 or new_size < 1:
        raise InputError(f"cannot resize {size} to {new_size} pixels: sizes start at 1")
    if not 0 <= start < stop <= new_size:
        raise InputError(
            f"pixels {start} to {stop} are not within the {new_size} of the output"
        )
    function, radius = _KERNELS[kernel]
    scale = new_size / size
    shrink = min(scale, 1.0)
    centre = (np.arange(start, stop) + 0.5) / scale - 0.5
    reach = radius / shrink
    taps = np.floor(centre - reach).astype(int)[:, None] + np.arange(
        int(np.ceil(2 * reach)) + 2
    )
    return _rows(taps, function((centre[:, None] - taps) * shrink), size)


def _rows(taps: NDArray[np.int_], weights: NDArray[np.float64], size: int) -> Rows:
    """Weights per tap, normalised, as a matrix over the source pixels that are used."""
    weights = np.where(np.abs(weights) < _NOTHING, 0, weights)  # what rounding left
    weights /= weights.sum(axis=1, keepdims=True)
    index = taps % (2 * size)  # beyond a border the axis is mirrored
    index = np.where(index < size, index, 2 * size - 1 - index)
    keep = weights != 0
    first, last = int(index[keep].min()), int(index[keep].max())
    matrix = np.zeros((len(index), last - first + 1))
    row = np.broadcast_to(np.arange(len(index))[:, None], index.shape)
    np.add.at(matrix, (row[keep], index[keep] - first), weights[keep])
    return Rows(first, matrix)


def resize(
    image: NDArray[np.generic],
    shape: tuple[int, int],
    kernel: Kernel = "bicubic",
) -> NDArray[np.float64]:
    """Enlarge or reduce the last two axes of an image.

    Parameters
    ----------
    image : ndarray of any real dtype, shape (..., Y, X)
        Intensities in any unit.
    shape : tuple of int
        New sizes of Y and X, in pixels.
    kernel : {"bicubic", "bilinear"}
        Keys' cubic (a = -0.5) or linear interpolation, antialiased when reducing.

    Returns
    -------
    ndarray of float64, shape (..., *shape)
        In the unit of the input, not rounded or clipped.

    Examples
    --------
    >>> resize(np.arange(4.0).reshape(1, 4), (1, 2), kernel="bilinear").tolist()
    [[0.625, 2.375]]
    """
    return _made(image, shape, partial(resize_rows, kernel=kernel))


def _made(
    image: NDArray[np.generic], shape: tuple[int, int], rows_of: Callable[..., Rows]
) -> NDArray[np.float64]:
    """Make the last two axes anew, block by block, with the rows of a function."""
    result = np.asarray(image, dtype=np.float64)
    for axis, new_size in zip((-2, -1), shape, strict=True):
        moved = np.moveaxis(result, axis, -1)
        size = moved.shape[-1]
        if size == new_size:
            continue
        made = np.empty((*moved.shape[:-1], new_size))
        for start in range(0, new_size, _BLOCK):
            stop = min(start + _BLOCK, new_size)
            rows = rows_of(size, new_size, start=start, stop=stop)
            made[..., start:stop] = moved[..., rows.source] @ rows.weights.T
        result = np.moveaxis(made, -1, axis)
    return result


def sample(
    image: NDArray[np.generic], shape: tuple[int, int], sampling: Sampling
) -> NDArray[np.float64]:
    """Make the last two axes of an image coarse, as `sampling_rows` says."""
    return _made(image, shape, partial(sampling_rows, sampling=sampling))


def sampling_rows(
    size: int,
    coarse: int,
    sampling: Sampling,
    start: int = 0,
    stop: int | None = None,
) -> Rows:
    """Weights that make coarse pixels `start` to `stop` of an axis from its source.

    "camera" is the mean over the area of the coarse pixel. "scanner" is the mean of the
    two source pixels at the centre of the coarse pixel (interpolated cubically where
    the centre is not between two of them): a point sample with a spot twice as wide as
    a source pixel. "reduced" is bicubic, antialiased, as software does. "gaussian"
    takes points behind a Gaussian whose standard deviation is half the factor less one,
    as ``skimage.transform.resize`` does.

    >>> sampling_rows(8, 2, "camera").weights[0].tolist()
    [0.25, 0.25, 0.25, 0.25, 0.0, 0.0, 0.0, 0.0]
    >>> rows = sampling_rows(8, 2, "scanner")
    >>> rows.source, rows.weights[0].tolist()
    (slice(1, 7, None), [0.5, 0.5, 0.0, 0.0, 0.0, 0.0])
    """
    if not 1 <= coarse <= size:
        raise InputError(f"cannot sample {size} pixels as {coarse}: give 1 to {size}")
    if sampling == "reduced":
        return resize_rows(size, coarse, start, stop)
    pixels = np.arange(start, coarse if stop is None else stop)
    if sampling == "camera":
        return _area_rows(size, coarse, pixels)
    if sampling == "scanner":
        return _rows(*_points(size, coarse, pixels, (-0.5, 0.5)), size)
    if sampling == "gaussian":
        return _gaussian_rows(size, coarse, pixels)
    raise InputError(f"sampling is {sampling!r}: choose {', '.join(SAMPLINGS)}")


def _area_rows(size: int, coarse: int, pixels: NDArray[np.int_]) -> Rows:
    """Share of each source pixel in the area of each coarse pixel."""
    width = size / coarse
    left, right = pixels * width, (pixels + 1) * width  # i covers i to i + 1 here
    first = np.floor(left + _NOTHING).astype(int)
    taps = first[:, None] + np.arange(int(np.ceil(width)) + 1)
    overlap = np.minimum(right[:, None], taps + 1) - np.maximum(left[:, None], taps)
    return _rows(taps, overlap.clip(0), size)


def _points(
    size: int, coarse: int, pixels: NDArray[np.int_], sides: tuple[float, ...]
) -> tuple[NDArray[np.int_], NDArray[np.float64]]:
    """Taps and weights of the mean of what cubics give at `sides` of the centre."""
    centre = (pixels + 0.5) * size / coarse - 0.5
    taps = np.floor(centre + sides[0]).astype(int)[:, None] + np.arange(-2, 5)
    weights = sum(_cubic(centre[:, None] + side - taps) for side in sides)
    return taps, np.asarray(weights)


def _gaussian_rows(size: int, coarse: int, pixels: NDArray[np.int_]) -> Rows:
    """Points behind a Gaussian, mirrored at the borders."""
    points, weights = _points(size, coarse, pixels, (0.0,))
    sigma = (size / coarse - 1) / 2
    reach = int(np.ceil(4 * sigma))
    distance = np.arange(-reach, reach + 1)
    kernel = np.exp(-0.5 * (distance / max(sigma, _NOTHING)) ** 2)
    taps = (points[:, :, None] + distance).reshape(len(pixels), -1)
    weights = (weights[:, :, None] * kernel).reshape(len(pixels), -1)
    return _rows(taps, weights, size)


COARSEST = 512
"""Pixels in Y and in X of a level that is not reduced further."""


def reduced_shapes(shape: tuple[int, ...], axes: Axes) -> list[tuple[int, ...]]:
    """Shapes of the levels above an image, each half of the one before in Y and X.

    The last one has at most `COARSEST` pixels in Y and in X.

    Examples
    --------
    >>> reduced_shapes((3, 1000, 1100), Axes(1, 2, None))
    [(3, 500, 550), (3, 250, 275)]
    """
    shapes = []
    while max(shape[axes.y], shape[axes.x]) > COARSEST:
        shape = tuple(
            (size + 1) // 2 if axis in axes[:2] else size
            for axis, size in enumerate(shape)
        )
        shapes.append(shape)
    return shapes


def region_of_level(
    below: Any,
    shape: tuple[int, ...],
    axes: Axes,
    region: Sequence[slice],
) -> NDArray[Any]:
    """A region of a level of this shape, read and reduced from the level below."""
    sizes = {axis: (int(below.shape[axis]), shape[axis]) for axis in axes[:2]}
    window = list(region)
    for axis, (size, new_size) in sizes.items():
        part = region[axis]
        window[axis] = level_weights(size, new_size, part.start, part.stop)[0]
    return resized_region(np.asarray(below[tuple(window)]), sizes, region)


def resized_region(
    window: NDArray[Any], sizes: dict[int, tuple[int, int]], region: Sequence[slice]
) -> NDArray[Any]:
    """A region of another level from the pixels that it is made from.

    `sizes` are the pixels of Y and X before and after, by axis. The dtype stays;
    integers are rounded.
    """
    import torch

    values = within_float64(window)
    values = values.astype(np.result_type(values.dtype, np.float32))
    missing = np.isnan(values)
    if missing.any():
        values[missing] = 0
        shares = _means(1 - missing.astype(values.dtype), sizes, region)
        with np.errstate(invalid="ignore"):  # where all pixels are NaN
            values = _means(values, sizes, region) / shares
    else:
        values = _means(values, sizes, region)
    if window.dtype.kind == "f":
        return values.astype(window.dtype)
    return into_dtype(torch.from_numpy(values), window.dtype).numpy()


def _means(
    values: NDArray[Any], sizes: dict[int, tuple[int, int]], region: Sequence[slice]
) -> NDArray[Any]:
    """Means along Y and X, one after the other."""
    for axis, (size, new_size) in sizes.items():
        part = region[axis]
        _, rows = level_weights(size, new_size, part.start, part.stop)
        moved = np.moveaxis(values, axis, 0)
        flat = np.ascontiguousarray(moved).reshape(len(moved), -1)
        means = (rows.astype(values.dtype) @ flat).reshape(-1, *moved.shape[1:])
        values = np.moveaxis(means, 0, axis)
    return np.ascontiguousarray(values)


@lru_cache(maxsize=256)
def level_weights(
    size: int, new_size: int, start: int, stop: int
) -> "tuple[slice, csr_array]":
    """Weights that make pixels `start` to `stop` of another level, along one axis.

    Gives the source pixels that they are made from, and a matrix of shape (pixels
    wanted, pixels that they are made from). No weight is negative: a coarser pixel is
    the mean of what it covers, and finer ones are interpolated linearly.

    Examples
    --------
    >>> source, rows = level_weights(5, 3, 0, 2)
    >>> source, rows.toarray().round(2).tolist()
    (slice(0, 4, None), [[0.6, 0.4, 0.0, 0.0], [0.0, 0.2, 0.6, 0.2]])
    """
    from scipy.sparse import csr_array  # needed where there are levels, or a viewer

    if new_size > size:
        linear = resize_rows(size, new_size, start, stop, "bilinear")
        return linear.source, csr_array(linear.weights)
    source = slice(start * size // new_size, -(-stop * size // new_size))
    # In units of 1 / new_size of an old pixel, where all edges are whole numbers.
    edges = np.arange(start, stop + 1)[:, None] * size
    pixels = np.arange(source.start, source.stop + 1)[None] * new_size
    overlap = np.minimum(edges[1:], pixels[:, 1:]) - np.maximum(
        edges[:-1], pixels[:, :-1]
    )
    return source, csr_array(np.maximum(overlap, 0) / size)
