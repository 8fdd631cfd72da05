"""Integers too large for float64, as differences to a number near them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.images.stack import Stack

_EXACT = 2**53  # up to here float64 holds every integer
_REACH = 2**62


def exact_origin(reference: Stack, image: Stack) -> int:
    """What to take from both images so that float64 can tell their values apart.

    0 where it can anyway, and where it cannot in any case.
    """
    kinds = {(each.dtype.kind, each.dtype.itemsize) for each in (reference, image)}
    if not kinds & {("i", 8), ("u", 8)}:
        return 0
    limits = [*reference.values[:2], *image.values[:2]]
    if not all(np.isfinite(float(limit)) for limit in limits):
        return 0
    origin = int(limits[0])
    if max(map(abs, limits)) <= _EXACT or abs(origin) <= _EXACT:
        return 0
    return origin if all(abs(int(each) - origin) < _REACH for each in limits) else 0


def less(plane: NDArray[Any], origin: int) -> NDArray[np.float64]:
    """A plane minus its origin, as float64."""
    if plane.dtype.kind == "f":
        return plane.astype(np.float64) - origin
    # Unsigned integers wrap around, which the signed view undoes.
    wrapped = plane.astype(np.uint64) - np.uint64(origin % 2**64)
    return wrapped.view(np.int64).astype(np.float64)
