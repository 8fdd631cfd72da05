"""The source of a layer that this plugin made."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_vdsr.errors import InputError
from napari_vdsr.layers import LayerPlan, plan_layer
from napari_vdsr.layers.plan import level_data
from napari_vdsr.layers.result import METADATA_KEY

if TYPE_CHECKING:
    from napari.layers import Image

_MAPS = ("consistency", "doubt", "error map", "spread", "training preview")


@dataclass(frozen=True, eq=False)
class Origin:
    """The source of a result, its pixels, and the plan by which the result was made."""

    source: "Image"  # still in the viewer
    data: Any
    plan: LayerPlan


def origin_of(layer: "Image", layers: "Iterable[Image]") -> Origin | None:
    """The source that a layer's metadata name, looked for in `layers`.

    None when the layer is no result, or its source is gone or has another shape.
    """
    made = layer.metadata.get(METADATA_KEY, {})
    told, region = made.get("source"), made.get("region")
    if not isinstance(told, dict) or not region or "factor" not in made:
        return None
    for source in _likely(layers, told):
        try:
            plan = plan_layer(source, tuple(made["factor"]))
        except InputError:  # for example a mask over the source
            continue
        wanted = tuple(slice(start, stop) for start, stop in region)
        if len(wanted) != len(plan.wanted):
            continue
        plan = replace(plan, wanted=wanted)
        if plan.shape == tuple(level_data(layer).shape):
            return Origin(source, level_data(source), plan)
    return None


def _likely(layers: "Iterable[Image]", told: dict[str, Any]) -> "list[Image]":
    """Layers of the stored shape; first those of that name, then of that place."""
    shape = tuple(told.get("shape", ()))
    layers = [
        layer
        for layer in layers
        if tuple(level_data(layer).shape[: layer.ndim]) == shape
    ]
    named = [layer for layer in layers if layer.name == told.get("name")]
    # It may have been renamed.
    placed = [
        layer
        for layer in layers
        if _same(layer.scale, told.get("scale"))
        and _same(layer.translate, told.get("translate"))
    ]
    return [*named, *placed]


def _same(mine: Any, told: Any) -> bool:
    return np.shape(mine) == np.shape(told) and np.allclose(mine, told)


def is_map(layer: "Image") -> bool:
    """Whether a layer shows an analysis, not an image to be compared."""
    kind = layer.metadata.get(METADATA_KEY, {}).get("kind")
    return kind in _MAPS
