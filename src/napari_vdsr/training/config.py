"""The settings of a training, and their checks."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

from napari_vdsr.errors import (
    InputError,
    checked_switch,
    is_number,
    plain_fields,
    require_choice,
    require_positive,
)
from napari_vdsr.imaging.geometry import check_factor
from napari_vdsr.imaging.resample import SAMPLINGS, Kernel, Sampling
from napari_vdsr.training.instrument import (
    BlindNoise,
    CameraNoise,
    Spot,
    require_count,
    require_part,
)

Variant = Literal["equivariant", "paper", "course", "srcnn-915", "srcnn-955"]
Loss = Literal["charbonnier", "mse", "l1", "euclidean", "relative"]
Optimiser = Literal["adamw", "adam", "sgd"]
Schedule = Literal["cosine", "steps", "constant"]
Precision = Literal["auto", "float32", "float16", "bfloat16"]


@dataclass(frozen=True)
class Stage:
    """A stretch of a training with its own learning rate and choice of patches.

    Attributes
    ----------
    steps : int
        Updates of the weights.
    learning_rate : float
        At its highest.
    warm_up : int
        Steps over which the rate rises from zero.
    detail : bool
        Whether patches are drawn with a probability in proportion to their standard
        deviation instead of all alike.
    share : float
        Part of each batch that comes from the domain images, if there are any.
    """

    steps: int
    learning_rate: float
    warm_up: int = 0
    detail: bool = False
    share: float = 0.0

    def __post_init__(self) -> None:
        plain_fields(self)
        require_count("steps", self.steps)
        require_count("warm_up", self.warm_up, least=0)
        checked_switch("detail", self.detail)
        if not (is_number(self.learning_rate) and 0 < self.learning_rate < math.inf):
            raise InputError(
                f"learning rate is {self.learning_rate!r}: nothing is learned unless "
                "it is above 0; 0.001 suits Adam, 0.1 the paper's SGD"
            )
        require_part("share", self.share)


@dataclass(frozen=True)
class TrainingConfig:
    """All choices of a training; `recipe` gives those that are known to work.

    Attributes
    ----------
    stages : tuple of Stage
        One after the other.
    variant : str
        "equivariant" (no biases, first filters sum to zero), "paper" (biases), "course"
        (R, G, B in, one residual out, biases), "srcnn-915" or "srcnn-955".
    depth : int
        Layers; SRCNN has three whatever this says.
    factors : tuple of float
        Mixed in every batch.
    kernel : {"bicubic", "bilinear"}
        How small images are enlarged again.
    sampling : str or mapping of str to float
        How small images are made: "scanner" (point samples), "camera" (mean over the
        area of the pixel), "reduced" (bicubic, by software), "gaussian" (by software
        that blurs first, as scikit-image does), or several of these with the share of
        the patches that each makes. For scanner and camera the truth is the image at
        half its size, in means of 2 x 2 pixels, which also halves its own noise.
    spot : Spot, optional
        The instrument's, the same for the small image and the truth.
    blur : float
        Standard deviation of a Gaussian blur of the small image alone, before it is
        sampled, in pixels of the full-size image.
    noise : CameraNoise or BlindNoise, optional
        Added to the small image.
    patch : int
        Pixels per edge of a patch.
    batch : int
        Patches per step.
    sizes : tuple of float
        Sizes, relative to the original, at which every image is used.
    flips : bool
        Whether patches are flipped and turned, in all eight ways.
    loss : {"charbonnier", "mse", "l1", "euclidean", "relative"}
        On intensities from 0 to 1. "euclidean" is the paper's: half the squared error
        summed over a patch; it is as much larger than "mse" as SGD at 0.1 needs.
        "relative" is the root of the mean squared error of a patch over that of the
        enlarged patch, so that faint, clean and noisy ones count alike: 1 is as good
        as interpolation.
    optimiser : {"adamw", "adam", "sgd"}
        The second figure of `betas` is not used by SGD, whose momentum is the first.
    betas : tuple of float
        Decay of the running means of the gradient and of its square.
    weight_decay : float
        0 for none.
    schedule : {"cosine", "steps", "constant"}
        How the rate falls within a stage; "steps" divides it by ten at each quarter.
    clip_norm : float, optional
        Largest norm of the gradient.
    clip_rate : float, optional
        The paper's: gradient values stay within this over the learning rate.
    ema : float
        Decay of the running mean of the weights, which becomes the model; 0 for none.
    precision : str
        Of the hidden layers, while weights stay in float32; "auto" is float16 on CUDA,
        bfloat16 on processors that compute in it (not for SRCNN), else float32.
    compiled : bool
        Whether to compile the network first; takes a while, pays on a GPU.
    validation_share : float
        Part of the images held out when no validation images are given.
    validate_every : int
        Steps between two scores on the held-out images.
    checkpoint_every : int
        Steps between two checkpoints.
    seed : int
        Decides the first weights and all patches; from 0 to 2**63 - 1.
    """

    stages: tuple[Stage, ...]
    variant: Variant = "equivariant"
    depth: int = 20
    factors: tuple[float, ...] = (2.0, 3.0, 4.0)
    kernel: Kernel = "bicubic"
    sampling: Sampling | Mapping[Sampling, float] = "reduced"
    spot: Spot | None = None
    blur: float = 0.0
    noise: CameraNoise | BlindNoise | None = None
    patch: int = 64
    batch: int = 128
    sizes: tuple[float, ...] = (1.0, 0.8, 0.6)
    flips: bool = True
    loss: Loss = "charbonnier"
    optimiser: Optimiser = "adamw"
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = 0.0
    schedule: Schedule = "cosine"
    clip_norm: float | None = 0.5
    clip_rate: float | None = None
    ema: float = 0.999
    precision: Precision = "auto"
    compiled: bool = False
    validation_share: float = 0.1
    validate_every: int = 500
    checkpoint_every: int = 500
    seed: int = 0

    def __post_init__(self) -> None:
        plain_fields(self)
        _require_kinds(self)
        if not self.stages:
            raise InputError("a training has no stages: give at least one")
        for name in ("patch", "batch", "validate_every", "checkpoint_every"):
            require_count(name, getattr(self, name))
        require_count("depth", self.depth, least=2)
        _require_choices(self)
        _require_samplings(self)
        _require_instrument(self)
        if not isinstance(self.sampling, str):  # a copy that nobody else can change
            object.__setattr__(self, "sampling", dict(self.sampling))
        _require_sets(self)
        _require_limits(self)

    @property
    def steps(self) -> int:
        """Updates of the weights in all stages."""
        return sum(stage.steps for stage in self.stages)

    @property
    def channels(self) -> int:
        """Channels of the images: 3 for the course's variant, 1 for all others."""
        return 3 if self.variant == "course" else 1

    @property
    def samplings(self) -> dict[Sampling, float]:
        """How small images are made, with shares that sum to 1; largest first."""
        if isinstance(self.sampling, str):
            return {self.sampling: 1.0}
        total = sum(self.sampling.values())
        # Equal shares by name: configurations that are equal train alike.
        shares = sorted(self.sampling.items(), key=lambda item: (-item[1], item[0]))
        return {name: share / total for name, share in shares if share}

    @property
    def main_sampling(self) -> Sampling:
        """How most small images are made, and those that are scored on."""
        return next(iter(self.samplings))

    @property
    def footprint(self) -> int:
        """Pixels per edge of the full-size image that a patch stands for."""
        return self.patch * max(map(source_pixels, self.samplings))

    def with_steps(self, steps: int) -> "TrainingConfig":
        """Stretch or shorten all stages alike.

        Parameters
        ----------
        steps : int
            In all stages together, at least one for each.

        Returns
        -------
        TrainingConfig
        """
        require_count("steps", steps, least=len(self.stages))
        ratio = steps / self.steps
        left, stages = steps, []
        for index, stage in enumerate(self.stages):
            after = len(self.stages) - 1 - index
            share = max(1, round(stage.steps * ratio)) if after else left
            share = min(share, left - after)
            warm_up = min(round(stage.warm_up * ratio), share)
            stages.append(dataclasses.replace(stage, steps=share, warm_up=warm_up))
            left -= share
        return dataclasses.replace(self, stages=tuple(stages))

    def to_json(self) -> dict[str, Any]:
        """Return plain values for `json.dumps`."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "TrainingConfig":
        """Read what `to_json` has written.

        Parameters
        ----------
        values : mapping
            As read by `json.loads`.

        Returns
        -------
        TrainingConfig

        Raises
        ------
        InputError
            When a name is unknown or a value not allowed.
        """
        known = dict(values)
        try:
            known["stages"] = tuple(Stage(**stage) for stage in known["stages"])
            if known.get("noise") is not None:
                known["noise"] = _noise(known["noise"])
            if known.get("spot") is not None:
                spot = known["spot"]
                known["spot"] = Spot(**spot | {"sigma": tuple(spot["sigma"])})
            return cls(**known)
        except (KeyError, TypeError) as error:
            raise InputError(
                f"these are not the settings of a training: {error}"
            ) from error


def source_pixels(sampling: Sampling) -> int:
    """Pixels of a full-size image, per axis, that make one pixel of the truth."""
    return 2 if sampling in ("camera", "scanner") else 1


def too_small(config: TrainingConfig) -> str:
    """Explain why images smaller than a patch's footprint cannot be used."""
    patch = f"a patch of {config.patch}"
    if config.footprint == config.patch:
        return f"smaller than {patch}"
    halved = next(name for name in config.samplings if source_pixels(name) > 1)
    return f"too few: {patch} needs {config.footprint} pixels of a {halved}'s image"


