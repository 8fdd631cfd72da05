"""Turns the panel's settings into a training that can start."""

from collections.abc import Container, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import count
from math import ceil, prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_vdsr.errors import ModelError
from napari_vdsr.layers import LayerPlan, plan_layer
from napari_vdsr.plugin.settings import FieldError, blame
from napari_vdsr.plugin.training.settings import (
    AS_RECIPE,
    FOLDER,
    LAYER,
    SCRATCH,
    USUAL,
    TrainingSettings,
)
from napari_vdsr.plugin.training.unfinished import is_begun
from napari_vdsr.plugin.words import made_for_others, plain_name
from napari_vdsr.zoo import Card, models, user_folder
from napari_vdsr.zoo.formats import read_metadata
from napari_vdsr.zoo.registry import expanded
from napari_vdsr.zoo.user import free_path

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_vdsr.training import TrainingConfig


_MANY = 100  # images, for an estimate

_OF_MICROSCOPES = {"scanner": "vdsr20-scanner", "camera": "vdsr20-camera"}
_FEW = 300  # steps of a long recipe that show what it does


def begun_with(settings: TrainingSettings, models: Container[str]) -> TrainingSettings:
    """The settings with the recipe for what is begun with; see `suited_to`."""
    recipe = "quick" if settings.begin == SCRATCH else "adapt"
    steps = 0 if settings.steps == _FEW else settings.steps
    return suited_to(replace(settings, recipe=recipe, steps=steps), models)


def suited_to(settings: TrainingSettings, models: Container[str]) -> TrainingSettings:
    """The settings with the fine-tuning that suits how the images were taken.

    A model or a recipe of another kind was chosen by hand, and is kept; `models` are
    the names of those that there are.
    """
    changes: dict[str, Any] = {}
    of_microscope = settings.sampling in _OF_MICROSCOPES
    if _is_suited(settings):
        changes["recipe"] = "microscope" if of_microscope else "adapt"
        if settings.steps in (0, _FEW):
            changes["steps"] = _FEW if of_microscope else 0
    model = _OF_MICROSCOPES.get(settings.sampling, USUAL)
    if settings.model in (USUAL, *_OF_MICROSCOPES.values()) and model in models:
        changes["model"] = model
    return replace(settings, **changes)


def _is_suited(settings: TrainingSettings) -> bool:
    """Whether the recipe follows how the images were taken."""
    return settings.begin != SCRATCH and settings.recipe in ("adapt", "microscope")


@dataclass(frozen=True)
class Facts:
    """Shape of a network."""

    depth: int = 20  # layers
    features: int = 64  # filters of a hidden layer
    channels: int = 1  # of the images that it takes


