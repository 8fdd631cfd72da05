"""Compares layers with a reference."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_vdsr.evaluation.planes import scaled_luminance
from napari_vdsr.images.stack import Stack
from napari_vdsr.layers.bicubic import bicubic_planes
from napari_vdsr.plugin.scoring.origin import Origin
from napari_vdsr.plugin.scoring.scores import Score, score_images
from napari_vdsr.plugin.scoring.settings import ScoreOptions
from napari_vdsr.plugin.scoring.snapshots import (
    Snapshot,
    check_pair,
    fingerprint,
    on_grid,
)
from napari_vdsr.plugin.scoring.work import ScoringWork

if TYPE_CHECKING:
    from napari.layers import Image
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Subject:
    """A layer that is compared, and what it was made of, if known."""

    image: Snapshot
    origin: Origin | None
    layer: Callable[[], "Image | None"] = lambda: None  # a weak reference


@dataclass(frozen=True, eq=False)
class Compared:
    """Score and error map of one layer."""

    score: Score
    # Image minus reference on the reference's full grid; NaN without overlap.
    error_map: "NDArray[np.float32] | None"


class Comparing(ScoringWork):
    """Scores layers against one reference."""

    def __init__(
        self,
        reference: Snapshot,
        subjects: Sequence[Subject],
        options: ScoreOptions,
    ) -> None:
        super().__init__()
        # Fingerprints of the pixels that were compared, the reference's first.
        self.marks: list[int | None] = []
        self.reference = reference
        self.subjects = subjects
        self.options = options

    def work(self) -> None:
        """Put a `Compared` for every layer into the results."""
        images = [self.reference, *(subject.image for subject in self.subjects)]
        self.marks = [fingerprint(image.data) for image in images]
        visits = sum(1 if each.origin is None else 2 for each in self.subjects)
        self.ticker.begin("Comparing", visits * prod(self.reference.shape[:-2]))
        for subject in self.subjects:
            score, pair = self._score(subject.image)
            if subject.origin is not None:
                score = replace(score, bicubic=self._bicubic(subject, subject.origin))
            self.ticker.check()
            self.results.append(Compared(score, self._error_map(subject, *pair)))

    def _score(self, image: Snapshot) -> tuple[Score, tuple[Stack, Stack]]:
        pair = on_grid(self.reference, image, self.ticker.check)
        score = score_images(image.name, *pair, self.options, self.ticker.update)
        return score, pair

    def _bicubic(self, subject: Subject, origin: Origin) -> Score:
        enlarged = bicubic_planes(origin.plan, origin.data, self.ticker.check)
        name = f"bicubic of {origin.source.name}"
        return self._score(replace(subject.image, name=name, data=enlarged))[0]

    def _error_map(
        self, subject: Subject, reference: Stack, image: Stack
    ) -> "NDArray[np.float32] | None":
        if not self.options.error_maps:
            return None
        full = np.full(self.reference.shape, np.nan, np.float32)
        part = full[check_pair(self.reference, subject.image).region]
        for index in np.ndindex(part.shape[:-2]):
            self.ticker.check()
            part[index] = self._grey(image[index]) - self._grey(reference[index])
        return full

    def _grey(self, plane: "NDArray[Any]") -> "NDArray[np.float64]":
        values = plane.astype(np.float64)
        if not self.reference.rgb:
            return values
        # The peak only shifts luminance, so differences do not depend on it.
        return scaled_luminance(values, 255.0)
