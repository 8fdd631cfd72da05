"""Where not to believe a result: it contradicts its source, or the network itself."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_vdsr.evaluation.consistency import ConsistencyReport, consistency
from napari_vdsr.imaging.resample import resize
from napari_vdsr.layers.upscale import compute_plan
from napari_vdsr.options import RunOptions
from napari_vdsr.plugin.scoring.origin import Origin
from napari_vdsr.plugin.scoring.snapshots import Snapshot
from napari_vdsr.plugin.scoring.unreferenced import source_region
from napari_vdsr.plugin.scoring.work import ScoringWork
from napari_vdsr.plugin.upscalers import ready_upscaler

if TYPE_CHECKING:
    from numpy.typing import NDArray

LARGE = 0.02  # of the data range: more than this is not to be believed


@dataclass(frozen=True, eq=False)
class Doubt:
    """How far each pixel of a result can be off, as far as that shows."""

    report: ConsistencyReport
    map: "NDArray[np.float32]"  # (..., Y, X) of the result, in units of the data range
    spread: float  # mean over the image, in units of the data range

    @property
    def share(self) -> float:
        """Part of the pixels that are off by more than `LARGE`."""
        return float((self.map > LARGE).mean())


class FindingDoubt(ScoringWork):
    """Joins the consistency of a result with the spread of the ensemble.

    `model` enlarges the source once more in eight flips and turns.
    """

    def __init__(
        self, result: Snapshot, origin: Origin, model: str, device: str
    ) -> None:
        super().__init__()
        self.result, self.origin = result, origin
        self.options = RunOptions(model, device=device, ensemble=True, spread=True)

    def work(self) -> None:
        """Put one `Doubt` into the results."""
        self.ticker.begin("Reducing the result")
        region = source_region(self.origin)
        rgb = self.result.rgb
        image = np.asarray(self.result.data)
        report = consistency(np.asarray(self.origin.data[region]), image, rgb=rgb)
        plan = self.origin.plan
        with self.the_device():
            self.ticker.begin("Loading the model")
            upscaler = ready_upscaler(self.options, self.origin.data, self.ticker)
            self.ticker.begin("Enlarging in eight flips and turns", plan.pixels)
            _, spread = compute_plan(plan, self.origin.data, upscaler, self.ticker)
        full = report.data_range.value or 1.0
        off, spread = np.abs(report.difference) / full, np.asarray(spread) / full
        if rgb:
            off, spread = off[..., :3].mean(-1), spread[..., :3].mean(-1)
        # Linear: other kernels overshoot, and would be negative beside a large error.
        enlarged = resize(off, spread.shape[-2:], kernel="bilinear")
        joined = np.maximum(enlarged, spread).astype(np.float32)
        self.results.append(Doubt(report, joined, float(spread.mean())))


def doubt_in_words(doubt: Doubt) -> tuple[str, str]:
    """A headline and an explanation."""
    large = f"{100 * LARGE:g} %"
    share = 100 * doubt.share
    if share < 0.05:
        headline = "Nothing here speaks against the result."
    else:
        headline = f"Do not believe {share:.1f} % of this image."
    text = (
        f"There the result differs from its source, or from what the network makes of "
        f"the source when it is flipped or turned, by more than {large} of the range. "
        f"On average these are {100 * doubt.report.relative:.2f} % and "
        f"{100 * doubt.spread:.2f} %. What does not show here can be wrong, too: only "
        "a sharper image of the same sample can tell."
    )
    return headline, text
