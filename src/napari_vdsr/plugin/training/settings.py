"""What the training panel is set to, and how its form shows it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self, TypeVar

from napari_vdsr.plugin.settings import (
    PRECISIONS,
    FieldError,
    Remembered,
    blame,
    read_numbers,
    shown,
)

if TYPE_CHECKING:
    from napari_vdsr.training import BlindNoise, Spot, TrainingConfig

    Kind = TypeVar("Kind", BlindNoise, Spot)


SELECTED = "selected layers"
ALL = "all image layers"
FOLDER = "a folder"

SCRATCH, MODEL, LAYER = "scratch", "model", "layer"
RECIPES = ("quick", "adapt", "microscope", "modern", "paper", "course")

AS_RECIPE = ""
NONE, BLIND, RANGE = "none", "blind", "range"

IN_FOLDER = "images in a folder …"
SHARES = {"nothing": "0"}
SHARES |= {f"{share} % of the images": share for share in ("5", "10", "20", "30")}
SHARES |= {IN_FOLDER: FOLDER}

USUAL = "vdsr20"  # the model to fine-tune
_DEEPEST = 100  # layers; more than anybody has trained
_LOOKS = 10  # least number of times that a training is scored and saved
_EMPTY = " Empty: as the recipe says."
_FROM = {"blank": "from", "least": -1}
_TO = {"blank": "to", "least": -1, "beside": True}

# The fields of the panel, by the names that `recipe` knows.
_FIELDS = {"learning_rate": "rate", "validation_share": "held"}


def _blind(settings: Any) -> bool:
    return bool(settings.noise == BLIND)


def _spot(settings: Any) -> bool:
    return bool(settings.spot == RANGE)


@dataclass(frozen=True)
class TrainingSettings(Remembered):
    """All that Start depends on, apart from the layers.

    Empty text and the number 0 stand for the value of the recipe; of ranges, -1.
    """

    images: str = shown(
        SELECTED,  # or ALL, FOLDER or the name of a layer
        "Images",
        "What to learn from: layers, or a folder with images. They have to be as "
        "good as you wish your results to be: they are reduced and enlarged again, "
        "and the network learns to undo that.",
        choices={},
    )
    folder: str = shown(
        "",
        "Folder",
        "TIFF, PNG, JPEG and BMP files in this folder and those within it. What "
        "cannot be used is named and left out.",
        when=lambda settings: settings.images == FOLDER,
        folder=True,
    )
    sampling: str = shown(
        AS_RECIPE,  # names as in `TrainingConfig`
        "How were they taken?",
        "How were the images taken that you will enlarge? Scanner: point by point, as "
        "confocal, two-photon, STED and electron microscopes do. Camera: every pixel "
        "collects light over its area, as in widefield and spinning disk microscopes. "
        "Reduced by software: thumbnails, pyramids, benchmarks. For scanner and "
        "camera, the images to learn from are used at half their size.",
        choices={
            "as the recipe says": AS_RECIPE,
            "scanner: confocal, 2-photon, SEM": "scanner",
            "camera: widefield, spinning disk": "camera",
            "reduced by software": "reduced",
        },
    )
    begin: str = shown(
        SCRATCH,
        "Begin with",
        "A new network; or a finished model, fine-tuned on your images; or a model "
        "adapted to a single layer, on which it will then be used.",
        choices={
            "a new network": SCRATCH,
            "a model to fine-tune": MODEL,
            "a model, for this layer": LAYER,
        },
    )
    model: str = shown(
        USUAL,
        "Model",
        "The model to begin with. It is left as it is.",
        when=lambda settings: settings.begin != SCRATCH,
        choices={},
    )
    name: str = shown(
        "",  # empty for the next free one
        "Name",
        "Of the finished model in the list of models: letters, digits, dots, dashes "
        "and underscores.",
    )
    more: bool = shown(False, "Recipe", fold=True)
    recipe: str = shown(
        "quick",
        "Recipe",
        "A training that is known to work. quick: a small network, in minutes on a "
        "processor; adapt: a short fine-tuning; microscope: a long one on what a "
        "microscope does, its spot, its sampling and its noise, of which some hundred "
        "steps show an effect; modern: how the released models are made, for a "
        "graphics card; paper and course: as they were published. What you set below "
        "changes it.",
        choices={name: name for name in RECIPES},
    )
    noise: str = shown(
        AS_RECIPE,
        "Noise",
        "What the network learns to leave out. Of any strength: from none to a "
        "handful of photons per pixel; the rows below limit it. None: the network "
        "takes noise for detail.",
        choices={"as the recipe": AS_RECIPE, "none": NONE, "of any strength": BLIND},
    )
    white_from: float = shown(
        -1.0,
        "Electrons at white, from",
        "Electrons of the brightest value in the noisiest images: the fewer, the "
        "stronger the noise.",
        row="Electrons",
        when=_blind,
        **_FROM,
    )
    white_to: float = shown(
        -1.0,
        "Electrons at white, to",
        "Electrons of the brightest value in the cleanest images.",
        when=_blind,
        **_TO,
    )
    read_from: float = shown(
        -1.0,
        "Read noise, from",
        "Least standard deviation of the noise of the camera itself, in electrons.",
        row="Read noise",
        when=_blind,
        **_FROM,
    )
    read_to: float = shown(
        -1.0,
        "Read noise, to",
        "Largest standard deviation of the noise of the camera itself, in electrons.",
        when=_blind,
        **_TO,
    )
    clean: float = shown(
        -1.0,
        "Clean",
        "Share of the patches that get no noise, from 0 to 1.",
        when=_blind,
        least=-1,
        most=1,
        blank="share",
    )
    spot: str = shown(
        AS_RECIPE,
        "Spot",
        "How wide the spot of the instrument is: what the fine and the coarse image "
        "are both blurred by. Only microscopes need it.",
        choices={"as the recipe": AS_RECIPE, "none": NONE, "a range": RANGE},
    )
    spot_from: float = shown(
        -1.0,
        "Spot, from",
        "Least standard deviation of the spot, in pixels of the coarse image.",
        row="Width",
        when=_spot,
        most=100,
        **_FROM,
    )
    spot_to: float = shown(
        -1.0,
        "Spot, to",
        "Largest standard deviation of the spot, in pixels of the coarse image.",
        when=_spot,
        most=100,
        **_TO,
    )
    depth: int = shown(
        0,
        "Layers",
        "Layers of the network. More of them restore more, learn longer and run "
        "slower." + _EMPTY,
        when=lambda settings: settings.begin == SCRATCH,
        most=_DEEPEST,
        blank="recipe",
    )
    factors: str = shown(
        "",
        "Factors",
        "How much images are reduced, such as '2, 3, 4'; fractions such as 2.5 are "
        "allowed. The network learns all of them at once." + _EMPTY,
    )
    steps: int = shown(
        0,
        "Steps",
        "How often the weights are changed." + _EMPTY,
        blank="recipe",
    )
    patch: int = shown(
        0,
        "Patch",
        "Pixels per edge of the parts of images that are learnt from. Images must "
        "not be smaller." + _EMPTY,
        most=100_000,
        blank="recipe",
    )
    batch: int = shown(
        0,
        "Batch",
        "Patches per step. More of them take more memory." + _EMPTY,
        most=100_000,
        blank="recipe",
    )
    rate: float = shown(
        0.0,
        "Rate",
        "Learning rate at its highest: how far each step goes. Too high, and the loss "
        "explodes; too low, and little is learnt." + _EMPTY,
        most=1e6,
        blank="recipe",
    )
    held: str = shown(
        "10",  # per cent of the images to hold out, or FOLDER
        "Hold out",
        "Images that are not learnt from but scored on: whole images and never parts "
        "of one, or a quarter when there is but one image.",
        choices=SHARES,
    )
    held_folder: str = shown(
        "",
        "Held-out folder",
        "Images to score on. None of them should be among those above.",
        row="Folder",
        when=lambda settings: settings.held == FOLDER,
        folder=True,
    )
    device: str = shown(
        "auto",
        "Device",
        "Where the network is trained: 'auto' takes a graphics card where there is "
        "one.",
        choices={"auto": "auto", "cpu": "cpu"},
    )
    precision: str = shown(
        "auto",
        "Precision",
        "Number format of the hidden layers; weights keep full precision. 'auto' "
        "takes float16 on NVIDIA cards, bfloat16 on processors that compute in it, "
        "and float32 elsewhere.",
        choices={name: name for name in PRECISIONS},
    )
    preview: bool = shown(
        True,
        "preview layer",
        "Add a layer with a part of an image that is held out: as it goes in, as the "
        "network restores it, and as it was. It follows while the network learns.",
        row="Show",
    )

    @property
    def start_from(self) -> str | None:
        """The model to start from, if any."""
        return None if self.begin == SCRATCH else self.model

    def changed(self, values: Mapping[str, Any]) -> Self:
        """As for all settings; a share that is none is ignored, too."""
        held = str(values.get("held", self.held))
        if held != FOLDER and not held.isdecimal():
            values = {**values, "held": self.held}
        return super().changed(values)

    @property
    def changes(self) -> dict[str, Any]:
        """Keywords for `recipe`, by what is not left to the recipe."""
        made: dict[str, Any] = {}
        if self.sampling != AS_RECIPE:
            made["sampling"] = self.sampling
        if self.noise != AS_RECIPE:
            made["noise"] = self._noise()
        if self.spot != AS_RECIPE:
            made["spot"] = self._spot()
        if self.begin == SCRATCH and self.depth:
            made["depth"] = self.depth
        if self.factors.strip():
            factors = read_numbers("factors", self.factors, "factors", "'2, 3, 4'")
            made["factors"] = tuple(dict.fromkeys(factors))
        for name in ("steps", "patch", "batch"):
            if getattr(self, name):
                made[name] = getattr(self, name)
        if self.rate:
            made["learning_rate"] = self.rate
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
            with blame(_FIELDS.get(name, name)):
                recipe(self.recipe, **{name: value})
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

    def _noise(self) -> "BlindNoise | None":
        """The noise to learn to leave out; FieldError for a range that is none."""
        from napari_vdsr.training import BlindNoise

        if self.noise == NONE:
            return None
        if self.noise != BLIND:
            raise FieldError(
                "noise", f"The noise is '{self.noise}': choose '{NONE}' or '{BLIND}'."
            )
        white, read = (self.white_from, self.white_to), (self.read_from, self.read_to)
        noise = _limited("white_from", BlindNoise(), "white", white)
        noise = _limited("read_from", noise, "read_noise", read)
        return noise if self.clean < 0 else replace(noise, clean=self.clean)

    def _spot(self) -> "Spot | None":
        """The spot of the instrument; FieldError for a range that is none."""
        from napari_vdsr.training import Spot

        if self.spot == NONE:
            return None
        width = self.spot_from, self.spot_to
        return _limited("spot_from", Spot(), "sigma", width)


def _limited(
    field: str, settings: "Kind", name: str, typed: tuple[float, float]
) -> "Kind":
    """Settings with one range replaced; FieldError if that is not allowed.

    What is below 0 was left empty, and stays as it is.
    """
    usual = getattr(settings, name)
    low, high = (u if t < 0 else t for t, u in zip(typed, usual, strict=True))
    if low > high:
        raise FieldError(
            field,
            f"The range goes from {low:g} to {high:g}: give the smaller number first.",
        )
    changes: dict[str, Any] = {name: (low, high)}
    with blame(field):
        return replace(settings, **changes)
