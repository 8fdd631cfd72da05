"""What the training panel is set to."""

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from napari_vdsr.errors import InputError
from napari_vdsr.plugin.jobs import sentence
from napari_vdsr.plugin.model.settings import FieldError, Remembered

if TYPE_CHECKING:
    from napari_vdsr.training import BlindNoise, TrainingConfig


SELECTED = "selected layers"
ALL = "all image layers"
FOLDER = "a folder"

SCRATCH, MODEL, LAYER = "scratch", "model", "layer"
RECIPES = ("quick", "adapt", "microscope", "modern", "paper", "course")

AS_RECIPE = ""
NO_NOISE, BLIND = "none", "blind"

CUSTOM = "custom"
DEPTHS = ("", "5", "10", "15", "20", CUSTOM)
HELD_OUT = ("0", "5", "10", "20", "30", FOLDER)

_DEEPEST = 100  # layers; more than anybody has trained
_LOOKS = 10  # least number of times that a training is scored and saved

# The fields of the panel, by the names that `recipe` knows.
_FIELDS = {
    "sampling": "sampling",
    "noise": "noise",
    "depth": "depth",
    "factors": "factors",
    "steps": "steps",
    "patch": "patch",
    "batch": "batch",
    "learning_rate": "rate",
    "precision": "precision",
    "validation_share": "held",
}


@dataclass(frozen=True)
class TrainingSettings(Remembered):
    """All that Start depends on, apart from the layers.

    Text is kept as typed; empty stands for the value of the recipe.
    """

    images: str = SELECTED  # or ALL, FOLDER or the name of a layer
    folder: str = ""
    begin: str = SCRATCH  # or MODEL (fine-tune it) or LAYER (adapt it to one layer)
    model: str = "vdsr20"  # to start from, unless from scratch
    recipe: str = "quick"  # one of RECIPES
    sampling: str = AS_RECIPE  # how images were taken; names as in `TrainingConfig`
    noise: str = AS_RECIPE  # or NO_NOISE or BLIND (of unknown strength)
    depth: str = ""  # one of DEPTHS
    layers: str = ""  # the number for a custom depth
    factors: str = ""
    steps: str = ""
    patch: str = ""
    batch: str = ""
    rate: str = ""
    held: str = "10"  # per cent of the images to hold out, or FOLDER
    held_folder: str = ""
    device: str = "auto"  # as for `napari_vdsr.train`, like the precision
    precision: str = "auto"
    name: str = ""  # of the finished model; empty for the next free one
    preview: bool = True  # show a layer with the output of the network

    @property
    def start_from(self) -> str | None:
        """The model to start from, if any."""
        return None if self.begin == SCRATCH else self.model

    @property
    def changes(self) -> dict[str, Any]:
        """Keywords for `recipe`; FieldError when what was typed is no number."""
        made: dict[str, Any] = {}
        if self.sampling != AS_RECIPE:
            made["sampling"] = self.sampling
        if self.noise != AS_RECIPE:
            made["noise"] = _noise(self.noise)
        depth = self.layers if self.depth == CUSTOM else self.depth
        if self.start_from is None and (depth or self.depth == CUSTOM):
            made["depth"] = _whole("depth", depth, "a number of layers such as 8")
            if made["depth"] > _DEEPEST:
                msg = f"{depth} layers are too many: {_DEEPEST} is the most."
                raise FieldError("depth", msg)
        if self.factors.strip():
            made["factors"] = _factors(self.factors)
        for name, hint in (
            ("steps", "a whole number such as 1500"),
            ("patch", "pixels per edge such as 32"),
            ("batch", "patches per step such as 16"),
        ):
            if getattr(self, name).strip():
                made[name] = _whole(name, getattr(self, name), hint)
        if self.rate.strip():
            made["learning_rate"] = _number("rate", self.rate, "such as 0.001")
        if self.precision != "auto":
            made["precision"] = self.precision
        if self.held not in ("10", FOLDER):
            made["validation_share"] = int(self.held) / 100
        return made

    def config(self, channels: int = 1) -> "TrainingConfig":
        """All choices of the training, or FieldError with the field and what to do.

        `channels` are those of the model to start from. The training is scored and
        saved at least ten times, so that curves can be shown.
        """
        from napari_vdsr.training import recipe

        changes = self.changes
        for name, value in changes.items():
            try:
                recipe(self.recipe, **{name: value})
            except InputError as error:
                raise FieldError(_FIELDS[name], sentence(error)) from error
        config = recipe(self.recipe, **changes)
        if self.start_from is not None and channels != config.channels:
            config = replace(
                config, variant="course" if channels == 3 else "equivariant"
            )
        often = max(1, config.steps // _LOOKS)
        return replace(
            config,
            validate_every=min(often, config.validate_every),
            checkpoint_every=min(often, config.checkpoint_every),
        )


def _noise(chosen: str) -> "BlindNoise | None":
    if chosen == BLIND:
        from napari_vdsr.training import BlindNoise

        return BlindNoise()
    if chosen == NO_NOISE:
        return None
    msg = f"The noise is '{chosen}': choose '{NO_NOISE}' or '{BLIND}'."
    raise FieldError("noise", msg)


def _factors(text: str) -> tuple[float, ...]:
    parts = [part for part in text.replace(";", ",").split(",") if part.strip()]
    hint = "such as '2, 3, 4'"
    factors = [_number("factors", part.strip().lstrip("×x"), hint) for part in parts]
    return tuple(dict.fromkeys(factors))


def _whole(field: str, text: str, hint: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise FieldError(field, _said(field, text, hint)) from None


def _number(field: str, text: str, hint: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if math.isfinite(value):
        return value
    raise FieldError(field, _said(field, text, hint))


def _said(field: str, text: str, hint: str) -> str:
    what = {"rate": "learning rate"}.get(field, field)
    said = f"The {what} is '{text}'" if text.strip() else f"There is no {what} yet"
    return f"{said}: type {hint}."