def _noise(values: Mapping[str, Any]) -> CameraNoise | BlindNoise:
    if "clean" not in values:
        return CameraNoise(**values)
    names = ("white", "read_noise", "correlation")
    ranges = {name: tuple(values[name]) for name in names}
    return BlindNoise(**ranges, clean=values["clean"])


def _require_samplings(config: TrainingConfig) -> None:
    sampling: Any = config.sampling
    shares = {sampling: 1.0} if isinstance(sampling, str) else sampling
    if not isinstance(shares, Mapping) or not set(shares) <= set(SAMPLINGS):
        raise InputError(
            f"sampling is {sampling!r}: choose {', '.join(SAMPLINGS)}, or give a share "
            "for each of these"
        )
    values = shares.values()
    numbers = all(is_number(value) and 0 <= value < math.inf for value in values)
    if not (numbers and sum(values) > 0):
        raise InputError(
            f"sampling is {sampling!r}: shares are numbers from 0 upwards, one at "
            "least above 0"
        )


def _require_instrument(config: TrainingConfig) -> None:
    if not isinstance(config.spot, Spot | None):
        raise InputError(f"spot is {config.spot!r}: give a Spot, or None for none")
    if not isinstance(config.noise, CameraNoise | BlindNoise | None):
        raise InputError(
            f"noise is {config.noise!r}: give CameraNoise, BlindNoise, or None for none"
        )


