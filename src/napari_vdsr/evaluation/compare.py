"""One image enlarged in several ways, with the images kept for display."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from napari_vdsr.evaluation.acquisition import acquisitions_for
from napari_vdsr.evaluation.added_noise import Noise
from napari_vdsr.evaluation.methods import (
    IN_FLOAT32,
    Method,
    Models,
    default_model,
    methods_for,
)
from napari_vdsr.evaluation.psnr import PsnrReport, measured
from napari_vdsr.evaluation.ssim import SMALLEST, similarity
from napari_vdsr.evaluation.trial import Trial
from napari_vdsr.evaluation.trials import Protocol, trial_of
from napari_vdsr.images.find import opened
from napari_vdsr.images.stack import check_image
from napari_vdsr.imaging.sampling import Sampling
from napari_vdsr.options import RunOptions
from napari_vdsr.progress import Progress


@dataclass(frozen=True, eq=False)
class Outcome:
    """What one method made of an image."""

    method: str
    image: NDArray[Any]  # as it was scored
    psnr: PsnrReport  # with the range-invariant PSNR
    ssim: float | None  # mean over planes; None if smaller than the window of SSIM
    seconds: float  # wall time of enlarging


@dataclass(frozen=True, eq=False)
class Comparison:
    """A truth, its reduced image and what every method made of it."""

    name: str
    protocol: Protocol
    trial: Trial  # the truth (`reference`) and the reduced image (`low`)
    outcomes: tuple[Outcome, ...]  # bicubic first


def compare(
    image: Any,
    factor: int = 2,
    *,
    model: Models | None = None,
    protocol: Protocol = "direct",
    sampling: Sampling | None = None,
    noise: Noise | None = None,
    options: RunOptions = IN_FLOAT32,
    rgb: bool | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Reduce an image, enlarge it again in several ways and score them.

    Arguments and errors as for `napari_vdsr.evaluate`, with one image (an array, path
    or layer) and one factor; by default the sampling that the first model is made for.
    `progress` counts enlarged pixels.
    """
    name = str(getattr(image, "name", "image"))
    model = default_model(protocol, sampling) if model is None else model
    methods = methods_for(model, options)
    trades = [each.sampling for each in methods if each.asked_for]
    acquisition = acquisitions_for(protocol, trades, sampling, noise)[0]
    with opened(image, name, rgb) as stack:
        check_image(stack, name)
        trial = trial_of(stack, factor, protocol, acquisition)
    if progress is not None:
        progress.reset(trial.pixels * len(methods))
    return Comparison(name, protocol, trial, run_trial(trial, methods, progress))


def run_trial(
    trial: Trial, methods: Sequence[Method], progress: Progress | None = None
) -> tuple[Outcome, ...]:
    """Run and score on a trial the methods that are made for its factor.

    `progress` counts enlarged pixels.
    """
    return tuple(
        _run(trial, method, progress) for method in methods if method.serves(trial)
    )


def _run(trial: Trial, method: Method, progress: Progress | None) -> Outcome:
    started = time.perf_counter()
    result = method.enlarge(trial, progress)
    seconds = time.perf_counter() - started
    planes = trial.beside(result)
    large_enough = min(trial.shape) - 2 * trial.border >= SMALLEST
    return Outcome(
        method.name,
        result,
        measured(planes, fit=True),
        similarity(planes).mean if large_enough else None,
        seconds,
    )
