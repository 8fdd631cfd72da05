"""What plain bicubic enlargement makes of a layer, for comparison."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.imaging.resample import resize_rows
from napari_vdsr.layers.compute import planes_of
from napari_vdsr.layers.plan import LayerPlan

__all__ = ["bicubic_plan"]

_BLOCK = 512  # pixels per edge of what is made at a time


def bicubic_plan(
    plan: LayerPlan, data: Any, check: Callable[[], object] = lambda: None
) -> NDArray[Any]:
    """Enlarge by bicubic interpolation alone.

    Parameters
    ----------
    plan : LayerPlan
        What to make.
    data : array-like
        The level that the plan was made for.
    check : callable, optional
        Called before every block; may raise `Cancelled`.

    Returns
    -------
    ndarray, shape `plan.shape`
        Integers are rounded and clipped to their range.
    """
    import torch

    from napari_vdsr.imaging.intensities import into_dtype

    result = np.empty(plan.shape, plan.dtype)
    for plane, out in planes_of(plan, data, result):
        for y in _blocks(plan.plane_region[0]):
            rows = resize_rows(plane.shape[0], plan.plane_shape[0], y.start, y.stop)
            for x in _blocks(plan.plane_region[1]):
                check()
                columns = resize_rows(
                    plane.shape[1], plan.plane_shape[1], x.start, x.stop
                )
                pixels = plane[rows.source, columns.source].astype(np.float64)
                values = np.einsum(
                    "ij,jk...,lk->il...",
                    rows.weights,
                    pixels,
                    columns.weights,
                    optimize=True,
                )
                first = [part.start for part in plan.plane_region]
                out[
                    y.start - first[0] : y.stop - first[0],
                    x.start - first[1] : x.stop - first[1],
                ] = into_dtype(torch.from_numpy(values), plan.dtype).numpy()
    return result


def _blocks(part: slice) -> Iterator[slice]:
    for start in range(part.start, part.stop, _BLOCK):
        yield slice(start, min(start + _BLOCK, part.stop))
