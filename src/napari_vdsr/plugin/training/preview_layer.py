"""The preview in the viewer, beside the images."""

from collections.abc import Iterator
from typing import Any
from weakref import ref

import numpy as np
from napari.layers import Image

from napari_vdsr.layers.provenance import METADATA_KEY, Provenance
from napari_vdsr.plugin.viewer import TRAINING_PREVIEW, add_quietly

_GAP = 0.03  # of the height, between the images and the preview


class PreviewLayer:
    """A layer that follows one training; if the user removes it, it is not added again.

    `name` is that of the model in training.
    """

    def __init__(self, viewer: Any, name: str) -> None:
        self._viewer, self._name = viewer, name
        self._layer: ref[Image] | None = None

    def show(self, picture: "np.ndarray[Any, Any]") -> Iterator[None]:
        """Show the newest picture, (Y, X) or (Y, X, 3) with intensities from 0 to 1.

        In steps between which the viewer may draw.
        """
        if self._layer is None:
            yield from self._add(picture)
            return
        layer = self._layer()
        if layer is not None and layer in self._viewer.layers:
            # In place, so that other panels need not check all layers again.
            layer.data[...] = picture
            layer.refresh()

    def remove(self) -> None:
        """Take the layer out of the viewer."""
        layer = None if self._layer is None else self._layer()
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def _add(self, picture: "np.ndarray[Any, Any]") -> Iterator[None]:
        layers = self._viewer.layers
        old = next((each for each in layers if _is_preview(each)), None)
        placed = _beside([x for x in layers if x is not old], picture.shape[0])
        made = Provenance(TRAINING_PREVIEW, details={"model": self._name})
        if old is not None and old.data.shape == picture.shape:
            # Of the training before; removing a layer takes napari long.
            self._layer = ref(old)
            old.name = f"preview of {self._name}"
            old.metadata = {METADATA_KEY: made.written()}
            old.data = picture
            for name, value in placed.items():
                setattr(old, name, value)
            return
        if old is not None:
            layers.remove(old)
            yield
        layer = Image(
            picture,
            rgb=picture.ndim == 3,
            name=f"preview of {self._name}",
            contrast_limits=(0, 1),
            metadata={METADATA_KEY: made.written()},
            **placed,
        )
        add_quietly(self._viewer, layer)
        self._layer = ref(layer)
        yield
        if placed and self._viewer.dims.ndisplay == 2:
            self._viewer.reset_view()


def _is_preview(layer: Any) -> bool:
    made = Provenance.read(layer)
    return made is not None and made.kind == TRAINING_PREVIEW


def _beside(layers: list[Any], rows: int) -> dict[str, Any]:
    """Scale and place right of all visible layers, as high as they are, if any."""
    visible = [layer for layer in layers if layer.visible and layer.ndim >= 2]
    if not visible:
        return {}
    corners = [layer.extent.world[:, -2:] for layer in visible]
    y0, x0 = np.min([low for low, _ in corners], axis=0)
    y1, x1 = np.max([high for _, high in corners], axis=0)
    height = max(float(y1 - y0), float(x1 - x0) / 4) or 1.0
    scale = height / max(1, rows - 1)
    placed: dict[str, Any] = {
        "scale": (scale, scale),
        "translate": (float(y0), float(x1) + max(2 * scale, _GAP * height)),
    }
    units = getattr(visible[-1], "units", None)
    return placed if units is None else placed | {"units": units[-2:]}