def _require_kinds(config: TrainingConfig) -> None:
    """Raise `InputError` for values not of their kind at all; lists become tuples."""
    for name in ("stages", "factors", "sizes", "betas"):
        value = getattr(config, name)
        if not isinstance(value, tuple | list):
            raise InputError(f"{name} is {value!r}: give a tuple, even of one")
        object.__setattr__(config, name, tuple(value))
    if not all(isinstance(stage, Stage) for stage in config.stages):
        raise InputError(f"stages is {config.stages!r}: each has to be a Stage")
    if len(config.betas) != 2:
        raise InputError(f"betas is {config.betas!r}: give two, such as (0.9, 0.99)")
    for name in ("flips", "compiled"):
        checked_switch(name, getattr(config, name))
    if type(config.seed) is not int or not 0 <= config.seed < 2**63:
        raise InputError(
            f"seed is {config.seed!r}: it must be a whole number from 0 to 2**63 - 1"
        )


_hints = cache(get_type_hints)  # reading annotations takes long


def _require_choices(config: TrainingConfig) -> None:
    for name, kind in _hints(TrainingConfig).items():
        if get_origin(kind) is Literal:
            require_choice(name, getattr(config, name), get_args(kind))


def _require_sets(config: TrainingConfig) -> None:
    if not config.factors or not config.sizes:
        raise InputError(
            "factors and sizes must name one at least, such as (2, 3, 4) and (1,)"
        )
    for factor in config.factors:
        check_factor(factor)
        if factor == 1:
            raise InputError(
                "factor is 1: there is nothing to restore; it must be above 1"
            )
    for size in config.sizes:
        if not (is_number(size) and 0.1 <= size <= 1):
            raise InputError(
                f"sizes has {size!r}: images are used at 0.1 to 1 times their size"
            )


def _require_limits(config: TrainingConfig) -> None:
    for name in ("clip_norm", "clip_rate"):
        if getattr(config, name) is not None:
            require_positive(name, getattr(config, name))
    for name in ("ema", "validation_share", "betas"):
        values = getattr(config, name)
        for value in values if isinstance(values, tuple) else (values,):
            if not (is_number(value) and 0 <= value < 1):
                raise InputError(f"{name} is {values!r}: it must be from 0 to below 1")
    for name in ("weight_decay", "blur"):
        value = getattr(config, name)
        if not (is_number(value) and 0 <= value <= 100):
            raise InputError(f"{name} is {value!r}: it must be from 0 to 100")
