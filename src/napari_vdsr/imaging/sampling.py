"""How instruments sample: the weights that make coarse pixels from finer ones.

Integer coordinates are pixel centres, and both grids share their outer edges, as
everywhere in this package.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import InputError
from napari_vdsr.imaging.resample import Rows, cubic, gathered, mirrored, resize_rows

Sampling = Literal["reduced", "gaussian", "camera", "scanner"]
Instrument = Literal["camera", "scanner"]
SAMPLINGS: tuple[Sampling, ...] = ("reduced", "gaussian", "camera", "scanner")

_NOTHING = 1e-12


def sampling_rows(size: int, coarse: int, sampling: Sampling) -> Rows:
    """Weights that make the coarse pixels of an axis from its source pixels.

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
        return resize_rows(size, coarse)
    if sampling == "camera":
        return _area_rows(size, coarse)
    if sampling == "scanner":
        return _point_rows(size, coarse, (-0.5, 0.5))
    if sampling == "gaussian":
        return _gaussian_rows(size, coarse)
    raise InputError(f"sampling is {sampling!r}: choose {', '.join(SAMPLINGS)}")


def _area_rows(size: int, coarse: int) -> Rows:
    """Share of each source pixel in the area of each coarse pixel."""
    width = size / coarse
    edges = np.arange(coarse + 1) * width  # pixel i covers i to i + 1 here
    first = np.floor(edges[:-1] + _NOTHING).astype(int)
    taps = first[:, None] + np.arange(int(np.ceil(width)) + 1)
    overlap = np.minimum(edges[1:, None], taps + 1) - np.maximum(edges[:-1, None], taps)
    return _rows(taps, overlap.clip(0), size)


def _point_rows(size: int, coarse: int, sides: tuple[float, ...]) -> Rows:
    """Mean of the values at `sides` of the centre, interpolated cubically."""
    centre = (np.arange(coarse) + 0.5) * size / coarse - 0.5
    taps = np.floor(centre + sides[0]).astype(int)[:, None] + np.arange(-2, 5)
    weights = sum(cubic(centre[:, None] + side - taps) for side in sides)
    return _rows(taps, np.asarray(weights), size)


def _gaussian_rows(size: int, coarse: int) -> Rows:
    """Points behind a Gaussian, mirrored at the borders."""
    points = _point_rows(size, coarse, (0.0,))
    sigma = (size / coarse - 1) / 2
    reach = int(np.ceil(4 * sigma))
    distance = np.arange(-reach, reach + 1)
    kernel = np.exp(-0.5 * (distance / max(sigma, _NOTHING)) ** 2)
    taps = points.first + np.arange(points.weights.shape[1])
    taps = (taps[:, None] + distance).ravel()
    weights = (points.weights[:, :, None] * kernel).reshape(coarse, -1)
    return _rows(np.broadcast_to(taps, weights.shape), weights, size)


def _rows(taps: NDArray[np.int_], weights: NDArray[np.float64], size: int) -> Rows:
    weights = np.where(np.abs(weights) < _NOTHING, 0, weights)
    weights /= weights.sum(axis=1, keepdims=True)
    return gathered(mirrored(taps, size), weights)
