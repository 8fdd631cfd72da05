"""The error maps in the viewer, updated in place."""

from typing import Any
from weakref import ref

from napari.layers import Image

from napari_vdsr.plugin.scoring.comparing import Compared
from napari_vdsr.plugin.scoring.placing import difference_layer
from napari_vdsr.plugin.viewer import place_above

_FULL_COLOUR = 0.1  # of the data range: the difference shown in full colour


class ErrorMaps:
    """One map for each pair of layers."""

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._known: dict[tuple[int, int], ref[Any]] = {}

    def show(self, truth: Image, layer: Image, compared: Compared) -> None:
        """Add the map of a comparison, if it has one, or update the existing layer."""
        if compared.error_map is None or truth not in self._viewer.layers:
            return
        limit = _FULL_COLOUR * compared.score.psnr.data_range.value or 1.0
        shown = difference_layer(
            truth,
            compared.error_map,
            name=f"{layer.name} − {truth.name}",
            kind="error map",
            limit=limit,
        )
        key = id(truth), id(layer)
        known = self._known.get(key, lambda: None)()
        if known is not None and known in self._viewer.layers:
            known.data = shown.data
            for name in ("scale", "translate", "rotate", "shear", "affine"):
                setattr(known, name, getattr(shown, name))
            return
        add_quietly(self._viewer, shown)
        self._known[key] = ref(shown)


def add_quietly(viewer: Any, layer: Image, above: Image | None = None) -> None:
    """Add a layer and leave the selection as it is.

    It goes above everything made of `above`; on top by default, or when that is gone.
    """
    layers = viewer.layers
    selection, active = set(layers.selection), layers.selection.active
    place = len(layers) if above is None else place_above(above, layers)
    layers.insert(place, layer)
    layers.selection = selection & set(layers)
    if active in layers:
        layers.selection.active = active
