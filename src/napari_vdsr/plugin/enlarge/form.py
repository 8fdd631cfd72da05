"""The fields of the panel, from the layer down to the layers beside the result."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from qtpy.QtWidgets import QFileDialog

from napari_vdsr.plugin.enlarge.settings import Settings
from napari_vdsr.plugin.fields import shown_fields
from napari_vdsr.plugin.viewer import Sources
from napari_vdsr.plugin.widgets.form import (
    Form,
    combo_box,
    frame,
    offer,
)
from napari_vdsr.plugin.words import plain_name
from napari_vdsr.zoo import Card

SELECTED = "selected layers"
FILE = ":file"  # the choice of a model that asks for a file

_LAYER = (
    "The image to enlarge. 'Selected' follows the layer list: select several layers "
    "there to enlarge all of them with these settings; those that cannot be enlarged "
    "are left out and named. Of stacks, every plane is enlarged by itself, in Y and X "
    "only. Lazy and multiscale images give a lazy result: what is in view is computed "
    "as you look."
)
_SHAPES = "The Shapes layer whose shapes mark the parts to enlarge."
_NO_GPU = (
    "No graphics card was found that torch can use. If there is one, "
    "https://pytorch.org/get-started/locally tells how to install torch for it."
)
_KINDS = "Models (*.safetensors *.pth *.pt *.mat *.ckpt *.tar *.bin *.onnx)"


class EnlargeForm(Form[Settings]):
    """The settings, with the layer above them and the Shapes layer below the area."""

    def __init__(self, settings: Settings) -> None:
        self._model = settings.model  # the last one that was no request for a file
        self.layer = combo_box(tooltip=_LAYER)
        self.shapes = combo_box(tooltip=_SHAPES)
        super().__init__(settings)
        self.add_row("Layer", self.layer.native, 0)
        self._shapes_row = self.add_row("Shapes", self.shapes.native, 3)
        for box, name in ((self.layer, "Layer"), (self.shapes, "Shapes")):
            box.native.setAccessibleName(name)
        self._align_labels()
        self.changed.connect(self._show_more)
        self._show_more()

    def offer_layers(self, sources: Sources) -> None:
        """Replace the lists of layers; the first entry stands for the selection."""
        images = [(plain_name(layer.name), layer) for layer in sources.images]
        offer(self.layer, [(sources.selection_in_words, SELECTED), *images])
        shapes = [(plain_name(layer.name), layer) for layer in sources.shapes]
        offer(self.shapes, shapes)

    def offer_models(self, cards: Iterable[Card], *more: tuple[str, str]) -> None:
        """Replace the list of models, in this order; the last entry asks for a file."""
        if is_file(self._model):
            more = (*more, (Path(self._model).name, self._model))
        super().offer_models(cards, *more, ("model file …", FILE))

    def offer_devices(self, devices: Sequence[str]) -> None:
        """Replace the list of devices, the best one first."""
        super().offer_devices(devices)
        tooltip = shown_fields(self._settings)["device"].tooltip
        alone = list(devices) == ["cpu"]
        self.explain("device", f"{tooltip}\n\n{_NO_GPU}" if alone else "")

    def mark(self, name: str, colour: str) -> None:
        """Frame the row of this field only; an empty name frames none."""
        super().mark(name, colour)
        frame(self.layer.native, colour if name == "layer" else "")

    def _show_more(self) -> None:
        settings = self.settings
        self._shapes_row.show(settings.area == "rectangles")
        if settings.model == FILE:
            self._ask_for_model()
            return
        self._model = settings.model
        self.explain_model()

    def _ask_for_model(self) -> None:
        """Let the user choose a file of weights; otherwise the model stays."""
        chosen, _ = QFileDialog.getOpenFileName(self, "Model file", "", _KINDS)
        self.settings = self.settings.changed({"model": chosen or self._model})
        self.offer_models(self.cards.values())


def is_file(model: str) -> bool:
    """Whether a model is named by its file."""
    return bool(Path(model).suffix)
