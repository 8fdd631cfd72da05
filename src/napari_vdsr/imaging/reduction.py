"""Reducing part of an image, exactly as it is in the whole reduced image."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_vdsr.imaging.intensities import into_dtype, within_float64
from napari_vdsr.imaging.resample import Rows


def reduced(pixels: NDArray[Any], rows: Rows, columns: Rows) -> NDArray[Any]:
    """Reduce the last two axes with weights from `resize_rows`.

    Parameters
    ----------
    pixels : ndarray of any real dtype, shape (..., Y, X)
        The source pixels that the weights belong to, and no others.
    rows, columns : Rows
        Weights of the output pixels wanted in Y and X.

    Returns
    -------
    ndarray of the same dtype
        Integers are rounded and clipped. Where the kernel touches NaN there is NaN,
        and nowhere else.

    Examples
    --------
    >>> from napari_vdsr.imaging.resample import resize_rows
    >>> half = resize_rows(4, 2, kernel="bilinear")
    >>> reduced(np.full((4, 4), 7, np.uint8), half, half).tolist()
    [[7, 7], [7, 7]]
    """
    values = within_float64(pixels).astype(np.float64)
    gaps = np.isnan(values)
    holed = bool(gaps.any())
    if holed:
        values[gaps] = 0
    result = rows.weights @ values @ columns.weights.T
    if holed:
        touched = (rows.weights != 0) @ gaps.astype(float) @ (columns.weights != 0).T
        result[touched > 0] = np.nan
    reduced_pixels: NDArray[Any] = into_dtype(
        torch.from_numpy(result), pixels.dtype
    ).numpy()
    return reduced_pixels.astype(pixels.dtype, copy=False)
