"""Training in one call, and how long it will take."""

import math
import time
import warnings
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from napari_vdsr.errors import InputError, VdsrWarning, check_progress
from napari_vdsr.inference.engine import usable_device
from napari_vdsr.progress import Progress
from napari_vdsr.training.config import TrainingConfig
from napari_vdsr.training.history import TrainedModel
from napari_vdsr.training.planes import MEMORY
from napari_vdsr.training.prepare import prepare
from napari_vdsr.training.recipes import recipe
from napari_vdsr.training.trainer import Trainer
from napari_vdsr.training.validate import MOST, Validation
from napari_vdsr.zoo import Model, load_model

_STEPS = 4  # of a rehearsal; the first two are slower
_ENOUGH = 4096  # pixels of a batch, above which its time grows with their number
_EDGE = 256  # pixels of the noise at least


def train(
    images: Any,
    *,
    config: TrainingConfig | str = "quick",
    validation: Any = None,
    domain: Any = None,
    start_from: str | Path | Model | None = None,
    device: str = "auto",
    rgb: bool | None = None,
    memory: float = MEMORY,
    checkpoint: str | Path | None = None,
    resume: str | Path | None = None,
    progress: Progress | None = None,
) -> TrainedModel:
    """Train a network, or fine-tune one, on your own images.

    Images are reduced and enlarged again, and the network learns to restore them.
    The same seed gives the same weights on the same CPU; GPUs were never checked.

    Parameters
    ----------
    images : array-like, layer, path, Pairs, or a list of them
        Arrays (numpy, dask, zarr) of shape (..., Y, X[, S]), napari Image layers,
        image files, folders, packs of encoded images (.npz). `training.Pairs` holds
        images taken at low and at high resolution.
    config : TrainingConfig or str
        From `training.recipe`, or the name of a recipe.
    validation : as images, optional
        Images to score on. By default a share of `images` is held out, whole images
        and never patches; of a single image, a quarter.
    domain : as images, optional
        Images that the second stage of the recipe "modern" leans to.
    start_from : str, Path or Model, optional
        Fine-tune this model instead of starting anew.
    device : str
        "auto", "cpu", "cuda", "cuda:1", "mps", "xpu".
    rgb : bool, optional
        Whether the last axis of arrays holds colours; files and layers know.
    memory : float
        Bytes of pixels to hold of each set; larger ones are read part by part, larger
        files and zarrs plane by plane or in windows. The device holds as much again,
        and memory as much again while one part replaces another.
    checkpoint : str or Path, optional
        Where to write the state at intervals, so that little is lost.
    resume : str or Path, optional
        A checkpoint to resume from, with the same images and configuration.
    progress : tqdm-like, optional
        Updated with every step. Raise `Cancelled` from its `update` to stop; the
        last checkpoint is kept.

    Returns
    -------
    TrainedModel
        A model with its ``history``; ``save`` it, or give it to `upscale`.

    Raises
    ------
    InputError
        When images, settings or checkpoint cannot be used; the message says why.

    Warns
    -----
    VdsrWarning
        When images are left out, oversampled or of a benchmark, when the loss
        exploded, and when the training stopped early because of that.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_vdsr.training import recipe
    >>> noise = np.random.default_rng(0).random((96, 128))
    >>> config = recipe("quick", steps=2, depth=3, patch=16, batch=2)
    >>> train(noise, config=config, device="cpu").network.depth
    3
    """
    check_progress(progress)
    config = recipe(config) if isinstance(config, str) else config
    if not isinstance(config, TrainingConfig):
        raise InputError(
            f"config is {config!r}: give the name of a recipe, or a TrainingConfig"
        )
    paths: dict[str, Any] = {"checkpoint": checkpoint, "resume": resume}
    for name, path in paths.items():
        if not (path is None or (isinstance(path, str | PathLike) and str(path))):
            raise InputError(f"{name} is {path!r}: give the name of a file")
    start = None if start_from is None else load_model(start_from)
    sets: dict[str, Any] = {"domain": domain, "validation": validation}
    trainer = Trainer(
        prepare(images, config, rgb=rgb, memory=memory, **sets),
        config,
        start_from=start,
        device=device,
        **paths,
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
    if trainer.gave_up:
        warnings.warn(
            f"the training stopped early, after step {trainer.history.steps} of "
            f"{config.steps}: the model has the last good weights",
            VdsrWarning,
            stacklevel=2,
        )
    return trainer.model()


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
    """Do a few steps on noise, in the precision and on data as in the training itself.

    On a processor some patches of a batch tell the time of all.
    """
    batch = config.batch
    device = str(usable_device(device))
    if device == "cpu":
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
