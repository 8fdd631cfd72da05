"""Statistics of the values of an image, from one pass over them."""

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Survey(NamedTuple):
    """Statistics of the values of an image."""

    low: float  # NaN ignored; NaN when there is nothing else; int if no float64
    high: float
    infinite: int  # number of infinite values
    gaps: int  # number of NaN


def survey_of(parts: Iterable[NDArray[Any]]) -> Survey:
    """Statistics of an image of real numbers that is given in parts."""
    lows, highs, infinite, gaps = [], [], 0, 0
    for part in parts:
        if part.dtype.kind == "f":
            infinite += int(np.isinf(part).sum())
            missing = int(np.isnan(part).sum())
            gaps += missing
            if missing == part.size:
                continue
        lows.append(_exact(np.nanmin(part)))
        highs.append(_exact(np.nanmax(part)))
    return Survey(
        min(lows, default=math.nan), max(highs, default=math.nan), infinite, gaps
    )


def _exact(value: Any) -> float:
    """As a float, or as an int where float64 cannot hold that."""
    number = value.item()
    return number if number != float(number) else float(number)
