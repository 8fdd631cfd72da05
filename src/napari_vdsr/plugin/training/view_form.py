"""The fields of the training panel, from the images down to the model's name."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from magicgui.widgets import CheckBox, ComboBox, Container, LineEdit, Widget

from napari_vdsr.plugin.model.choices import label_of, tooltip_of
from napari_vdsr.plugin.model.settings import PRECISIONS
from napari_vdsr.plugin.training.settings import (
    ALL,
    AS_RECIPE,
    BLIND,
    CUSTOM,
    DEPTHS,
    FOLDER,
    HELD_OUT,
    LAYER,
    MODEL,
    NO_NOISE,
    RECIPES,
    SCRATCH,
    SELECTED,
    TrainingSettings,
)
from napari_vdsr.plugin.training.tooltips import TOOLTIPS
from napari_vdsr.plugin.training.view_folder import FolderField
from napari_vdsr.plugin.views.fields import (
    asked,
    choice,
    choose,
    frame,
    label_fields,
    offer,
    offer_devices,
    row,
)
from napari_vdsr.zoo import Card

if TYPE_CHECKING:
    from napari_vdsr.training import TrainingConfig


_BEGINNINGS = {
    "from scratch": SCRATCH,
    "fine-tune a model": MODEL,
    "adapt to this layer": LAYER,
}
_TAKEN = {
    "As the recipe says": AS_RECIPE,
    "Scanner: confocal, 2-photon, SEM": "scanner",
    "Camera: widefield, spinning disk": "camera",
    "Reduced by software": "reduced",
}
_NOISE = {"as the recipe": AS_RECIPE, "none": NO_NOISE, "of any strength": BLIND}
_LABELS = {
    "images": "Images",
    "folder": "Folder",
    "begin": "Begin",
    "model": "Model",
    "recipe": "Recipe",
    "noise": "Noise",
    "factors": "Factors",
    "steps": "Steps",
    "rate": "Rate",
    "held": "Hold out",
    "held_folder": "Folder",
    "device": "Device",
    "precision": "Precision",
    "name": "Name",
}
_CHOSEN = (
    *("images", "begin", "model", "recipe", "sampling", "noise", "depth", "held"),
    *("device", "precision"),
)
_TYPED = ("layers", "factors", "steps", "patch", "batch", "rate", "name")
_FOLDERS = ("folder", "held_folder")


class TrainingForm(Container[Widget]):
    """Fields with their labels; emits ``changed`` when any of them changes."""

    def __init__(self) -> None:
        self._cards: dict[str, Card] = {}
        self.images = _choice("images")
        self.folder = FolderField("folder", TOOLTIPS["folder"])
        self.begin = _choice("begin", _BEGINNINGS)
        self.model = _choice("model")
        self.recipe = _choice("recipe", {name: name for name in RECIPES})
        self.sampling = _choice("sampling", _TAKEN)
        self.noise = _choice("noise", _NOISE)
        self.depth = _choice("depth", {_layers(depth): depth for depth in DEPTHS})
        self.layers = _typed("layers")
        self.factors = _typed("factors")
        self.steps = _typed("steps")
        self.patch = _typed("patch")
        self.batch = _typed("batch")
        self.rate = _typed("rate")
        self.held = _choice("held", {_share(share): share for share in HELD_OUT})
        self.held_folder = FolderField("held_folder", TOOLTIPS["held_folder"])
        self.device = _choice("device", {"auto": "auto", "cpu": "cpu"})
        self.precision = _choice("precision", {name: name for name in PRECISIONS})
        self.name_field = _typed("name")
        self.preview = CheckBox(text="preview layer", tooltip=TOOLTIPS["preview"])
        self.layers.native.setPlaceholderText("layers")
        self._depth_row = row("Depth", self.depth, self.layers)
        taken = asked("How were the images taken?", self.sampling)
        super().__init__(
            widgets=[
                self.images,
                self.folder,
                self.begin,
                self.model,
                self.recipe,
                taken,
                self.noise,
                self._depth_row,
                self.factors,
                self.steps,
                row("Patch, batch", self.patch, self.batch),
                self.rate,
                self.held,
                self.held_folder,
                self.device,
                self.precision,
                self.name_field,
                row("Show", self.preview),
            ]
        )
        label_fields(self, _LABELS)
        self.begin.changed.connect(self._take_usual_recipe)
        for field in (self.images, self.begin, self.depth, self.held, self.model):
            field.changed.connect(self._show_what_matters)
        self._show_what_matters()

    @property
    def settings(self) -> TrainingSettings:
        """The values of the fields."""
        names = (*_CHOSEN, *_TYPED, *_FOLDERS, "preview")
        values = {name: self._field(name).value for name in names}
        return TrainingSettings().changed(values)

    @settings.setter
    def settings(self, settings: TrainingSettings) -> None:
        with self.changed.blocked(), self.begin.changed.blocked():
            for name in _CHOSEN:
                choose(self._field(name), getattr(settings, name))
            for name in (*_TYPED, *_FOLDERS, "preview"):
                self._field(name).value = getattr(settings, name)
        self._show_what_matters()
        self.changed.emit(self)

    def offer_images(self, selected: str, names: Sequence[str]) -> None:
        """Replace the list of image layers; `selected` describes the selected ones."""
        choices = {selected: SELECTED, ALL: ALL, "a folder …": FOLDER}
        offer(self.images, choices | {name: name for name in names})

    def offer_models(self, cards: Sequence[Card]) -> None:
        """Replace the list of models, in this order."""
        self._cards = {card.name: card for card in cards}
        offer(self.model, {label_of(card): card.name for card in cards}, keep=True)
        self._show_what_matters()

    def offer_devices(self, devices: Sequence[str]) -> None:
        """Replace the list of devices, the best one first."""
        offer_devices(self.device, devices)

    def show_recipe(self, config: "TrainingConfig", name: str) -> None:
        """Show in empty fields the values of the recipe, and the name of the model."""
        rate = config.stages[0].learning_rate
        placeholders = {
            "factors": ", ".join(f"{factor:g}" for factor in config.factors),
            "steps": str(config.steps),
            "patch": str(config.patch),
            "batch": str(config.batch),
            "rate": f"{rate:g}",
            "name": name,
        }
        for field, text in placeholders.items():
            self._field(field).native.setPlaceholderText(text)
        self.depth.native.setItemText(0, _layers("", config.depth))
        taken = f"As the recipe says ({config.main_sampling})"
        self.sampling.native.setItemText(0, taken)
        noise = "none" if config.noise is None else "any"
        self.noise.native.setItemText(0, f"as the recipe ({noise})")

    def show_held(self, single: bool) -> None:
        """Show what will be held out: a quarter, if there is a single image."""
        choices = {_share(share): share for share in HELD_OUT}
        if single:
            share = self.held.value
            choices = {
                _share("0"): "0",
                "a quarter of it": "10" if share in ("0", FOLDER) else share,
                _share(FOLDER): FOLDER,
            }
        offer(self.held, choices)

    def mark(self, field: str, colour: str) -> None:
        """Draw a frame around the named field only; an empty name marks none."""
        names = ("depth", "layers") if field == "depth" else (field,)
        every = {name: self._field(name) for name in (*_CHOSEN, *_TYPED)}
        every |= {name: self._field(name).line for name in _FOLDERS}
        frame(
            list(every.values()),
            [every[name] for name in names if name in every],
            colour,
        )

    def _field(self, name: str) -> Any:
        # `name` itself is an attribute of every widget.
        return getattr(self, "name_field" if name == "name" else name)

    def _take_usual_recipe(self, begin: str) -> None:
        self.recipe.value = "quick" if begin == SCRATCH else "adapt"

    def _show_what_matters(self) -> None:
        scratch = self.begin.value == SCRATCH
        self.folder.visible = self.images.value == FOLDER
        self.model.visible = not scratch
        self._depth_row.visible = scratch
        self.layers.visible = scratch and self.depth.value == CUSTOM
        self.held_folder.visible = self.held.value == FOLDER
        card = self._cards.get(self.model.value)
        self.model.tooltip = tooltip_of(card) if card else TOOLTIPS["model"]


def _choice(name: str, choices: dict[str, str] | None = None) -> ComboBox:
    return choice(name, TOOLTIPS[name], choices)


def _typed(name: str) -> LineEdit:
    return LineEdit(name=name, tooltip=TOOLTIPS[name])


def _layers(depth: str, usual: int | None = None) -> str:
    if depth == CUSTOM:
        return CUSTOM
    if not depth:
        return "as the recipe" if usual is None else f"as the recipe ({usual})"
    return f"{depth} layers"


def _share(share: str) -> str:
    if share == FOLDER:
        return "images in a folder …"
    return f"{share} % of the images" if share != "0" else "nothing"
