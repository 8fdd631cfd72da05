"""Which images the panel means, and whether they can be trained on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_vdsr.errors import InputError
from napari_vdsr.layers import plan_layer
from napari_vdsr.plugin.jobs import sentence
from napari_vdsr.plugin.model.settings import FieldError
from napari_vdsr.plugin.training.settings import (
    FOLDER,
    LAYER,
    TrainingSettings,
)
from napari_vdsr.zoo.folders import expanded

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_vdsr.training import TrainingConfig


@dataclass(frozen=True, eq=False)
class Images:
    """The images of a training: layers or a folder."""

    layers: tuple[Any, ...] = ()  # empty for a folder
    folder: Path | None = None
    held: Path | None = None  # folder of images to score on

    @property
    def what(self) -> Any:
        """As `napari_vdsr.train` takes them."""
        return list(self.layers) if self.folder is None else self.folder

    @property
    def nbytes(self) -> int | None:
        """Bytes of the pixels in the dtype of the training; None when not known yet."""
        if self.folder is not None:
            return None
        return sum(_nbytes(layer) for layer in self.layers)

    def in_words(self) -> str:
        """How many there are."""
        if self.folder is not None:
            return f"the images in '{self.folder.name}'"
        if len(self.layers) == 1:
            return f"'{self.layers[0].name}'"
        return f"{len(self.layers)} layers"


def choose_images(
    layers: "Sequence[Layer]", settings: TrainingSettings, config: "TrainingConfig"
) -> Images:
    """Check what was chosen, as far as possible without reading pixels.

    `layers` are ignored for a folder; `config` decides what is too small. Raises
    FieldError with the field and what to do.
    """
    held = None
    if settings.held == FOLDER:
        held = _folder("held_folder", settings.held_folder)
    if settings.images == FOLDER:
        if settings.begin == LAYER:
            msg = "A model is adapted to one layer: choose that layer as images."
            raise FieldError("images", msg)
        return Images(folder=_folder("folder", settings.folder), held=held)
    if not layers:
        msg = "No layer is selected: open images, or choose a folder of them."
        raise FieldError("images", msg)
    if settings.begin == LAYER and len(layers) > 1:
        msg = (
            f"A model is adapted to one layer, and {len(layers)} are chosen: choose "
            "one, or fine-tune the model on all of them."
        )
        raise FieldError("images", msg)
    sizes = {layer.name: _size(layer) for layer in layers}
    if all(min(size) < config.footprint for size in sizes.values()):
        raise FieldError("patch", _too_small(sizes, config))
    if config.channels == 3 and not any(layer.rgb for layer in layers):
        msg = "This network takes colours: choose colour layers or another recipe."
        raise FieldError("images", msg)
    return Images(tuple(layers), held=held)


def _too_small(sizes: dict[str, tuple[int, int]], config: "TrainingConfig") -> str:
    """Why not even the largest of the layers can be trained on."""
    from napari_vdsr.training.config import too_small

    name, (y, x) = max(sizes.items(), key=lambda item: min(item[1]))
    return (
        f"'{name}' has {y} × {x} pixels, {too_small(config)}. Choose larger images or "
        "smaller patches."
    )


def _folder(field: str, text: str) -> Path:
    """Check that a folder exists, but not its contents, because that may take long."""
    if not text.strip():
        raise FieldError(field, "There is no folder yet: choose one.")
    try:
        folder = expanded(text.strip(), "The folder")
    except InputError as error:
        raise FieldError(field, sentence(error)) from error
    if not folder.is_dir():
        raise FieldError(field, f"{folder} is not a folder: choose another.")
    return folder


def _size(layer: Any) -> tuple[int, int]:
    """Y and X of a layer; FieldError if it cannot be trained on."""
    try:
        plan = plan_layer(layer, factor=1)
    except InputError as error:
        raise FieldError("images", sentence(error)) from error
    if plan.yx != (layer.ndim - 2, layer.ndim - 1):
        msg = f"Y and X of '{layer.name}' are not its last axes: move them there."
        raise FieldError("images", msg)
    return plan.plane_shape


def _nbytes(layer: Any) -> int:
    plan = plan_layer(layer, factor=1)
    return plan.pixels * (1 if plan.dtype == "uint8" else 4)
