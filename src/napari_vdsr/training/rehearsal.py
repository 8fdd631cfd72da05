"""How long a training will take: a few of its steps are done on noise."""

import math
import time
from dataclasses import dataclass, replace

import numpy as np

from napari_vdsr.inference.device import resolve_device
from napari_vdsr.training.config import TrainingConfig
from napari_vdsr.training.prepare import prepare
from napari_vdsr.training.trainer import Trainer
from napari_vdsr.training.validate import MOST, Validation
from napari_vdsr.zoo.model import Model

_STEPS = 4  # the first two are slower
_ENOUGH = 4096  # pixels of a batch, above which its time grows with their number
_EDGE = 256  # pixels of the noise at least


@dataclass(frozen=True)
class Pace:
    """How long the parts of a training take on a device, in seconds."""

    step: float
    score: float = 0.0  # of one held-out image

    def seconds(self, config: TrainingConfig, held: int) -> float:
        """Time of a training that is scored on `held` images."""
        scores = math.ceil(config.steps / config.validate_every)
        return config.steps * self.step + scores * min(held, MOST) * self.score


def rehearse(
    config: TrainingConfig, start_from: Model | None = None, device: str = "auto"
) -> Pace:
    """Train for a few steps, in the precision and on data as in the training itself.

    On a processor some patches of a batch tell the time of all.
    """
    batch = config.batch
    if resolve_device(device).type == "cpu":
        batch = min(batch, math.ceil(_ENOUGH / config.patch**2))
    few = replace(
        config.with_steps(_STEPS),
        batch=batch,
        validate_every=_STEPS // 2,
        checkpoint_every=10 * _STEPS,
    )
    edge = max(_EDGE, 2 * config.footprint)
    colours = config.channels == 3
    shape = (edge, edge, 3) if colours else (edge, edge)
    noise = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    images = prepare(noise, few, rgb=colours, warn=False)
    trainer = Trainer(images, few, start_from=start_from, device=device)
    # Each score is reported: seconds at the middle and at the end.
    seconds = [each.seconds for each in trainer.run() if each.score is not None]
    score = 0.0
    if images.validation is not None:
        network = trainer.model().network.to(trainer.device)
        validation = Validation(images.validation, few, trainer.device)
        start = time.perf_counter()
        validation.score(network, _STEPS)
        score = time.perf_counter() - start
    half = seconds[-1] - seconds[0]
    step = max(half - score, half / 10) / (_STEPS - _STEPS // 2)
    return Pace(step * config.batch / batch, score)
