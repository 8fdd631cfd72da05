"""Small images and short trainings: enough to tell right from wrong in seconds."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.training import (
    CameraNoise,
    Trainer,
    TrainingConfig,
    TrainingSet,
    prepare,
    recipe,
)
from napari_vdsr.training.dataset import Dataset


def picture(seed: int = 0, shape: tuple[int, int] = (48, 56)) -> NDArray[np.uint8]:
    """Discs of random brightness: edges in all directions, as in real images."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    image = np.full(shape, 40.0)
    for _ in range(30):
        cy, cx, radius = random.uniform((0, 0, 2), (*shape, 9))
        image[(y - cy) ** 2 + (x - cx) ** 2 < radius**2] = random.uniform(0, 255)
    return image.astype(np.uint8)


def tiny(**changes: Any) -> TrainingConfig:
    """A training of a second."""
    settings: dict[str, Any] = {
        "steps": 12,
        "depth": 3,
        "patch": 16,
        "batch": 4,
        "sizes": (1.0,),
        "factors": (2.0,),
        "validate_every": 6,
        "checkpoint_every": 4,
    }
    return recipe("quick", **settings | changes)


def long_training(checkpoint: Path, resume: Path | None = None) -> Trainer:
    """A training of 40 steps with noise, which keeps its state after every seventh."""
    config = tiny(steps=40, noise=CameraNoise(white=500.0), checkpoint_every=7)
    images = prepare([picture(seed) for seed in range(5)], config)
    return Trainer(images, config, device="cpu", checkpoint=checkpoint, resume=resume)


def prepared(images: Any, memory: float = 2e9, **options: Any) -> TrainingSet:
    """Images, all of which are to be learned from."""
    config = options.pop("config", tiny(validation_share=0.0))
    return prepare(images, config, memory=memory, **options)


def pixels_of(images: TrainingSet | Dataset) -> list[NDArray[Any]]:
    """The pixels to learn from, (C, Y, X) of every plane."""
    dataset = images.images if isinstance(images, TrainingSet) else images
    return [plane.pixels for part in dataset.parts for plane in part.read()]
