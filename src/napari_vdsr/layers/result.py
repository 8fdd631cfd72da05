"""The layer that is made: everything of the source, and where it lies."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_vdsr.layers.plan import LayerPlan, linear_matrix
from napari_vdsr.layers.provenance import METADATA_KEY, Provenance

if TYPE_CHECKING:
    from napari.layers import Image


# What layers beside a result are called, after its name.
_WORDS = {"spread": "where the network is not sure"}

_NOT_OF_ONE_ARRAY = ("multiscale", "locked_data_level", "auto_contrast")


def result_layer(
    layer: "Image",
    plan: LayerPlan,
    data: Any,
    *,
    name: str,
    provenance: Provenance,
) -> "Image":
    """The layer that shows a result exactly over its source.

    Contrast, colours, transforms and everything else are taken from `layer`. `data` are
    the pixels, or levels of which the first has the shape of the plan.
    """
    from napari.layers import Image

    _, attributes, _ = layer.as_layer_data_tuple()
    for key in _NOT_OF_ONE_ARRAY:
        attributes.pop(key, None)
    offset = linear_matrix(layer) @ np.array(plan.first_pixel)
    attributes |= {
        "name": name,
        "rgb": bool(plan.samples),
        "scale": np.asarray(layer.scale) / plan.factors,
        "translate": np.asarray(layer.translate) + offset,
        "metadata": {**layer.metadata, METADATA_KEY: provenance.written()},
        "plane": _moved_plane(attributes["plane"], plan),
        "experimental_clipping_planes": [
            {**clipping, **_moved_plane(clipping, plan)}
            for clipping in attributes["experimental_clipping_planes"]
        ],
    }
    made = Image(data, multiscale=isinstance(data, list), **attributes)
    if not made.rgb:  # how far the sliders go is no attribute of the constructor
        made.contrast_limits_range = layer.contrast_limits_range
    return made


def layer_beside(
    source: "Image",
    plan: LayerPlan,
    data: Any,
    kind: str,
    *,
    name: str,
    provenance: Provenance,
) -> "Image":
    """A layer that says something about a result, as its kind tells; hidden at first.

    `name` and `provenance` are those of the result. Of a spread in colour the mean over
    the colours is shown.
    """
    if kind == "spread" and plan.samples:
        data, plan = data[..., :3].mean(axis=-1), replace(plan, samples=0)
    told = Provenance(kind, provenance.source, details={"made beside": name})
    words = f"{name} {_WORDS.get(kind, kind)}"
    layer = result_layer(source, plan, data, name=words, provenance=told)
    if kind == "spread":
        layer.colormap, layer.visible = "inferno", False
        _limit(layer, 0, _largest(source, data))
    if kind == "consistency":
        layer.colormap, layer.visible = "PiYG", False
        largest = _largest(source, np.abs(data))
        _limit(layer, -largest, largest)
    return layer


def _limit(layer: "Image", low: float, high: float) -> None:
    """Show values between two, which the sliders can reach, too."""
    layer.contrast_limits = (low, high)
    layer.contrast_limits_range = (low, high)


def _largest(source: "Image", data: Any) -> float:
    """The largest value; of lazy data, which are not looked at, a guess."""
    if isinstance(data, np.ndarray):
        return float(np.nanmax(data, initial=0)) or 1.0
    return float(np.ptp(source.contrast_limits)) / 20


def result_name(source: str, factors: tuple[float, float], model: str) -> str:
    """Name of a result, from the names of source and model and the factors of Y and X.

    Examples
    --------
    >>> result_name("cells", (2.0, 2.0), "vdsr20")
    'cells ×2 vdsr20'
    """
    y, x = (f"{factor:.3g}" for factor in factors)
    return f"{source} ×{y if y == x else f'{y}×{x}'} {model}"


def _moved_plane(plane: dict[str, Any], plan: LayerPlan) -> dict[str, Any]:
    """A rendering or clipping plane of the source, in pixels of the result."""
    factors = np.array(plan.factors)[-3:]
    first = np.array(plan.first_pixel)[-3:]
    count = len(factors)
    position, normal = (
        np.array(plane[key], dtype=float) for key in ("position", "normal")
    )
    position[-count:] = (position[-count:] - first) * factors
    normal[-count:] /= factors
    return {**plane, "position": tuple(position), "normal": tuple(normal)}
