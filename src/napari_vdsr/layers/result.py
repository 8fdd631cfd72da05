"""The layer that is made: everything of the source, and where it lies."""

from typing import TYPE_CHECKING, Any

import numpy as np

import napari_vdsr
from napari_vdsr.layers.plan import LayerPlan, linear_matrix
from napari_vdsr.options import RunOptions

if TYPE_CHECKING:
    from napari.layers import Image


METADATA_KEY = "napari-vdsr"

_NOT_OF_ONE_ARRAY = ("multiscale", "locked_data_level", "auto_contrast")


def result_layer(
    layer: "Image",
    plan: LayerPlan,
    data: Any,
    *,
    name: str,
    provenance: dict[str, Any],
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
        "metadata": {**layer.metadata, METADATA_KEY: provenance},
        "plane": _moved_plane(attributes["plane"], plan),
        "experimental_clipping_planes": [
            {**clipping, **_moved_plane(clipping, plan)}
            for clipping in attributes["experimental_clipping_planes"]
        ],
    }
    return Image(data, multiscale=isinstance(data, list), **attributes)


def provenance(layer: "Image", plan: LayerPlan, options: RunOptions) -> dict[str, Any]:
    """How a result was made, in values that any file format can hold.

    Device and precision are those in use, or as asked for where that is decided later.
    """
    return {
        "version": napari_vdsr.__version__,
        **options.recorded(),
        "factor": list(plan.plane_factors),
        "region": [[part.start, part.stop] for part in plan.wanted],
        "source": {
            "name": layer.name,
            "shape": list(plan.level_shape),
            "scale": _listed(layer.scale),
            "translate": _listed(layer.translate),
            "rotate": _listed(layer.rotate),
            "shear": _listed(layer.shear),
            "affine": _listed(layer.affine.affine_matrix),
        },
    }


def result_name(source: str, factors: tuple[float, float], model: str) -> str:
    """Name of a result, from the names of source and model and the factors of Y and X.

    Examples
    --------
    >>> result_name("cells", (2.0, 2.0), "vdsr20")
    'cells ×2 vdsr20'
    """
    y, x = (f"{factor:.3g}" for factor in factors)
    return f"{source} ×{y if y == x else f'{y}×{x}'} {model}"


def _listed(values: Any) -> Any:
    return np.asarray(values, dtype=float).tolist()


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
