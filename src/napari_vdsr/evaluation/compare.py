"""One image, several ways to enlarge it, with the images kept for looking at."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from napari_vdsr.evaluation.acquisition import acquisitions_for
from napari_vdsr.evaluation.added_noise import Noise
from napari_vdsr.evaluation.methods import Method, Models, methods_for
from napari_vdsr.evaluation.psnr import PsnrReport, measured
from napari_vdsr.evaluation.sources import as_source
from napari_vdsr.evaluation.ssim import SMALLEST, similarity
from napari_vdsr.evaluation.trial import Trial
from napari_vdsr.evaluation.trials import Protocol, trial_of
from napari_vdsr.imaging.sampling import Sampling
from napari_vdsr.progress import Progress


@dataclass(frozen=True, eq=False)
class Outcome:
    """What one method made of an image.

    Attributes
    ----------
    method : str
        Its name.
    image : ndarray
        The enlarged image, in the form in which it was scored.
    psnr : PsnrReport
        With the range-invariant PSNR.
    ssim : float or None
        Mean over the planes; None for images too small for the window of SSIM.
    seconds : float
        Wall time of enlarging.
    """

    method: str
    image: NDArray[Any]
    psnr: PsnrReport
    ssim: float | None
    seconds: float


@dataclass(frozen=True, eq=False)
class Comparison:
    """A truth, its reduced image and what every method made of it.

    Attributes
    ----------
    name : str
        Of the image.
    protocol : {"A", "direct", "pairs"}
        See `PROTOCOLS`.
    trial : Trial
        The truth (`reference`) and the reduced image (`low`).
    outcomes : tuple of Outcome
        Bicubic first.
    """

    name: str
    protocol: Protocol
    trial: Trial
    outcomes: tuple[Outcome, ...]


def compare(
    image: Any,
    factor: int = 2,
    *,
    model: Models = "vdsr20",
    protocol: Protocol = "direct",
    sampling: Sampling | None = None,
    noise: Noise | None = None,
    device: str = "auto",
    precision: str = "float32",
    tile: int | str = "auto",
    rgb: bool | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Reduce an image, enlarge it again in several ways and score them.

    Parameters
    ----------
    image : ndarray, path or napari Image layer
        The high-resolution image.
    factor : int
        2 to 8.
    model : str, Path, Model or list of them
        What to compare with bicubic interpolation.
    protocol : {"direct", "A"}
        See `PROTOCOLS`.
    sampling, noise
        As for `evaluate`; by default the sampling that the first model is made for.
    device, precision, tile
        As for `upscale`.
    rgb : bool, optional
        Whether the last axis of an array holds colours.
    progress : Progress, optional
        Told of enlarged pixels; may raise `Cancelled`.

    Returns
    -------
    Comparison
        Images and scores.

    Raises
    ------
    InputError
        When the image or an argument cannot be used.
    """
    name = str(getattr(image, "name", "image"))
    source = as_source(image, name, rgb)
    methods = methods_for(model, device=device, precision=precision, tile=tile)
    trades = [each.sampling for each in methods if each.asked_for]
    acquisition = acquisitions_for(protocol, trades, sampling, noise)[0]
    trial = trial_of(source, factor, protocol, acquisition)
    if progress is not None:
        progress.reset(trial.pixels * len(methods))
    return Comparison(name, protocol, trial, run_trial(trial, methods, progress))


def run_trial(
    trial: Trial, methods: Sequence[Method], progress: Progress | None = None
) -> tuple[Outcome, ...]:
    """Run and score methods on one trial.

    Parameters
    ----------
    trial : Trial
        What to enlarge and the truth.
    methods : sequence of Method
        Those made for another factor are passed over.
    progress : Progress, optional
        Told of enlarged pixels.

    Returns
    -------
    tuple of Outcome
        In the order of the methods.
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
