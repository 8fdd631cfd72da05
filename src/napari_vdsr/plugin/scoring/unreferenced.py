"""Checks of a layer without a reference."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_vdsr.errors import InputError
from napari_vdsr.evaluation.consistency import ConsistencyReport, consistency
from napari_vdsr.evaluation.description import describe_image
from napari_vdsr.evaluation.image_report import ImageReport
from napari_vdsr.evaluation.sampling import Verdict
from napari_vdsr.plugin.scoring.origin import Origin
from napari_vdsr.plugin.scoring.snapshots import Snapshot
from napari_vdsr.plugin.scoring.work import ScoringWork

if TYPE_CHECKING:
    from numpy.typing import NDArray


_VERDICTS: dict[Verdict, str] = {
    "oversampled": "Enlarging can add nothing here.",
    "noisy": "Noise hides the finest detail here.",
    "fine": "Enlarging can help here.",
}


@dataclass(frozen=True, eq=False)
class Consistency:
    """How well a result agrees with its source."""

    report: ConsistencyReport
    difference: "NDArray[np.float32]"  # (..., Y, X), the mean over colours
    first: tuple[int, ...]  # the source pixel at which the map starts


class CheckingConsistency(ScoringWork):
    """Reduces a result again and subtracts its source."""

    def __init__(self, result: Snapshot, origin: Origin) -> None:
        super().__init__()
        self.result = result
        self.origin = origin

    def work(self) -> None:
        """Put one `Consistency` into the results."""
        self.ticker.begin("Reducing the result")
        region = source_region(self.origin)
        rgb = self.result.rgb
        report = consistency(
            np.asarray(self.origin.data[region]),
            np.asarray(self.result.data),
            rgb=rgb,
        )
        difference = report.difference
        if rgb:
            difference = difference[..., :3].mean(axis=-1)
        self.ticker.check()
        first = tuple(part.start for part in region)
        self.results.append(Consistency(report, difference.astype(np.float32), first))


class CheckingSampling(ScoringWork):
    """Measures how fine the detail of a layer is."""

    def __init__(self, image: Snapshot) -> None:
        super().__init__()
        self.image = image

    def work(self) -> None:
        """Put one `ImageReport` into the results."""
        self.ticker.begin("Looking at the detail")
        report = describe_image(self.image.data, rgb=self.image.rgb)
        self.ticker.check()
        if report.sampling is None:
            raise InputError(report.unknown[-1])
        self.results.append(report)


def consistency_in_words(report: ConsistencyReport) -> tuple[str, str]:
    """A headline and an explanation."""
    share = 100 * report.relative
    headline = f"Differs from its source by {share:.2f} % of the range."
    text = (
        f"Reduced to the size of its source again, the result differs from it by "
        f"{report.rms:.3g} grey levels (root mean square), {report.largest:.3g} at "
        f"most; on the whole it is {_brighter(report)}. A small difference means "
        "that the result agrees with what was measured, not that its new detail is "
        "true: only a sharper image of the same sample can show that."
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


def _brighter(report: ConsistencyReport) -> str:
    bias = report.bias
    if abs(bias) <= 1e-4 * report.data_range.value:
        return "as bright"
    return f"{abs(bias):.2g} {'brighter' if bias > 0 else 'darker'}"


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
