"""The grid that JPEG leaves: every eighth step between pixels is larger."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_BLOCK = 8
_LEAST = 4  # blocks along an axis
_LARGE_STEPS = 0.95  # quantile at which larger steps are clipped


def jpeg_grid(windows: Sequence[NDArray[Any]]) -> float:
    """Strength of the 8 x 8 grid in standard errors, in the axis where it is weaker.

    In a picture that was cropped the grid is shifted. Any shift is found, but it must
    be the same one in all windows.
    """
    planes = [window.astype(np.float64) for window in windows]
    planes = [plane for plane in planes if np.isfinite(plane).all()]
    along_x = _strength([_excess(plane) for plane in planes])
    along_y = _strength([_excess(plane.T) for plane in planes])
    return min(along_x, along_y)


def _excess(plane: Floats) -> Floats:
    """How much larger each step along X is than those beside it, (blocks, 8)."""
    steps = np.abs(np.diff(plane, axis=1))
    excess = steps[:, 1:-1] - (steps[:, :-2] + steps[:, 2:]) / 2
    blocks = excess.shape[1] // _BLOCK
    if blocks < _LEAST:
        return np.empty((0, _BLOCK))
    # Edges of the structure would drown the grid.
    limit = np.quantile(np.abs(excess), _LARGE_STEPS)
    columns = np.clip(excess, -limit, limit).mean(axis=0)
    found: Floats = columns[: blocks * _BLOCK].reshape(blocks, _BLOCK)
    return found / limit if limit else found


def _strength(parts: list[Floats]) -> float:
    """How far the largest of the eight places stands out from the others."""
    blocks = np.concatenate(parts) if parts else np.empty((0, _BLOCK))
    if not len(blocks):
        return 0.0
    place = int(blocks.mean(axis=0).argmax())
    others = np.delete(blocks, place, axis=1)
    error = float(others.std()) / math.sqrt(len(blocks))
    difference = float(blocks[:, place].mean() - others.mean())
    return difference / error if error else 0.0
