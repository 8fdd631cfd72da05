"""Training: from images, or from a model and images, to a model.

`recipe` gives the settings, `prepare` reads through the images, and a `Trainer` runs
the steps; it can be paused, stopped and resumed. `train` does all of it in one call.
"""

from napari_vdsr.training.config import Stage, TrainingConfig
from napari_vdsr.training.history import Event, History, Loss, Report, TrainedModel
from napari_vdsr.training.instrument import BlindNoise, CameraNoise, Spot
from napari_vdsr.training.planes import Pairs
from napari_vdsr.training.prepare import TrainingSet, prepare
from napari_vdsr.training.recipes import RECIPES, recipe
from napari_vdsr.training.run import train
from napari_vdsr.training.trainer import Trainer
from napari_vdsr.training.validate import Score

__all__ = [
    "RECIPES",
    "BlindNoise",
    "CameraNoise",
    "Event",
    "History",
    "Loss",
    "Pairs",
    "Report",
    "Score",
    "Spot",
    "Stage",
    "TrainedModel",
    "Trainer",
    "TrainingConfig",
    "TrainingSet",
    "prepare",
    "recipe",
    "train",
]
