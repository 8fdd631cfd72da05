"""Ways to enlarge an image that are scored against each other."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.evaluation.baselines import BestLinear, Bicubic, Spline
from napari_vdsr.evaluation.image_report import CAMERA, REDUCED
from napari_vdsr.evaluation.protocols import ScoringPair
from napari_vdsr.imaging.geometry import Factor
from napari_vdsr.imaging.sampling import Sampling
from napari_vdsr.options import RunOptions
from napari_vdsr.progress import Part, Progress
from napari_vdsr.zoo import DEFAULT_MODEL, Model, models

IN_FLOAT32 = RunOptions(precision="float32")
"""How images are scored: so that figures do not depend on the machine."""

Models = str | Path | Model | Sequence[str | Path | Model]


class Method(Protocol):
    """A way to enlarge an image."""

    name: str  # for tables and captions
    asked_for: bool  # by the user; others are scored for comparison

    def enlarge(self, pair: ScoringPair, progress: Progress | None) -> NDArray[Any]:
        """Enlarge the small image of the pair, rounded as the pair scores it."""

    def serves(self, pair: ScoringPair) -> bool:
        """Whether it is made for the factor of the pair."""

    @property
    def sampling(self) -> Sampling | None:
        """The sampling of images that it is made for; None for any."""


class Network:
    """A model, run as `upscale` runs it."""

    def __init__(self, options: RunOptions, *, asked_for: bool = True) -> None:
        self._options = options.loaded()
        self._model = model = self._options.load()
        self.name = model.name
        self.asked_for = asked_for
        self.sampling: Sampling = model.sampling
        # Loading a model happens once and is no part of the time per image.
        factor = float(next(iter(model.only_factors), 2))
        self._run(np.zeros((16, 16), np.float32), factor, (0.0, 1.0), rgb=False)

    def enlarge(self, pair: ScoringPair, progress: Progress | None) -> NDArray[Any]:
        """Enlarge the small image of the pair, rounded as the pair scores it."""
        wants_colours = self._model.network.channels == 3
        colours = pair.colours if wants_colours else None
        result = self._run(
            pair.lr if colours is None else colours,
            pair.factors,
            pair.limits,
            rgb=pair.rgb or colours is not None,
            progress=None if progress is None else Part(progress),
        )
        return pair.finished(result, colours=colours is not None)

    def _run(
        self,
        image: NDArray[Any],
        factor: Factor,
        limits: tuple[float, float],
        *,
        rgb: bool,
        progress: Progress | None = None,
    ) -> NDArray[Any]:
        from napari_vdsr.inference.arrays import upscale_array

        options = replace(self._options, intensity_range=limits)
        result: NDArray[Any] = upscale_array(
            image, factor, options, rgb=rgb, progress=progress
        )
        return result

    def serves(self, pair: ScoringPair) -> bool:
        """Whether it is made for the factor of the pair; SRCNN knows only one."""
        return self._model.serves(pair.factors)


def default_model(protocol: str, sampling: str | None) -> str:
    """The model that is meant for images reduced like this."""
    if protocol == "A" or sampling in ("reduced", "gaussian"):
        return REDUCED
    return CAMERA if sampling == "camera" else DEFAULT_MODEL


def methods_for(model: Any, options: RunOptions) -> list[Method]:
    """Interpolation, SRCNN and every model asked for, with names that differ.

    SRCNN, the network that VDSR was first compared with, stands beside the others where
    its weights are on this machine; nothing is fetched for that.
    """
    several = isinstance(model, Iterable) and not isinstance(model, str)
    asked = list(model) if several else [model]
    baselines = [
        card.name
        for card in models()
        if card.architecture == "srcnn" and card.here and card.name not in asked
    ]
    methods: list[Method] = [Bicubic(), Spline(), BestLinear()]
    for each in [*baselines, *asked]:
        network = Network(replace(options, model=each), asked_for=each not in baselines)
        same = sum(method.name.split(" (")[0] == network.name for method in methods)
        network.name += f" ({same + 1})" if same else ""
        methods.append(network)
    return methods
