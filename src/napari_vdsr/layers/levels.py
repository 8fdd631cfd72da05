"""What becomes of a lazy layer: levels that are computed as they are looked at."""

from typing import TYPE_CHECKING, Any

from napari_vdsr.layers.compute import intensity_range_of
from napari_vdsr.layers.plan import LayerPlan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_vdsr.zoo import Model


def enlarged_levels(
    plan: LayerPlan,
    levels: "Sequence[Any]",
    model: "Model",
    *,
    device: str = "auto",
    precision: str = "auto",
    tile: int | str = "auto",
    intensity_range: tuple[float, float] | None = None,
) -> list[Any]:
    """The levels of the result of a plan of a full layer; no pixel is computed.

    `levels` are the level that the plan was made for, and the coarser ones after it.
    """
    from napari_vdsr.lazy import as_dask, enlarge_lazily, levels_below

    enlarged = enlarge_lazily(
        as_dask(levels[0]),
        plan.axes,
        plan.plane_shape,
        model,
        device=device,
        precision=precision,
        tile=tile,
        intensity_range=intensity_range_of(levels[0], model, intensity_range),
    )
    return [enlarged, *levels_below(levels, plan.axes, plan.shape)]
