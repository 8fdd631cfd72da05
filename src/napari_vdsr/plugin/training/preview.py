"""A part of an image as the network restores it, and the layer that shows it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np
from napari.layers import Image

from napari_vdsr.layers.provenance import METADATA_KEY, Provenance
from napari_vdsr.plugin.viewer import TRAINING_PREVIEW, add_quietly

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from napari_vdsr.network import ConvStack
    from napari_vdsr.training import TrainingConfig, TrainingSet


_BESIDE = 0.03  # of the height, between the images and the preview
_EDGE = 128  # pixels of the truth, each way
_GAP = 2  # black rows between the tiles


class Preview:
    """Input, prediction and truth of the middle of an image, one below the other.

    The image is not trained on if any is held out, so the preview does not show what
    was memorised. It is reduced by the first factor of the configuration.
    """

    def __init__(
        self, images: "TrainingSet", config: "TrainingConfig", device: "torch.device"
    ) -> None:
        import torch

        from napari_vdsr.training.config import source_pixels
        from napari_vdsr.training.degrade import Degradation, degrade, whole_axis
        from napari_vdsr.training.validate import middle

        dataset = images.validation or images.images
        plane = dataset.parts[0].read()[0]
        factor = config.factors[0]
        kind = Degradation.of(config, config.main_sampling)
        values = middle(plane, _EDGE * source_pixels(kind.sampling))
        y, x = (whole_axis(size, factor, kind) for size in values.shape[2:])
        self._start, self._truth = degrade(
            values[..., : y.size, : x.size],
            (y, x),
            config,
            torch.tensor([plane.limits]),
            torch.Generator().manual_seed(config.seed),
        )
        self._device = device

    def picture(self, network: "ConvStack") -> "NDArray[np.float32]":
        """Draw the output of a network on the CPU, which is left unchanged.

        The picture has shape (Y, X) or (Y, X, 3) and intensities from 0 to 1.
        """
        import torch

        with torch.no_grad():
            made = network.to(self._device)(self._start.to(self._device)).cpu()
        gap = torch.zeros_like(made[..., :_GAP, :])
        rows = torch.cat([self._start, gap, made, gap, self._truth], dim=2)[0]
        picture = rows.clamp(0, 1).nan_to_num().permute(1, 2, 0).numpy()
        return np.ascontiguousarray(picture if len(rows) == 3 else picture[..., 0])


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
        """Take what is shown of this training out of the viewer.

        An earlier panel may have added it, before it was closed.
        """
        layers = self._viewer.layers
        for layer in [each for each in layers if _model_of(each) == self._name]:
            layers.remove(layer)

    def _add(self, picture: "np.ndarray[Any, Any]") -> Iterator[None]:
        layers = self._viewer.layers
        old = next((each for each in layers if _model_of(each)), None)
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


def _model_of(layer: Any) -> str:
    """Name of the model whose training a layer shows; empty for other layers."""
    made = Provenance.read(layer)
    is_preview = made is not None and made.kind == TRAINING_PREVIEW
    return str(made.details.get("model", "?")) if made and is_preview else ""


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
        "translate": (float(y0), float(x1) + max(2 * scale, _BESIDE * height)),
    }
    units = getattr(visible[-1], "units", None)
    return placed if units is None else placed | {"units": units[-2:]}
