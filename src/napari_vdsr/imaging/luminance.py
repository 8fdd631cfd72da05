"""Luminance of colour images, by ITU-R BT.601.

https://www.itu.int/rec/R-REC-BT.601 gives the weights of R, G and B.
"""

import numpy as np
from numpy.typing import NDArray

FULL_RANGE = (0.299, 0.587, 0.114)
"""Weights of R, G and B in full-range luminance; their sum is one."""

_STUDIO = (65.481, 128.553, 24.966)


def studio_luminance(rgb: NDArray[np.generic]) -> NDArray[np.float64]:
    """Studio-swing luminance, the Y on which the papers score.

    Colours from 0 to 255, (..., 3), give 16 for black to 235 for white, not rounded.
    """
    colours = rgb[..., :3].astype(np.float64)
    y: NDArray[np.float64] = 16 + colours @ (np.array(_STUDIO) / 255)
    return y
