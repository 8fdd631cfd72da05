"""From the array of a layer to the enlarged array."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.inference.enlarged_array import EnlargedArray
from napari_vdsr.layers.plan import LayerPlan
from napari_vdsr.progress import Progress

if TYPE_CHECKING:
    from napari_vdsr.inference.upscaler import Upscaler


def compute_plan(
    plan: LayerPlan,
    data: Any,
    upscaler: "Upscaler",
    progress: Progress | None = None,
) -> NDArray[Any]:
    """Make the pixels of a plan from the level that the plan was made for.

    Only what is needed is read of `data`, tile by tile. Progress is reset to the
    number of output pixels first.
    """
    from napari_vdsr.imaging.intensities import refuse_infinities
    from napari_vdsr.inference.arrays import warn_of_factors

    if isinstance(data, np.ndarray):
        refuse_infinities(data)
    warn_of_factors(plan.plane_factors, upscaler.model)
    if progress is not None:
        progress.reset(plan.pixels)
    enlarged = EnlargedArray(
        data,
        plan.axes,
        plan.plane_shape,
        upscaler,
        wanted=plan.wanted,
        progress=progress,
    )
    return enlarged[...]
