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
    """Make the levels of a result; no pixel is computed.

    Parameters
    ----------
    plan : LayerPlan
        What to make, of the whole layer.
    levels : sequence of array-like
        The level that the plan was made for, and the coarser ones after it.
    model : Model
        What to run.
    device, precision, tile, intensity_range
        As for `Upscaler`.

    Returns
    -------
    list of dask.array.Array or ndarray
        The enlarged level, then the levels themselves and as many coarser ones as
        are needed for looking at all of it.

    Raises
    ------
    InputError
        When an argument cannot be used.
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
