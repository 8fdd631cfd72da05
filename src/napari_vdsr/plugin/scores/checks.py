"""Checks of a layer without a reference, and what they say in words."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_vdsr.errors import InputError
from napari_vdsr.evaluation.consistency import ConsistencyReport, consistency
from napari_vdsr.evaluation.image_report import ImageReport, describe_image
from napari_vdsr.evaluation.sampling import Verdict, noise_of_range
from napari_vdsr.imaging.resample import resize
from napari_vdsr.layers.upscale import compute_plan
from napari_vdsr.options import RunOptions
from napari_vdsr.plugin.jobs import ready_upscaler
from napari_vdsr.plugin.scores.layers import Origin, Snapshot
from napari_vdsr.plugin.scores.work import ScoringWork
from napari_vdsr.plugin.settings import preferred

if TYPE_CHECKING:
    from numpy.typing import NDArray


_VERDICTS: dict[Verdict, str] = {
    "oversampled": "Enlarging can add nothing here.",
    "noisy": "Noise hides the finest detail here.",
    "fine": "Enlarging can help here.",
}


_FULL_COLOUR = 0.05  # of the data range: the difference shown in full colour


@dataclass(frozen=True, eq=False)
class Finding:
    """What a check has found."""

    headline: str
    text: str
    map: "NDArray[np.float32] | None" = None  # (..., Y, X)
    limit: float = 1.0  # of the map: what gets the deepest colour
    first: tuple[int, ...] = ()  # the pixel at which the map starts


class ResultJob(ScoringWork):
    """Checks a result, with the help of its source."""

    def __init__(self, result: Snapshot, origin: Origin) -> None:
        super().__init__()
        self.result, self.origin = result, origin

    def source(self) -> "tuple[NDArray[Any], tuple[int, ...]]":
        """The pixels that the result was made of, and the first of them."""
        self.ticker.begin("Reducing the result")
        region = source_region(self.origin)
        first = tuple(part.start for part in region)
        return np.asarray(self.origin.data[region]), first


class ConsistencyJob(ResultJob):
    """Reduces a result again and subtracts its source: a map on the source."""

    def work(self) -> None:
        """Put one `Finding` into the results."""
        source, first = self.source()
        rgb = self.result.rgb
        report = consistency(source, np.asarray(self.result.data), rgb=rgb)
        difference = report.difference
        if rgb:
            difference = difference.mean(axis=-1)
        self.ticker.check()
        words = consistency_in_words(report)
        limit = _FULL_COLOUR * report.data_range.value or 1.0
        self.results.append(
            Finding(*words, difference.astype(np.float32), limit, first)
        )


class SamplingJob(ScoringWork):
    """Measures how fine the detail of a layer is."""

    def __init__(self, image: Snapshot) -> None:
        super().__init__()
        self.image = image

    def work(self) -> None:
        """Put one `Finding` into the results."""
        self.ticker.begin("Looking at the detail")
        report = describe_image(self.image.data, rgb=self.image.rgb)
        self.ticker.check()
        if report.sampling is None:
            raise InputError(report.unknown[-1])
        self.results.append(Finding(*sampling_in_words(report)))


def consistency_in_words(report: ConsistencyReport) -> tuple[str, str]:
    """A headline and an explanation."""
    share, bias = 100 * report.relative, report.bias
    brighter = "as bright"
    if abs(bias) > 1e-4 * report.data_range.value:
        brighter = f"{abs(bias):.2g} {'brighter' if bias > 0 else 'darker'}"
    headline = f"Differs from its source by {share:.2f} % of the range."
    text = (
        f"Reduced to the size of its source again, the result differs from it by "
        f"{report.rms:.3g} grey levels (root mean square), {report.largest:.3g} at "
        f"most; on the whole it is {brighter}. The map is green where the result is "
        f"brighter and pink where it is darker, in full colour at "
        f"{100 * _FULL_COLOUR:g} % of the range. A small difference means that the "
        "result agrees with what was measured, not that its new detail is true: only "
        "a sharper image of the same sample can show that."
    )
    return headline, text


def sampling_in_words(report: ImageReport) -> tuple[str, str]:
    """A headline with the verdict, and an explanation."""
    sampling = report.sampling
    assert sampling is not None
    text = (
        f"{sampling.advice} (Finest detail: {100 * sampling.detail:.2f} % of all "
        f"structure; {report.noise_in_short}.)"
    )
    return _VERDICTS[sampling.verdict], text


def source_region(origin: Origin) -> tuple[slice, ...]:
    """The source pixels that the result was made of; InputError for parts of pixels."""
    parts: list[Any] = []
    plan = origin.plan
    for part, full, size in zip(
        plan.wanted, plan.full_shape, plan.level_shape, strict=True
    ):
        start, stop = part.start * size / full, part.stop * size / full
        if not (np.isclose(start, round(start)) and np.isclose(stop, round(stop))):
            raise InputError(
                "the result is a part whose edges lie within pixels of the source: "
                "enlarge the whole layer to check it"
            )
        parts.append(slice(round(start), round(stop)))
    return tuple(parts)


_TIMES = 3  # the noise: a difference beyond this is hardly ever noise alone
_LEAST = 0.02  # of the range: a good result may be off by so much at sharp edges


@dataclass(frozen=True, eq=False)
class Doubt:
    """How far each pixel of a result is off, as far as that shows.

    The unit is what may be off: three times the noise of the source there, or 2 % of
    the range where that is more. Where only a bound of the noise is known, it is that.
    """

    report: ConsistencyReport
    map: "NDArray[np.float32]"  # (..., Y, X) of the result
    spread: float  # mean over the image, in units of the data range
    seen: ImageReport  # in the source
    vague: bool = False  # it is made from a bound of the noise, which may be far less

    @property
    def share(self) -> float:
        """Part of the pixels that are off by more than may be."""
        return float((self.map > 1).sum() / max(1, np.isfinite(self.map).sum()))


def doubt_of(
    source: "NDArray[Any]", result: "NDArray[Any]", spread: "NDArray[Any]", rgb: bool
) -> Doubt:
    """Join what a result contradicts in its source with the spread of an ensemble.

    `spread` is on the pixels of the result.
    """
    report = consistency(source, result, rgb=rgb)
    seen = describe_image(source, rgb=rgb)
    noise = seen.noise
    off, signal = report.difference, (source[..., :3] if rgb else source)
    signal = signal + off
    if rgb:
        off, spread = np.abs(off).mean(-1), spread[..., :3].mean(-1)
        signal = signal[..., 1]  # green, of which the noise is
    full = report.data_range.value or 1.0
    limit, vague = np.full(off.shape, _LEAST * full), False
    if noise is not None and noise.share:
        # Of a noise that is only bounded, the spectrum often has a lower bound.
        lower = noise_of_range(noise, seen.sampling) / noise.share
        limit = np.fmax(limit, _TIMES * lower * noise.sigma_at(signal))
        vague = not noise.sure and bool(np.median(limit) > _LEAST * full)
    off = np.nan_to_num(off)  # resizing would spread a gap along its row and column
    # Linear: other kernels overshoot, and would be negative beside a large error.
    off, limit_there = (
        resize(each, spread.shape[-2:], kernel="bilinear")
        for each in (np.abs(off) / limit, limit)
    )
    joined = np.maximum(off, spread / limit_there).astype(np.float32)
    return Doubt(report, joined, float(np.nanmean(spread)) / full, seen, vague)


class DoubtJob(ResultJob):
    """Joins the consistency of a result with the spread of the ensemble.

    The model of the result enlarges the source once more in eight flips and turns.
    """

    def work(self) -> None:
        """Put one `Finding` into the results."""
        source, _ = self.source()
        origin, device = self.origin, preferred().get("device", "auto")
        options = RunOptions(origin.model, device=device, ensemble=True, spread=True)
        with self.the_device():
            self.ticker.begin("Loading the model")
            upscaler = ready_upscaler(options, origin.data, self.ticker)
            self.ticker.begin("Enlarging in eight flips and turns", origin.plan.pixels)
            _, spread = compute_plan(origin.plan, origin.data, upscaler, self.ticker)
        result = np.asarray(self.result.data)
        doubt = doubt_of(source, result, np.asarray(spread), self.result.rgb)
        self.results.append(Finding(*doubt_in_words(doubt), doubt.map, limit=2))


_VAGUE = (
    "How noisy the source is cannot be told well enough: the limit is made from the "
    "most that its noise can be, so that only large errors show. "
)


def doubt_in_words(doubt: Doubt) -> tuple[str, str]:
    """A headline and an explanation."""
    share = 100 * doubt.share
    if share < 0.05:
        headline = "Nothing here speaks against the result."
        if doubt.vague:
            headline = "This check can tell little of this image."
        where = "In less than 0.05 % of this image"
    else:
        headline = f"Do not believe {share:.1f} % of this image."
        where = "There"
    text = (
        f"{where} the result differs from its source, or from what the network makes "
        f"of the source when it is flipped or turned, by more than {_TIMES} times the "
        f"noise of the source, or {100 * _LEAST:g} % of the range where that is more. "
        f"On average these are {100 * doubt.report.relative:.2f} % and "
        f"{100 * doubt.spread:.2f} % of the range; {doubt.seen.noise_in_short}. "
        "In the map, 1 is that limit, and black is no difference. "
        f"{_VAGUE if doubt.vague else ''}"
        "What does not show here can be wrong, too: only a sharper image of the same "
        "sample can tell."
    )
    return headline, text