def facts_of(card: Card) -> Facts:
    """Read the shape of a network without loading it.

    For what is not known, as before a model is fetched, the values of `vdsr20` are
    given.
    """
    usual = asdict(Facts())
    try:
        told = read_metadata(card.path) if card.here else {}
        return Facts(**{name: int(told.get(name, usual[name])) for name in usual})
    except (ModelError, ValueError):
        return Facts()


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
    def planes(self) -> int | None:
        """How many planes of Y and X there are; None for a folder."""
        if self.folder is not None:
            return None
        return sum(plan.pixels // prod(plan.plane_shape) for plan in self.plans)

    @property
    def nbytes(self) -> int | None:
        """Bytes of the pixels in the dtype of the training; None when not known yet."""
        if self.folder is not None:
            return None
        return sum(p.pixels * (1 if p.dtype == "uint8" else 4) for p in self.plans)

    @cached_property
    def plans(self) -> list[LayerPlan]:
        """Shapes and axes of the layers; FieldError if one is no image of numbers."""
        with blame("images"):
            return [plan_layer(layer, factor=1) for layer in self.layers]

    def in_words(self) -> str:
        """How many there are."""
        if self.folder is not None:
            return f"the images in '{self.folder.name}'"
        if len(self.layers) == 1:
            return f"'{plain_name(self.layers[0].name)}'"
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
            raise FieldError(
                "images",
                "A model is adapted to one layer: choose that layer as images.",
            )
        return Images(folder=_folder("folder", settings.folder), held=held)
    if not layers:
        raise FieldError(
            "images", "No layer is selected: open images, or choose a folder of them."
        )
    if settings.begin == LAYER and len(layers) > 1:
        raise FieldError(
            "images",
            f"A model is adapted to one layer, and {len(layers)} are chosen: choose "
            "one, or fine-tune the model on all of them.",
        )
    images = Images(tuple(layers), held=held)
    sizes = {
        layer.name: _size(layer, plan)
        for layer, plan in zip(layers, images.plans, strict=True)
    }
    if all(min(size) < config.footprint for size in sizes.values()):
        raise FieldError("patch", _too_small(sizes, config))
    if config.channels == 3 and not any(layer.rgb for layer in layers):
        raise FieldError(
            "images",
            "This network takes colours: choose colour layers or another recipe.",
        )
    return images


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
    with blame(field):
        folder = expanded(text.strip(), "The folder")
    if not folder.is_dir():
        raise FieldError(field, f"{folder} is not a folder: choose another.")
    return folder


def _size(layer: Any, plan: LayerPlan) -> tuple[int, int]:
    """Y and X of a layer; FieldError if they are not its last axes."""
    if plan.yx != (layer.ndim - 2, layer.ndim - 1):
        raise FieldError(
            "images",
            f"Y and X of '{layer.name}' are not its last axes: move them there.",
        )
    return plan.plane_shape


def free_name(stem: str = "trained", taken: Iterable[str] | None = None) -> str:
    """Find a name that no model has, by adding a number to the stem.

    `taken` are those of all models, if they are known; one that has just been trained
    may still be missing among them.
    """
    names = [card.name for card in models()] if taken is None else taken
    lower = {name.lower() for name in names}
    new = (f"{stem[:60]}-{number}" for number in count(1))
    return next(
        name
        for name in new
        if name.lower() not in lower
        and not (user_folder() / f"{name}.safetensors").exists()
        and not is_begun(name)
    )


def check_name(name: str) -> None:
    """Raise FieldError when a model's name cannot be used or is taken."""
    with blame("name"):
        free_path(name)
    if is_begun(name):
        raise FieldError(
            "name",
            f"There is a training '{name}' that is not finished: resume or discard "
            "it, or choose another name.",
        )


@dataclass(frozen=True, eq=False)
class Plan:
    """A training that is to be done."""

    settings: TrainingSettings  # with the model's name
    config: "TrainingConfig"
    images: Images
    facts: Facts
    device: str  # that the settings mean on this machine
    resume: bool = False  # from its checkpoint
    model_is_here: bool = False  # the one to start from, if any
    made_for: str = ""  # the factors of that model, where others are to be trained

    @property
    def noise_follows(self) -> bool:
        """Whether noise comes with the answer how the images were taken."""
        return self.settings.noise == AS_RECIPE and _is_suited(self.settings)

    @property
    def held_out(self) -> int:
        """How many images it is scored on; many if that is not known."""
        planes = self.images.planes
        if planes is None or self.images.held is not None:
            return _MANY
        share = self.config.validation_share
        return 0 if not share else ceil(planes * share)


def plan_training(
    settings: TrainingSettings,
    layers: "Sequence[Layer]",
    card: Card | None,
    device: str,
    *,
    resume: bool = False,
) -> Plan:
    """Plan a training, or raise FieldError with the field and what to do.

    The settings must have a name; `card` is that of the model to start from, `device`
    what theirs means here. `resume` continues from the checkpoint of that name.
    """
    facts = Facts()
    if settings.start_from is not None:
        if card is None:
            raise FieldError(
                "model",
                f"There is no model '{settings.model}' any more: choose another.",
            )
        facts = facts_of(card)
    config = settings.config(facts.channels)
    if settings.start_from is None:
        facts = Facts(config.depth, channels=config.channels)
    images = choose_images(layers, settings, config)
    if device == "cpu" and config.precision == "float16":
        raise FieldError(
            "precision",
            "A processor cannot train in float16: choose float32 or bfloat16.",
        )
    if not resume:
        check_name(settings.name)
    here = card is not None and card.here
    others = [made_for_others(card, factor) for factor in config.factors]
    made_for = next(filter(None, others), "")
    return Plan(settings, config, images, facts, device, resume, here, made_for)
