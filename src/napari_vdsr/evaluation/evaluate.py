"""Scoring models on images whose truth is known: one with its results, or many."""

import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from math import prod
from typing import Any, NamedTuple

from numpy.typing import NDArray

from napari_vdsr.errors import (
    Cancelled,
    InputError,
    VdsrError,
    VdsrWarning,
    is_several,
    reason_beside,
)
from napari_vdsr.evaluation.acquisition import Acquisition, Noise, acquisitions_for
from napari_vdsr.evaluation.grids import matched
from napari_vdsr.evaluation.methods import (
    IN_FLOAT32,
    Method,
    Models,
    methods_for,
)
from napari_vdsr.evaluation.protocols import (
    Protocol,
    ScoringPair,
    check_protocol,
    pair_of,
    pairs_of,
    real_pairs,
)
from napari_vdsr.evaluation.psnr import SMALLEST, PsnrReport, measured, similarity
from napari_vdsr.evaluation.report import Evaluation, Row, averages
from napari_vdsr.images.find import Found, NamedImage, named
from napari_vdsr.images.open_any import opened
from napari_vdsr.images.stack import check_image
from napari_vdsr.imaging.resample import Sampling
from napari_vdsr.options import RunOptions
from napari_vdsr.progress import Part, Progress


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
    methods, ways = _methods_and_ways(model, options, protocol, sampling, noise)
    with opened(image, name, rgb) as stack:
        check_image(stack, name)
        pair = pair_of(stack, factor, protocol, ways[0])
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
        similarity(planes) if large_enough else None,
        seconds,
    )


