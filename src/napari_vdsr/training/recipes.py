"""Settings of trainings that are known to work, by name."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from napari_vdsr.errors import InputError, require_choice, require_positive
from napari_vdsr.training.config import Stage, TrainingConfig
from napari_vdsr.training.instrument import BlindNoise, Spot


def _paper() -> TrainingConfig:
    """Kim et al.: SGD at a high rate with adjustable clipping."""
    return TrainingConfig(
        stages=(Stage(steps=9960, learning_rate=0.1),),
        variant="paper",
        patch=41,
        batch=64,
        sizes=(1.0,),
        loss="euclidean",
        optimiser="sgd",
        weight_decay=1e-4,
        schedule="steps",
        clip_norm=None,
        clip_rate=1e-3,
        ema=0.0,
    )


_DEEPEST, _RATE_FOR_FEWER_LAYERS = 20, 7e-4  # of the course


def _course() -> TrainingConfig:
    """The course: Adam at a constant rate, colours, bilinear enlargement."""
    return TrainingConfig(
        stages=(Stage(steps=10_000, learning_rate=9e-4),),
        variant="course",
        patch=32,
        batch=64,
        sizes=(1.0,),
        flips=False,
        kernel="bilinear",
        loss="mse",
        optimiser="adam",
        betas=(0.9, 0.999),
        schedule="constant",
        clip_norm=None,
        ema=0.0,
    )


def _modern() -> TrainingConfig:
    """The released weights: natural images, then also those of the domain."""
    return TrainingConfig(
        stages=(
            Stage(steps=50_000, learning_rate=1e-3, warm_up=500),
            Stage(steps=33_000, learning_rate=5e-4, detail=True, share=0.25),
        )
    )


def _quick() -> TrainingConfig:
    """A small network, trained within minutes without a GPU."""
    return TrainingConfig(
        stages=(Stage(steps=1500, learning_rate=2e-3, warm_up=50, detail=True),),
        depth=5,
        patch=32,
        batch=16,
        ema=0.99,
    )


def _adapt() -> TrainingConfig:
    """Fine-tune a model on the images that it will be used on."""
    return TrainingConfig(
        stages=(Stage(steps=300, learning_rate=1e-4, warm_up=20, detail=True),),
        patch=48,
        batch=8,
        factors=(2.0,),
        sizes=(1.0,),
        ema=0.98,
        validate_every=50,
        checkpoint_every=50,
    )


def _microscope() -> TrainingConfig:
    """Fine-tune on the spot, sampling and noise of a microscope.

    The user chooses the sampling; "scanner" stands for confocals and the like.
    """
    return TrainingConfig(
        stages=(
            Stage(
                steps=22_000, learning_rate=4e-4, warm_up=100, detail=True, share=0.6
            ),
        ),
        patch=48,
        batch=16,
        sampling="scanner",
        spot=Spot(),
        noise=BlindNoise(),
        loss="relative",
        ema=0.998,
        validate_every=1000,
        checkpoint_every=500,
    )


RECIPES: dict[str, Callable[[], TrainingConfig]] = {
    "modern": _modern,
    "paper": _paper,
    "course": _course,
    "quick": _quick,
    "adapt": _adapt,
    "microscope": _microscope,
}
"""What makes the settings of each recipe, by name; `recipe` is the function to call."""


def recipe(name: str = "modern", **changes: Any) -> TrainingConfig:
    """Take a recipe and change some of its settings.

    Parameters
    ----------
    name : str
        "modern" (how the released weights are made), "paper", "course", "quick"
        (minutes on a CPU), "adapt" (to fine-tune a model on one image) or
        "microscope" (to fine-tune a model on spot, sampling and noise).
    **changes : Any
        Fields of `TrainingConfig`, or ``steps`` and ``learning_rate``: ``steps``
        stretches all stages alike; ``learning_rate`` becomes the rate of the first
        stage and scales those of the others. The rate of the recipe "course" depends on
        the depth: 9e-4 for 20 layers, 7e-4 for fewer.

    Returns
    -------
    TrainingConfig

    Raises
    ------
    InputError
        When there is no such recipe or field, or a value is not allowed.

    Examples
    --------
    >>> recipe("paper", depth=5).depth
    5
    >>> recipe("modern", steps=830).stages[1].steps
    330
    """
    require_choice("recipe", name, RECIPES)
    config = RECIPES[name]()
    steps, rate = changes.pop("steps", None), changes.pop("learning_rate", None)
    try:
        config = replace(config, **changes)
    except TypeError as error:
        raise InputError(
            f"{error}: the fields of TrainingConfig can be changed"
        ) from error
    if rate is None and name == "course" and config.depth < _DEEPEST:
        rate = _RATE_FOR_FEWER_LAYERS
    if rate is not None:
        require_positive("learning rate", rate)
        ratio = rate / config.stages[0].learning_rate
        stages = [
            replace(stage, learning_rate=stage.learning_rate * ratio)
            for stage in config.stages
        ]
        config = replace(config, stages=tuple(stages))
    return config if steps is None else config.with_steps(steps)
