"""Adds results to the viewer, exactly over their sources."""

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_vdsr.layers import plan_layer, result_layer
from napari_vdsr.layers.plan import level_data
from napari_vdsr.layers.result import layer_beside
from napari_vdsr.plugin.lineage import place_above
from napari_vdsr.plugin.model.execution import Result
from napari_vdsr.plugin.model.extras import Extra

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image


class StaleSourceError(Exception):
    """The source's data have another shape now, so the result no longer fits."""


def add_result(viewer: "ViewerModel", result: Result) -> "Image":
    """Add the layers of a result above all earlier ones of its source.

    Gives the enlarged layer. It goes on top of everything if the source was removed
    meanwhile. Raises StaleSourceError when the source was given data of another shape.
    """
    source = result.job.layer
    data = level_data(source)
    if data is not result.job.data and data.shape != result.job.data.shape:
        raise StaleSourceError(
            f"'{source.name}' was given other data while it was enlarged: "
            "press Run again for a result that fits."
        )
    index = place_above(source, viewer.layers)
    layers = [_extra_layer(result, extra) for extra in result.extras]
    layers.append(
        result_layer(
            source,
            result.job.plan,
            result.data,
            name=result.name,
            provenance=result.provenance,
        )
    )
    for layer in layers:
        viewer.layers.insert(index, layer)
        index += 1
    return layers[-1]


def _extra_layer(result: Result, extra: Extra) -> "Image":
    source, plan = result.job.layer, result.job.plan
    if extra.kind == "consistency":  # it lies on the source's own grid
        plan = replace(plan_layer(source, 1), samples=0)
    return layer_beside(
        source,
        plan,
        extra.data,
        extra.kind,
        name=result.name,
        provenance=result.provenance,
    )
