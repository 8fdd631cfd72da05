"""Scoring models on images whose truth is known."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import product
from math import fsum, prod
from typing import Any, NamedTuple

from napari_vdsr.errors import InputError, VdsrWarning
from napari_vdsr.evaluation.acquisition import Noise, acquisitions_for
from napari_vdsr.evaluation.compare import Outcome, outcomes_of
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
    pairs_of,
    real_pairs,
)
from napari_vdsr.evaluation.report import Evaluation, Row
from napari_vdsr.images.find import named, opened
from napari_vdsr.images.stack import check_image
from napari_vdsr.imaging.sampling import Sampling
from napari_vdsr.options import RunOptions
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
    model = default_model(protocol, sampling) if model is None else model
    methods = methods_for(model, options)
    trades = [each.sampling for each in methods if each.asked_for]
    ways = acquisitions_for(protocol, trades, sampling, noise)
    items = named(images).images

    def pairs() -> Iterator[_Image]:
        for name, image in items:
            with opened(image, name, rgb) as stack:
                check_image(stack, name)
                for factor, way in product(asked, ways):
                    planes = pairs_of(stack, factor, protocol, way)
                    yield _Image(name, prod(stack.stack), planes)

    rows = _scored(pairs, len(items) * len(asked) * len(ways), methods, progress)
    return Evaluation(rows, protocol, _device(options.device), options.precision)


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
    highs, lows = named(high).images, named(low).images
    if len(highs) != len(lows):
        raise InputError(
            f"{len(highs)} high-resolution and {len(lows)} low-resolution images: "
            "each needs its partner"
        )

    def pairs() -> Iterator[_Image]:
        for (name, truth), (low_name, image) in zip(highs, lows, strict=True):
            with opened(truth, name, rgb) as one, opened(image, low_name, rgb) as other:
                check_image(one, name)
                check_image(other, low_name)
                planes = real_pairs(one, other)
                yield _Image(name, prod(one.stack), planes)

    rows = _scored(pairs, len(highs), methods, progress)
    return Evaluation(rows, "pairs", _device(options.device), options.precision)


def _device(name: str) -> str:
    """The device that a name such as "auto" stands for."""
    from napari_vdsr.inference.device import resolve_device

    return str(resolve_device(name))


class _Image(NamedTuple):
    """One image at one factor, plane by plane."""

    name: str
    of: int  # planes in it
    planes: Iterator[ScoringPair]


def _scored(
    pairs: Callable[[], Iterator[_Image]],
    count: int,
    methods: Sequence[Method],
    progress: Progress | None,
) -> tuple[Row, ...]:
    """Run all methods on all pairs and keep the figures, not the images."""
    if not count:
        raise InputError("there is no image or no factor to evaluate")
    if progress is not None:
        progress.reset(count)
    rows = []
    left_out: set[tuple[str, float]] = set()
    for image in pairs():
        found: dict[str, list[Row]] = {}
        for pair in image.planes:
            left_out |= {
                (method.name, max(pair.factors))
                for method in methods
                if method.asked_for and not method.serves(pair)
            }
            # A bar that counted those left out would never be full.
            serving = sum(method.serves(pair) for method in methods) * image.of
            part = None if progress is None else Part(progress, pair.pixels * serving)
            for outcome in outcomes_of(pair, methods, part):
                row = _row(image.name, pair, outcome)
                found.setdefault(row.method, []).append(row)
        rows += [_mean_of(planes) for planes in found.values()]
    for name, factor in sorted(left_out):
        msg = f"{name} is left out at factor {factor:g}, for which it is not made"
        warnings.warn(msg, VdsrWarning, stacklevel=3)
    return tuple(rows)


def _mean_of(planes: list[Row]) -> Row:
    """Merge the rows of an image's planes into one."""
    similar = [row.ssim for row in planes if row.ssim is not None]
    return replace(
        planes[0],
        psnr=fsum(row.psnr for row in planes) / len(planes),
        fitted_psnr=fsum(row.fitted_psnr for row in planes) / len(planes),
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
