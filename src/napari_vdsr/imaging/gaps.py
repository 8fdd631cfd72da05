"""Filling missing pixels from their neighbours, so that NaN does not spread."""

import numpy as np
from numpy.typing import NDArray


def fill_gaps(
    image: NDArray[np.floating], rings: int
) -> tuple[NDArray[np.floating], NDArray[np.bool_]]:
    """Replace NaN by the mean of the nearest valid pixels; say where NaN was.

    Gaps are closed ring by ring, at most `rings` pixels deep: a missing pixel takes the
    mean of the valid ones among its eight neighbours. Pixels farther in become zero. A
    filled value depends only on pixels as far away as the nearest valid one, and is
    therefore the same for a tile and for the full image.
    """
    missing = np.isnan(image)
    filled = np.where(missing, image.dtype.type(0), image)
    valid = ~missing
    for _ in range(rings):
        if valid.all() or not valid.any():
            break
        count = _neighbour_sum(valid.astype(image.dtype))
        ring = ~valid & (count > 0)
        filled[ring] = (_neighbour_sum(filled)[ring] / count[ring]).astype(image.dtype)
        valid |= ring
    return filled, missing


def _neighbour_sum(image: NDArray[np.floating]) -> NDArray[np.floating]:
    """Sum of every pixel's 3 x 3 neighbourhood, zeros beyond the border."""
    padded = np.pad(image, 1)
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    total: NDArray[np.floating] = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
    return total
