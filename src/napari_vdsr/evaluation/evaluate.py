"""Scoring models on images whose truth is known."""

import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from math import fsum, prod
from typing import Any, NamedTuple

from napari_vdsr.errors import Cancelled, InputError, VdsrError, VdsrWarning
from napari_vdsr.evaluation.acquisition import Noise, acquisitions_for
from napari_vdsr.evaluation.compare import Outcome, outcomes_of
from napari_vdsr.evaluation.decibels import mean_decibels
from napari_vdsr.evaluation.grids import matched
from napari_vdsr.evaluation.methods import (
    IN_FLOAT32,
    Method,
    Models,
    default_model,
    methods_for,
)
from napari_vdsr.evaluation.protocols import (
    Protocol,
    ScoringPair,
    check_protocol,
    pairs_of,
    real_pairs,
)
from napari_vdsr.evaluation.report import Evaluation, Row
from napari_vdsr.images.find import Found, NamedImage, named, opened
from napari_vdsr.images.stack import check_image
from napari_vdsr.imaging.sampling import Sampling
from napari_vdsr.options import RunOptions
from napari_vdsr.plain_text import reason_beside
from napari_vdsr.progress import Part, Progress


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
    asked = list(factors) if isinstance(factors, Iterable) else [factors]
    for factor in asked:
        check_protocol(protocol, factor)
    model = default_model(protocol, sampling) if model is None else model
    methods = methods_for(model, options)
    trades = [each.sampling for each in methods if each.asked_for]
    ways = acquisitions_for(protocol, trades, sampling, noise)
    found = named(images)

    def pairs(image: NamedImage) -> Iterator[_Planes]:
        with opened(image.image, image.name, rgb) as stack:
            check_image(stack, image.name)
            for factor, way in product(asked, ways):
                planes = pairs_of(stack, factor, protocol, way)
                yield _Planes(prod(stack.stack), planes)

    jobs = [
        _Job(each.name, each.in_file, partial(pairs, each)) for each in found.images
    ]
    scoring = _Scoring(methods, len(asked) * len(ways), progress)
    return scoring.evaluation(jobs, [found], protocol, options)


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
    model = default_model("pairs", None) if model is None else model
    methods = methods_for(model, options)
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
            yield _Planes(prod(one.stack), real_pairs(one, other))

    jobs = [
        _Job(one.name, one.in_file or other.in_file, partial(pairs, one, other))
        for one, other in zip(highs, lows, strict=True)
    ]
    scoring = _Scoring(methods, 1, progress)
    return scoring.evaluation(jobs, [high_found, low_found], "pairs", options)


def _device(name: str) -> str:
    """The device that a name such as "auto" stands for."""
    from napari_vdsr.inference.device import resolve_device

    return str(resolve_device(name))


class _Planes(NamedTuple):
    """One image at one factor, plane by plane."""

    number: int
    pairs: Iterator[ScoringPair]


class _Job(NamedTuple):
    """One image at all factors."""

    name: str
    in_file: bool  # whether it has still to be read
    pairs: Callable[[], Iterator[_Planes]]


class _Scoring:
    """Runs all methods on all images and keeps the figures, not the images."""

    def __init__(
        self, methods: Sequence[Method], units: int, progress: Progress | None
    ) -> None:
        self._methods, self._units, self._progress = methods, units, progress
        self.left_out: list[tuple[str, str]] = []  # images and reasons
        self._unserved: set[tuple[str, float]] = set()  # methods and factors

    def evaluation(
        self,
        jobs: Sequence[_Job],
        found: Sequence[Found],
        protocol: Protocol,
        options: RunOptions,
    ) -> Evaluation:
        """Score images; of several, files that cannot be used are left out."""
        if not jobs or not self._units:
            raise InputError("there is no image or no factor to evaluate")
        for each in found:
            self.left_out += each.left_out
            for remark in each.remarks:
                _warn(remark)
        if self._progress is not None:
            self._progress.reset(len(jobs) * self._units)
        rows: list[Row] = []
        for job in jobs:
            try:
                rows += self._rows(job)
            except Cancelled:
                raise
            except (VdsrError, MemoryError) as error:
                if len(jobs) == 1 or not job.in_file:
                    raise
                self.left_out.append((job.name, reason_beside(job.name, error)))
        reasons = "; ".join(f"{name}: {reason}" for name, reason in self.left_out)
        if not rows and self.left_out:
            raise InputError(f"no image can be evaluated: {reasons}")
        if self.left_out:
            _warn(f"{len(self.left_out)} of the images are left out: {reasons}")
        for name, factor in sorted(self._unserved):
            _warn(f"{name} is left out at factor {factor:g}, for which it is not made")
        device = _device(options.device)
        left = tuple(self.left_out)
        return Evaluation(tuple(rows), protocol, device, options.precision, left)

    def _rows(self, job: _Job) -> list[Row]:
        rows: list[Row] = []
        progress = None if self._progress is None else _Counting(self._progress)
        try:
            for planes in job.pairs():
                found: dict[str, list[Row]] = {}
                for pair in planes.pairs:
                    for outcome in self._outcomes(pair, planes.number, progress):
                        row = _row(job.name, pair, outcome)
                        found.setdefault(row.method, []).append(row)
                rows += [_mean_of(each) for each in found.values()]
        finally:
            if progress is not None and not isinstance(sys.exception(), Cancelled):
                progress.update(max(0.0, self._units - progress.done))
        return rows

    def _outcomes(
        self, pair: ScoringPair, planes: int, progress: Progress | None
    ) -> Sequence[Outcome]:
        self._unserved |= {
            (method.name, max(pair.factors))
            for method in self._methods
            if method.asked_for and not method.serves(pair)
        }
        # A bar that counted those left out would never be full.
        serving = sum(method.serves(pair) for method in self._methods) * planes
        part = None if progress is None else Part(progress, pair.pixels * serving)
        return outcomes_of(pair, self._methods, part)


class _Counting:
    """Counts what a bar is told."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self.done = progress, 0.0

    def reset(self, total: float | None = None) -> None:
        """Go on where the bar is."""

    def update(self, n: float = 1) -> None:
        """Count `n` more units as done."""
        self.done += n
        self._progress.update(n)


def _warn(message: str) -> None:
    warnings.warn(message, VdsrWarning, stacklevel=5)


def _mean_of(planes: list[Row]) -> Row:
    """Merge the rows of an image's planes into one."""
    similar = [row.ssim for row in planes if row.ssim is not None]
    return replace(
        planes[0],
        psnr=mean_decibels([row.psnr for row in planes]),
        fitted_psnr=mean_decibels([row.fitted_psnr for row in planes]),
        ssim=sum(similar) / len(similar) if similar else None,
        pixels=sum(row.pixels for row in planes),
        seconds=fsum(row.seconds for row in planes),
    )


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
