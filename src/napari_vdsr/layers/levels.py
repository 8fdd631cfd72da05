"""What becomes of a lazy layer: levels that are computed as they are looked at."""

from typing import TYPE_CHECKING, Any

from napari_vdsr.layers.plan import LayerPlan
from napari_vdsr.options import RunOptions

if TYPE_CHECKING:
    from collections.abc import Sequence


def enlarged_levels(
    plan: LayerPlan, levels: "Sequence[Any]", options: RunOptions
) -> list[Any]:
    """The levels of the result of a plan of a full layer; no pixel is computed.

    `levels` are the level that the plan was made for, and the coarser ones after it.
    """
    from napari_vdsr.lazy import as_dask, enlarge_lazily, levels_below

    array = as_dask(levels[0])
    enlarged = enlarge_lazily(array, plan.axes, plan.plane_shape, options)
    return [enlarged, *levels_below(levels, plan.axes, plan.shape)]
