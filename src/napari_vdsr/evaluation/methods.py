"""Ways to enlarge an image that are scored against each other.

Every model stands beside enlargement without a network, which it has to beat.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import is_several
from napari_vdsr.evaluation.acquisition import resized
from napari_vdsr.evaluation.image_report import CAMERA, REDUCED
from napari_vdsr.evaluation.protocols import ScoringPair
from napari_vdsr.evaluation.psnr import measured
from napari_vdsr.imaging.geometry import Factor
from napari_vdsr.imaging.resample import Sampling
from napari_vdsr.options import RunOptions
from napari_vdsr.progress import Part, Progress
from napari_vdsr.zoo import DEFAULT_MODEL, Model, models

IN_FLOAT32 = RunOptions(precision="float32")
"""How images are scored: so that figures do not depend on the machine."""

Models = str | Path | Model | Sequence[str | Path | Model]

_SIGMAS = (0.3, 0.5, 0.75, 1.1, 1.6, 2.3, 3.3, 4.6)  # tried first, in coarse pixels
_STEPS = 8  # of the search between two of them


class Method:
    """A way to enlarge an image."""

    name = ""  # for tables and captions
    asked_for = False  # by the user; others are scored for comparison
    sampling: Sampling | None = None  # of images that it is made for; None for any

    def enlarge(self, pair: ScoringPair, progress: Progress | None) -> NDArray[Any]:
        """Enlarge the small image of the pair, rounded as the pair scores it."""
        raise NotImplementedError

    def serves(self, pair: ScoringPair) -> bool:
        """Whether it is made for the factor of the pair."""
        return True


class Baseline(Method):
    """An enlargement without a network, at every factor; `enlarged` does not round."""

    def __init__(
        self,
        name: str,
        enlarged: Callable[[ScoringPair, Progress | None], NDArray[Any]],
    ) -> None:
        self.name, self._enlarged = name, enlarged

    def enlarge(self, pair: ScoringPair, progress: Progress | None) -> NDArray[Any]:
        """Enlarge the small image of the pair, rounded as the pair scores it."""
        result = self._enlarged(pair, progress)
        if progress is not None:
            progress.update(pair.pixels)
        return pair.finished(result)


class Network(Method):
    """A model, run as `upscale` runs it."""

    def __init__(self, options: RunOptions, *, asked_for: bool = True) -> None:
        self._options = options.loaded()
        self._model = model = self._options.load()
        self.name = model.name
        self.asked_for = asked_for
        self.sampling = model.sampling
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
        from napari_vdsr.inference.enlarged_array import upscale_array

        options = replace(self._options, intensity_range=limits)
        result: NDArray[Any] = upscale_array(
            image, factor, options, rgb=rgb, progress=progress
        )
        return result

    def serves(self, pair: ScoringPair) -> bool:
        """Whether it is made for the factor of the pair; SRCNN knows only one."""
        return self._model.serves(pair.factors)


def _best_linear(pair: ScoringPair, progress: Progress | None) -> NDArray[np.float64]:
    """A Gaussian before the spline, its sigma fitted to the truth of each plane.

    A new image has no truth: this is the limit of what a linear blur can reach.
    """
    result = np.empty(pair.hr.shape)
    for index in np.ndindex(pair.stack):
        plane = replace(pair, hr=pair.hr[index], lr=pair.lr[index])

        def error_at(sigma: float, plane: ScoringPair = plane) -> float:
            if progress is not None:
                progress.update(0)  # may raise Cancelled
            enlarged = plane.finished(_blurred_and_splined(plane, sigma))
            report = measured(plane.beside(enlarged), fit=plane.fit)
            return (report.fitted or report).errors[0]

        result[index] = _blurred_and_splined(plane, best_sigma(error_at))
    return result


def best_sigma(error_at: Callable[[float], float]) -> float:
    """Find the sigma of least error, 0 included; the error falls and then rises."""
    from scipy.optimize import minimize_scalar

    tried = {0.0: error_at(0.0)}
    for sigma in _SIGMAS:
        tried[sigma] = error_at(sigma)
        if tried[sigma] > min(tried.values()):
            break
    best = min(tried, key=lambda sigma: tried[sigma])
    low = max((sigma for sigma in tried if sigma < best), default=0.0)
    high = min((sigma for sigma in tried if sigma > best), default=best)
    if high > low:
        options = {"maxiter": _STEPS, "xatol": 1e-3}
        found = minimize_scalar(
            error_at, bounds=(low, high), method="bounded", options=options
        )
        tried[float(found.x)] = float(found.fun)
    return min(tried, key=lambda sigma: tried[sigma])


def splined(
    image: NDArray[Any], shape: tuple[int, int], rgb: bool
) -> NDArray[np.float64]:
    """Enlarge Y and X to `shape` by cubic splines; outer edges stay where they are.

    The image is (..., Y, X[, 3]) and is mirrored at its borders.
    """
    from scipy.ndimage import zoom

    planes = np.moveaxis(image, -1, 0) if rgb else image
    leading, yx = planes.shape[:-2], planes.shape[-2:]
    factors = [new / old for new, old in zip(shape, yx, strict=True)]
    enlarged = np.empty((*leading, *shape))
    for index in np.ndindex(leading):
        plane = planes[index].astype(np.float64)
        enlarged[index] = zoom(plane, factors, order=3, mode="reflect", grid_mode=True)
    return np.moveaxis(enlarged, 0, -1) if rgb else enlarged


def _blurred_and_splined(pair: ScoringPair, sigma: float) -> NDArray[np.float64]:
    from scipy.ndimage import gaussian_filter

    sigmas = (0.0,) * len(pair.stack) + (sigma, sigma) + (0.0,) * pair.rgb
    low = gaussian_filter(pair.lr.astype(np.float64), sigmas, mode="reflect")
    return splined(low, pair.shape, pair.rgb)


BICUBIC = Baseline("bicubic", lambda pair, _: resized(pair.lr, pair.shape, pair.rgb))
SPLINE = Baseline("spline", lambda pair, _: splined(pair.lr, pair.shape, pair.rgb))
BEST_LINEAR = Baseline("best Gaussian + spline", _best_linear)
BASELINES = {each.name: each for each in (BICUBIC, SPLINE, BEST_LINEAR)}


def methods_for(
    model: Any,
    options: RunOptions,
    protocol: str,
    sampling: str | None = None,
) -> list[Method]:
    """Interpolation, SRCNN and every model asked for, with names that differ.

    Without a model it is the one that is meant for images reduced like this. SRCNN, the
    network that VDSR was first compared with, stands beside the others where its
    weights are on this machine; nothing is fetched for that.
    """
    if model is None:
        if protocol == "A" or sampling in ("reduced", "gaussian"):
            model = REDUCED
        else:
            model = CAMERA if sampling == "camera" else DEFAULT_MODEL
    asked: list[Any] = list(model) if is_several(model) else [model]
    baselines = [
        card.name
        for card in models()
        if card.architecture == "srcnn" and card.here and card.name not in asked
    ]
    methods: list[Method] = [*BASELINES.values()]
    for each in [*baselines, *asked]:
        network = Network(replace(options, model=each), asked_for=each not in baselines)
        same = sum(method.name.split(" (")[0] == network.name for method in methods)
        network.name += f" ({same + 1})" if same else ""
        methods.append(network)
    return methods
