"""The source of a layer that this plugin made."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from napari_vdsr.errors import InputError
from napari_vdsr.layers import LayerPlan, plan_layer
from napari_vdsr.layers.plan import level_data
from napari_vdsr.layers.provenance import Provenance

if TYPE_CHECKING:
    from napari.layers import Image


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
    made = Provenance.read(layer)
    if made is None or made.region is None or made.factor is None:
        return None
    factors = made.factor[0], made.factor[-1]
    for source in _likely(layers, made):
        try:
            plan = plan_layer(source, factors)
        except InputError:  # for example a mask over the source
            continue
        wanted = tuple(slice(*part) for part in made.region)
        if len(wanted) != len(plan.wanted):
            continue
        plan = replace(plan, wanted=wanted)
        if plan.shape == tuple(level_data(layer).shape):
            return Origin(source, level_data(source), plan)
    return None


def _likely(layers: "Iterable[Image]", made: Provenance) -> "list[Image]":
    """Layers of the stored shape; first those of that name, then of that place."""
    layers = [layer for layer in layers if made.had_shape_of(layer)]
    named = [layer for layer in layers if layer.name == made.source.get("name")]
    # It may have been renamed.
    return [*named, *(layer for layer in layers if made.was_at(layer))]


def is_map(layer: "Image") -> bool:
    """Whether a layer shows an analysis, not an image to be compared."""
    made = Provenance.read(layer)
    return made is not None and made.is_map
