"""One image enlarged in several ways, with the images kept for display."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from napari_vdsr.evaluation.acquisition import Noise, acquisitions_for
from napari_vdsr.evaluation.methods import (
    IN_FLOAT32,
    Method,
    Models,
    default_model,
    methods_for,
)
from napari_vdsr.evaluation.protocols import Protocol, ScoringPair, pair_of
from napari_vdsr.evaluation.psnr import PsnrReport, measured
from napari_vdsr.evaluation.ssim import SMALLEST, similarity
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
    pair: ScoringPair  # the truth (`reference`) and the reduced image (`low`)
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
        pair = pair_of(stack, factor, protocol, acquisition)
    if progress is not None:
        progress.reset(pair.pixels * len(methods))
    return Comparison(name, protocol, pair, outcomes_of(pair, methods, progress))


def outcomes_of(
    pair: ScoringPair, methods: Sequence[Method], progress: Progress | None = None
) -> tuple[Outcome, ...]:
    """Run and score on a pair the methods that are made for its factor.

    `progress` counts enlarged pixels.
    """
    return tuple(
        _run(pair, method, progress) for method in methods if method.serves(pair)
    )


def _run(pair: ScoringPair, method: Method, progress: Progress | None) -> Outcome:
    started = time.perf_counter()
    result = method.enlarge(pair, progress)
    seconds = time.perf_counter() - started
    planes = pair.beside(result)
    large_enough = min(pair.shape) - 2 * pair.border >= SMALLEST
    return Outcome(
        method.name,
        result,
        measured(planes, fit=True),
        similarity(planes).mean if large_enough else None,
        seconds,
    )
