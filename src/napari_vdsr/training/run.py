"""One call from images to a trained model."""

import warnings
from pathlib import Path
from typing import Any

from napari_vdsr.errors import VdsrWarning
from napari_vdsr.models.model import Model
from napari_vdsr.progress import Progress
from napari_vdsr.training.config import TrainingConfig
from napari_vdsr.training.history import TrainedModel
from napari_vdsr.training.prepare import MEMORY, prepare
from napari_vdsr.training.trainer import Trainer

__all__ = ["train"]


def train(
    images: Any,
    *,
    config: TrainingConfig,
    validation: Any = None,
    domain: Any = None,
    start_from: Model | None = None,
    device: str = "auto",
    rgb: bool | None = None,
    memory: float = MEMORY,
    checkpoint: str | Path | None = None,
    resume: str | Path | None = None,
    progress: Progress | None = None,
) -> TrainedModel:
    """Train from the first step to the last; see `napari_vdsr.train`."""
    prepared = prepare(
        images,
        config,
        domain=domain,
        validation=validation,
        rgb=rgb,
        memory=memory,
    )
    trainer = Trainer(
        prepared,
        config,
        start_from=start_from,
        device=device,
        checkpoint=checkpoint,
        resume=resume,
    )
    if progress is not None:
        progress.reset(total=config.steps)
    done = 0
    for report in trainer.run():
        if report.event is not None:
            warnings.warn(f"step {report.step}: {report.event}", VdsrWarning, 2)
        if progress is not None:
            progress.update(report.step - done)
            done = report.step
    return trainer.model()
