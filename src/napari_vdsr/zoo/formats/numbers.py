"""Numbers of any precision as weights."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def as_weights(numbers: NDArray[Any]) -> NDArray[np.float32]:
    """Round numbers to float32.

    Parameters
    ----------
    numbers : ndarray
        Of any numeric dtype and memory layout.

    Returns
    -------
    ndarray of float32
        Contiguous. What is too large becomes infinite, which no network accepts.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return np.ascontiguousarray(numbers, dtype=np.float32)
