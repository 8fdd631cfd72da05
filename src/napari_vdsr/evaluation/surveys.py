"""What the values of an image are like, from one look at them."""

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Survey(NamedTuple):
    """What the values of an image are like.

    Attributes
    ----------
    low, high : float
        Smallest and largest value, NaN passed over; NaN when there is no other.
    infinite, gaps : int
        Number of infinite values, and of those that are NaN.
    """

    low: float
    high: float
    infinite: int
    gaps: int


def survey_of(parts: Iterable[NDArray[Any]]) -> Survey:
    """Look at all values of an image.

    Parameters
    ----------
    parts : iterable of ndarray
        Of real numbers, one after the other.

    Returns
    -------
    Survey
    """
    lows, highs, infinite, gaps = [], [], 0, 0
    for part in parts:
        if part.dtype.kind == "f":
            infinite += int(np.isinf(part).sum())
            missing = int(np.isnan(part).sum())
            gaps += missing
            if missing == part.size:
                continue
        lows.append(float(np.nanmin(part)))
        highs.append(float(np.nanmax(part)))
    return Survey(
        min(lows, default=math.nan), max(highs, default=math.nan), infinite, gaps
    )
