"""The error maps that are in the viewer, renewed in place."""

from typing import Any
from weakref import ref

from napari.layers import Image

from napari_vdsr.plugin.lineage import place_above
from napari_vdsr.plugin.scoring.comparing import Compared
from napari_vdsr.plugin.scoring.placing import difference_layer

_FULL_COLOUR = 0.1  # of the data range


class ErrorMaps:
    """One map for each pair of layers.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        That shows them.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._known: dict[tuple[int, int], ref[Any]] = {}

    def show(self, truth: Image, layer: Image, compared: Compared) -> None:
        """Add a map, or renew the one that is there.

        Parameters
        ----------
        truth, layer : napari.layers.Image
            What was compared.
        compared : Compared
            What came out; nothing is done where it has no map.
        """
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

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        That shows it.
    layer : napari.layers.Image
        To be shown.
    above : napari.layers.Image, optional
        Above all that was made of which; on top by default, or when that one is gone.
    """
    layers = viewer.layers
    selection, active = set(layers.selection), layers.selection.active
    place = len(layers) if above is None else place_above(above, layers)
    layers.insert(place, layer)
    layers.selection = selection & set(layers)
    if active in layers:
        layers.selection.active = active
