"""What plain bicubic enlargement makes of a layer, for comparison."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.imaging.resample import resize_rows
from napari_vdsr.layers.compute import planes_of
from napari_vdsr.layers.plan import LayerPlan

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


def bicubic_planes(
    plan: LayerPlan, data: Any, check: Callable[[], object] = lambda: None
) -> Any:
    """Enlarge by bicubic interpolation alone: what is lazy, plane by plane.

    Parameters
    ----------
    plan, data, check
        As for `bicubic_plan`; Y and X are the last axes.

    Returns
    -------
    array-like, shape `plan.shape`
        Planes of lazy data are made when they are indexed.
    """
    if isinstance(data, np.ndarray):
        return bicubic_plan(plan, data, check)
    return _BicubicPlanes(plan, data, check)


class _BicubicPlanes:
    """Planes of an enlarged layer, made when they are indexed."""

    def __init__(self, plan: LayerPlan, data: Any, check: Callable[[], object]) -> None:
        self._plan, self._data, self._check = plan, data, check
        self.shape, self.dtype = plan.shape, plan.dtype

    def __getitem__(self, index: tuple[int, ...]) -> NDArray[Any]:
        wanted = list(self._plan.wanted)
        for axis, at in enumerate(index):
            start = wanted[axis].start + at
            wanted[axis] = slice(start, start + 1)
        plan = replace(self._plan, wanted=tuple(wanted))
        plane = bicubic_plan(plan, self._data, self._check)
        return plane.reshape(self.shape[len(index) :])


def _blocks(part: slice) -> Iterator[slice]:
    for start in range(part.start, part.stop, _BLOCK):
        yield slice(start, min(start + _BLOCK, part.stop))