def evaluate(
    images: Any,
    *,
    model: Models | None = None,
    factors: int | Sequence[int] = (2, 3, 4),
    protocol: Protocol | None = None,
    sampling: Sampling | None = None,
    noise: Noise | None = None,
    options: RunOptions = IN_FLOAT32,
    rgb: bool | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Reduce images, enlarge them again with models and score the results.

    This is `napari_vdsr.evaluate`. Images are read one at a time, plane by plane.
    """
    if protocol is None:  # protocol A has no choice of how images are taken
        protocol = "A" if sampling is None and noise is None else "direct"
    asked: list[Any] = list(factors) if is_several(factors) else [factors]
    for factor in asked:
        check_protocol(protocol, factor)
    methods, ways = _methods_and_ways(model, options, protocol, sampling, noise)
    found = named(images)

    def pairs(image: NamedImage) -> Iterator[_Planes]:
        with opened(image.image, image.name, rgb) as stack:
            check_image(stack, image.name)
            for factor, way in product(asked, ways):
                yield prod(stack.stack), pairs_of(stack, factor, protocol, way)

    jobs = [
        _Job(each.name, each.in_file, partial(pairs, each)) for each in found.images
    ]
    units = len(asked) * len(ways)
    return _evaluation(jobs, [found], methods, units, protocol, options, progress)


def evaluate_pairs(
    high: Any,
    low: Any,
    *,
    model: Models | None = None,
    options: RunOptions = IN_FLOAT32,
    rgb: bool | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Score models on real pairs of high- and low-resolution images.

    As many of each, in the same order; nothing is reduced, and the factor is the ratio
    of their sizes. The range-invariant PSNR stands beside the plain one, since cameras
    and exposures differ. All else as for `evaluate`; raises InputError when the images
    do not make pairs.
    """
    methods = methods_for(model, options, "pairs")
    high_found, low_found = named(high), named(low)
    highs, lows = high_found.images, low_found.images
    if len(highs) != len(lows):
        raise InputError(
            f"{len(highs)} high-resolution and {len(lows)} low-resolution images: "
            "each needs its partner"
        )

    def pairs(truth: NamedImage, image: NamedImage) -> Iterator[_Planes]:
        with (
            opened(truth.image, truth.name, rgb) as one,
            opened(image.image, image.name, rgb) as other,
        ):
            check_image(one, truth.name)
            check_image(other, image.name)
            one, other = matched(one, other)
            yield prod(one.stack), real_pairs(one, other)

    jobs = [
        _Job(one.name, one.in_file or other.in_file, partial(pairs, one, other))
        for one, other in zip(highs, lows, strict=True)
    ]
    found = [high_found, low_found]
    return _evaluation(jobs, found, methods, 1, "pairs", options, progress)


def _methods_and_ways(
    model: Models | None,
    options: RunOptions,
    protocol: Protocol,
    sampling: Sampling | None,
    noise: Noise | None,
) -> tuple[list[Method], list[Acquisition]]:
    """What is scored, and how the small images are taken for it."""
    methods = methods_for(model, options, protocol, sampling)
    trades = [each.sampling for each in methods if each.asked_for]
    return methods, acquisitions_for(protocol, trades, sampling, noise)


_Planes = tuple[int, Iterator[ScoringPair]]
"""One image at one factor: the number of its planes, and each of them."""


class _Job(NamedTuple):
    """One image at all factors."""

    name: str
    in_file: bool  # whether it has still to be read
    pairs: Callable[[], Iterator[_Planes]]


def _evaluation(
    jobs: Sequence[_Job],
    found: Sequence[Found],
    methods: Sequence[Method],
    units: int,
    protocol: Protocol,
    options: RunOptions,
    progress: Progress | None,
) -> Evaluation:
    """Score images; of several, files that cannot be used are left out."""
    from napari_vdsr.inference.engine import usable_device

    if not jobs or not units:
        raise InputError("there is no image or no factor to evaluate")
    left_out = [image for each in found for image in each.left_out]
    for remark in (remark for each in found for remark in each.remarks):
        _warn(remark)
    if progress is not None:
        progress.reset(len(jobs) * units)
    rows: list[Row] = []
    unserved: set[tuple[str, float]] = set()  # methods and factors
    for job in jobs:
        try:
            rows += _rows(job, methods, units, unserved, progress)
        except Cancelled:
            raise
        except (VdsrError, MemoryError) as error:
            if len(jobs) == 1 or not job.in_file:
                raise
            left_out.append((job.name, reason_beside(job.name, error)))
    reasons = "; ".join(f"{name}: {reason}" for name, reason in left_out)
    if not rows and left_out:
        raise InputError(f"no image can be evaluated: {reasons}")
    if left_out:
        _warn(f"{len(left_out)} of the images are left out: {reasons}")
    for name, factor in sorted(unserved):
        _warn(f"{name} is left out at factor {factor:g}, for which it is not made")
    device = str(usable_device(options.device))
    return Evaluation(tuple(rows), protocol, device, options.precision, tuple(left_out))


def _rows(
    job: _Job,
    methods: Sequence[Method],
    units: int,
    unserved: set[tuple[str, float]],
    progress: Progress | None,
) -> list[Row]:
    """Run all methods on an image, and keep the figures, not the images."""
    rows: list[Row] = []
    bar = None if progress is None else Part(progress)
    try:
        for count, pairs in job.pairs():
            found: dict[str, list[Row]] = {}
            for pair in pairs:
                serving = [method for method in methods if method.serves(pair)]
                unserved |= {
                    (method.name, max(pair.factors))
                    for method in methods
                    if method.asked_for and method not in serving
                }
                # A bar that counted those left out would never be full.
                pixels = pair.pixels * len(serving) * count
                part = None if bar is None else Part(bar, pixels)
                for outcome in outcomes_of(pair, serving, part):
                    row = _row(job.name, pair, outcome)
                    found.setdefault(row.method, []).append(row)
            rows += [
                replace(
                    planes[0],
                    pixels=sum(row.pixels for row in planes),
                    **averages(planes),
                )
                for planes in found.values()
            ]
    finally:
        if bar is not None and not isinstance(sys.exception(), Cancelled):
            bar.update(max(0.0, units - bar.done))
    return rows


def _warn(message: str) -> None:
    warnings.warn(message, VdsrWarning, stacklevel=5)


def _row(name: str, pair: ScoringPair, outcome: Outcome) -> Row:
    fitted = outcome.psnr.fitted
    assert fitted is not None
    return Row(
        image=name,
        factor=round((pair.factors[0] * pair.factors[1]) ** 0.5, 3),
        method=outcome.method,
        psnr=outcome.psnr.mean,
        fitted_psnr=fitted.mean,
        ssim=outcome.ssim,
        data_range=pair.data_range,
        pixels=pair.pixels,
        seconds=outcome.seconds,
        sampling=pair.sampling,
        noise=pair.electrons,
    )
