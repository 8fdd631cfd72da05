"""What can be chosen about a training, and the checks of those choices."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from napari_vdsr.errors import InputError
from napari_vdsr.imaging.geometry import check_factor
from napari_vdsr.imaging.resample import Kernel

__all__ = ["CameraNoise", "Loss", "Optimiser", "Stage", "TrainingConfig", "Variant"]

Variant = Literal["equivariant", "paper", "course", "srcnn-915", "srcnn-955"]
Loss = Literal["charbonnier", "mse", "l1", "euclidean"]
Optimiser = Literal["adamw", "adam", "sgd"]
Schedule = Literal["cosine", "steps", "constant"]
Precision = Literal["auto", "float32", "float16", "bfloat16"]


@dataclass(frozen=True)
class CameraNoise:
    """What a camera adds to an image: shot noise of the light and read noise.

    Attributes
    ----------
    gain : float
        Electrons per count.
    offset : float
        Counts that the camera shows in the dark.
    read_noise : float
        Standard deviation of the read noise, in electrons.
    white : float, optional
        Electrons of the brightest value, for images whose counts mean nothing
        (8-bit pictures); `gain` and `offset` are then not used.
    """

    gain: float = 1.0
    offset: float = 0.0
    read_noise: float = 0.0
    white: float | None = None

    def __post_init__(self) -> None:
        _require_positive("gain", self.gain)
        if self.white is not None:
            _require_positive("white", self.white)
        if not (math.isfinite(self.offset) and 0 <= self.read_noise < math.inf):
            msg = (
                f"read_noise is {self.read_noise} and offset {self.offset}: give "
                "electrons from 0 upwards and a finite number of counts"
            )
            raise InputError(msg)


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
        _require_count("steps", self.steps)
        _require_count("warm_up", self.warm_up, least=0)
        if not 0 < self.learning_rate < math.inf:
            msg = (
                f"learning rate is {self.learning_rate}: nothing is learned unless it "
                "is above 0; 0.001 suits Adam, 0.1 the paper's SGD"
            )
            raise InputError(msg)
        if not 0 <= self.share <= 1:
            msg = f"share is {self.share}: it is a part of each batch, from 0 to 1"
            raise InputError(msg)


@dataclass(frozen=True)
class TrainingConfig:
    """All choices of a training; `recipe` gives those that are known to work.

    Attributes
    ----------
    stages : tuple of Stage
        One after the other.
    variant : str
        "equivariant" (no biases, first filters that sum to zero), "paper"
        (luminance, biases), "course" (R, G, B in, one residual out, biases),
        "srcnn-915" or "srcnn-955".
    depth : int
        Layers; SRCNN has three whatever this says.
    factors : tuple of float
        Mixed in every batch.
    kernel : {"bicubic", "bilinear"}
        How reduced images are enlarged again. They are reduced bicubically.
    blur : float
        Standard deviation of a Gaussian blur before the reduction, in pixels of the
        full-size image.
    noise : CameraNoise, optional
        Added to the reduced image.
    patch, batch : int
        Pixels per edge of a patch, and patches per step.
    sizes : tuple of float
        Sizes, relative to the original, at which every image is used.
    flips : bool
        Whether patches are flipped and turned, in all eight ways.
    loss : {"charbonnier", "mse", "l1", "euclidean"}
        On intensities from 0 to 1. "euclidean" is the paper's: half the squared error
        summed over a patch; it is as much larger than "mse" as SGD at 0.1 needs.
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
        The paper's adjustable clipping: gradient values stay within this over the
        learning rate.
    ema : float
        Decay of the running mean of the weights, which becomes the model; 0 for none.
    precision : str
        Of the hidden layers; "auto" is float16 on CUDA, bfloat16 on processors that
        compute in it (but not for SRCNN), and float32 elsewhere. The weights
        themselves stay in float32.
    compiled : bool
        Whether to compile the network first; takes a while, pays on a GPU.
    validation_share : float
        Part of the images held out when no validation images are given.
    validate_every, checkpoint_every : int
        Steps.
    seed : int
        Decides the first weights and all patches.
    """

    stages: tuple[Stage, ...]
    variant: Variant = "equivariant"
    depth: int = 20
    factors: tuple[float, ...] = (2.0, 3.0, 4.0)
    kernel: Kernel = "bicubic"
    blur: float = 0.0
    noise: CameraNoise | None = None
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
        if not self.stages:
            msg = "a training has no stages: give at least one"
            raise InputError(msg)
        for name in ("patch", "batch", "validate_every", "checkpoint_every"):
            _require_count(name, getattr(self, name))
        _require_count("depth", self.depth, least=2)
        _require_choices(self)
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
        _require_count("steps", steps, least=len(self.stages))
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
                known["noise"] = CameraNoise(**known["noise"])
            for name in ("factors", "sizes", "betas"):
                known[name] = tuple(known[name])
            return cls(**known)
        except (KeyError, TypeError) as error:
            msg = f"these are not the settings of a training: {error}"
            raise InputError(msg) from error


def _require_choices(config: TrainingConfig) -> None:
    choices = {
        "variant": Variant,
        "loss": Loss,
        "optimiser": Optimiser,
        "schedule": Schedule,
        "precision": Precision,
        "kernel": Kernel,
    }
    for name, kind in choices.items():
        allowed = get_args(kind)
        if getattr(config, name) not in allowed:
            msg = f"{name} is {getattr(config, name)!r}: choose {', '.join(allowed)}"
            raise InputError(msg)


def _require_sets(config: TrainingConfig) -> None:
    if not config.factors or not config.sizes:
        msg = "factors and sizes must name one at least, such as (2, 3, 4) and (1,)"
        raise InputError(msg)
    for factor in config.factors:
        check_factor(factor)
        if factor == 1:
            msg = "factor is 1: there is nothing to restore; it must be above 1"
            raise InputError(msg)
    for size in config.sizes:
        if not 0.1 <= size <= 1:
            msg = f"sizes has {size}: images are used at 0.1 to 1 times their size"
            raise InputError(msg)


def _require_limits(config: TrainingConfig) -> None:
    for name in ("clip_norm", "clip_rate"):
        if getattr(config, name) is not None:
            _require_positive(name, getattr(config, name))
    for name in ("ema", "validation_share", "betas"):
        values = getattr(config, name)
        for value in values if isinstance(values, tuple) else (values,):
            if not 0 <= value < 1:
                msg = f"{name} is {values}: it must be from 0 to below 1"
                raise InputError(msg)
    for name in ("weight_decay", "blur"):
        if not 0 <= getattr(config, name) <= 100:
            msg = f"{name} is {getattr(config, name)}: it must be from 0 to 100"
            raise InputError(msg)


def _require_positive(name: str, value: float) -> None:
    if not 0 < value < math.inf:
        msg = f"{name} is {value}: it must be a positive number"
        raise InputError(msg)


def _require_count(name: str, value: int, least: int = 1) -> None:
    if type(value) is not int or value < least:
        msg = f"{name} is {value!r}: it must be a whole number from {least} upwards"
        raise InputError(msg)
