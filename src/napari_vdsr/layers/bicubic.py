"""What plain bicubic enlargement makes of a layer, for comparison."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.imaging.resample import resize_rows
from napari_vdsr.inference.enlarged_array import EnlargedArray
from napari_vdsr.layers.plan import LayerPlan
from napari_vdsr.progress import Progress

_BLOCK = 512  # pixels per edge of what is made at a time


def bicubic_plan(
    plan: LayerPlan, data: Any, check: Callable[[], object] = lambda: None
) -> NDArray[Any]:
    """Enlarge by bicubic interpolation alone; integers are rounded and clipped.

    `data` is the level that the plan was made for. `check` is called before every
    block and may raise `Cancelled`.
    """
    return _enlarged(plan, data, check)[...]


def bicubic_planes(
    plan: LayerPlan, data: Any, check: Callable[[], object] = lambda: None
) -> Any:
    """As `bicubic_plan`, but planes of lazy data are made when they are indexed."""
    enlarged = _enlarged(plan, data, check)
    return enlarged[...] if isinstance(data, np.ndarray) else enlarged


def _enlarged(plan: LayerPlan, data: Any, check: Callable[[], object]) -> EnlargedArray:
    from napari_vdsr.lazy.graph import readable

    bicubic = _Bicubic(check)
    return EnlargedArray(
        readable(data), plan.axes, plan.plane_shape, bicubic, wanted=plan.wanted
    )


class _Bicubic:
    """Bicubic interpolation in the place of an `Upscaler`."""

    def __init__(self, check: Callable[[], object]) -> None:
        self._check = check

    def region(
        self,
        plane: Any,
        out_shape: tuple[int, int],
        region: tuple[slice, slice],
        /,
        *,
        out: NDArray[Any],
        progress: Progress | None,
    ) -> None:
        """Write a region of the enlarged plane into `out`, block by block."""
        import torch

        from napari_vdsr.imaging.intensities import into_dtype

        for y in _blocks(region[0]):
            rows = resize_rows(plane.shape[0], out_shape[0], y.start, y.stop)
            for x in _blocks(region[1]):
                self._check()
                columns = resize_rows(plane.shape[1], out_shape[1], x.start, x.stop)
                values = np.einsum(
                    "ij,jk...,lk->il...",
                    rows.weights,
                    plane[rows.source, columns.source].astype(np.float64),
                    columns.weights,
                    optimize=True,
                )
                place = _shifted(y, region[0].start), _shifted(x, region[1].start)
                out[place] = into_dtype(torch.from_numpy(values), out.dtype).numpy()


def _blocks(part: slice) -> Iterator[slice]:
    for start in range(part.start, part.stop, _BLOCK):
        yield slice(start, min(start + _BLOCK, part.stop))


def _shifted(part: slice, first: int) -> slice:
    return slice(part.start - first, part.stop - first)
