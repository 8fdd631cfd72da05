"""Which layers were made of which, according to their metadata."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image

from napari_vdsr.layers.plan import level_data
from napari_vdsr.layers.result import METADATA_KEY

if TYPE_CHECKING:
    from napari.layers import Layer


def is_made(layer: "Layer") -> bool:
    """Whether this plugin made a layer."""
    return METADATA_KEY in layer.metadata


def likely_truth(images: Sequence[Image]) -> Image | None:
    """The image that others are probably to be compared with; None without images.

    First choice is an image that this plugin neither made nor enlarged, then one that
    it did not make, then the first.
    """
    given = [image for image in images if not is_made(image)]
    untouched = [image for image in given if not made_of(image, images)]
    return next(iter([*untouched, *given, *images]), None)


def made_of(source: Image, layers: "Iterable[Layer]") -> list[Image]:
    """Layers made of a layer by this plugin, directly or indirectly, in their order."""
    layers = list(layers)
    names = {layer.name for layer in layers}
    images = [layer for layer in layers if isinstance(layer, Image)]
    family = [source]
    for parent in family:  # the list grows during the loop
        family += [
            image
            for image in images
            if image not in family and _is_made_of(image, parent, names)
        ]
    return [image for image in images if image in family[1:]]


def place_above(source: Image, layers: "Iterable[Layer]") -> int:
    """Index for a new layer above everything made of the same source.

    `layers` are all of the viewer, the lowest first. On top when the source is gone.
    """
    layers = list(layers)
    if source not in layers:
        return len(layers)
    family = [source, *made_of(source, layers)]
    return max(layers.index(layer) for layer in family) + 1


def _is_made_of(layer: Image, source: Image, names: set[str]) -> bool:
    made = layer.metadata.get(METADATA_KEY, {})
    told = made.get("source") or {"name": made.get("made of")}
    if told.get("name") in names:
        return bool(told["name"] == source.name)
    # It may have been renamed.
    return level_data(source).shape[: source.ndim] == tuple(
        told.get("shape", ())
    ) and all(
        _same(getattr(source, name), told.get(name)) for name in ("scale", "translate")
    )


def _same(mine: Any, told: Any) -> bool:
    return np.shape(mine) == np.shape(told) and np.allclose(mine, told)
