"""Layers that lie exactly on the one that they were made of."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import napari_vdsr
from napari_vdsr.layers import plan_layer, result_layer
from napari_vdsr.layers.provenance import Provenance, described

if TYPE_CHECKING:
    from napari.layers import Image
    from numpy.typing import NDArray


def difference_layer(
    layer: "Image",
    data: "NDArray[Any]",
    *,
    name: str,
    kind: str,
    limit: float,
    first: Sequence[int] | None = None,
) -> "Image":
    """Show differences (..., Y, X) on the pixels of a layer: pale for none.

    `data` and `limit`, which gets the deepest colours, are in units of the layer.
    `kind` goes to the metadata; `first` is the layer's pixel of the first difference.
    """
    starts = first or (0,) * layer.ndim
    plan = replace(
        plan_layer(layer, 1),
        samples=0,
        wanted=tuple(
            slice(start, start + size)
            for start, size in zip(starts, data.shape, strict=True)
        ),
    )
    made = Provenance(kind, {"name": layer.name})
    shown = result_layer(layer, plan, data, name=name, provenance=made)
    shown.colormap = "PiYG"
    shown.gamma = 1.0
    shown.contrast_limits_range = (-4 * limit, 4 * limit)
    shown.contrast_limits = (-limit, limit)
    shown.opacity = 1.0
    shown.blending = "translucent"
    shown.visible = True  # also where the layer below is hidden, as in our samples
    return shown


def coarser_layer(
    layer: "Image", data: "NDArray[Any]", factor: int, *, name: str, **details: Any
) -> "Image":
    """Show the reduced image of a layer on the same outer edges.

    The layer was cut to a multiple of the factor; `details` go to the metadata.
    """
    plan = plan_layer(layer, 1)
    sizes = data.shape[: layer.ndim]
    plan = replace(
        plan,
        full_shape=sizes,
        wanted=tuple(slice(0, size) for size in sizes),
        factors=tuple(
            1 / factor if axis in plan.yx else 1.0 for axis in range(layer.ndim)
        ),
        samples=data.shape[-1] if layer.rgb else 0,
    )
    told = {"reduced by": factor, **details}
    made = Provenance("reduced", {"name": layer.name}, details=told)
    shown = result_layer(layer, plan, data, name=name, provenance=made)
    shown.visible = True
    return shown


def finer_layer(
    layer: "Image",
    data: "NDArray[Any]",
    low: "Image",
    factor: int,
    *,
    name: str,
    method: str,
) -> "Image":
    """Show an enlargement of the reduced layer `low` on the pixels of the truth.

    `layer` is the truth. The metadata name `low` as the source, as for any result;
    `method` is what enlarged it.
    """
    sizes = data.shape[: layer.ndim]
    parts = tuple(slice(0, size) for size in sizes)
    plan = replace(
        plan_layer(layer, 1),
        wanted=parts,
        samples=data.shape[-1] if layer.rgb else 0,
    )
    made = Provenance(
        source=described(low, low.data.shape[: low.ndim]),
        factor=(factor, factor),
        region=tuple((part.start, part.stop) for part in parts),
        details={"version": napari_vdsr.__version__, "model": method},
    )
    shown = result_layer(layer, plan, data, name=name, provenance=made)
    shown.visible = True
    return shown
