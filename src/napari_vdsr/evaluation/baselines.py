"""Enlargement without a network: what a model has to beat."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.evaluation.acquisition import resized
from napari_vdsr.evaluation.protocols import ScoringPair
from napari_vdsr.evaluation.psnr import measured
from napari_vdsr.imaging.sampling import Sampling
from napari_vdsr.progress import Progress

_SIGMAS = (0.3, 0.5, 0.75, 1.1, 1.6, 2.3, 3.3, 4.6)  # tried first, in coarse pixels
_STEPS = 8  # of the search between two of them


class Baseline:
    """An enlargement that stands beside every model, at every factor."""

    name = ""
    asked_for = False
    sampling: Sampling | None = None

    def enlarge(self, pair: ScoringPair, progress: Progress | None) -> NDArray[Any]:
        """Enlarge the small image of the pair, rounded as the pair scores it."""
        result = self.enlarged(pair, progress)
        if progress is not None:
            progress.update(pair.pixels)
        return pair.finished(result)

    def enlarged(self, pair: ScoringPair, progress: Progress | None) -> NDArray[Any]:
        """Enlarge, without rounding."""
        raise NotImplementedError

    def serves(self, pair: ScoringPair) -> bool:
        """Whether it can enlarge by the factor of the pair: always."""
        return True


class Bicubic(Baseline):
    """Bicubic interpolation."""

    name = "bicubic"

    def enlarged(self, pair: ScoringPair, progress: Progress | None) -> NDArray[Any]:
        """Enlarge, without rounding."""
        return resized(pair.lr, pair.shape, pair.rgb)


class Spline(Baseline):
    """Interpolation by cubic splines."""

    name = "spline"

    def enlarged(self, pair: ScoringPair, progress: Progress | None) -> NDArray[Any]:
        """Enlarge, without rounding."""
        return splined(pair.lr, pair.shape, pair.rgb)


class BestLinear(Baseline):
    """A Gaussian before the spline, its sigma fitted to the truth.

    A new image has no truth: this is the limit of what a linear blur can reach.
    """

    name = "best Gaussian + spline"

    def enlarged(self, pair: ScoringPair, progress: Progress | None) -> NDArray[Any]:
        """Enlarge, without rounding."""
        result = np.empty(pair.hr.shape)
        for index in np.ndindex(pair.stack):
            plane = replace(pair, hr=pair.hr[index], lr=pair.lr[index])
            result[index] = _best(plane, progress)
        return result


BASELINES = (Bicubic.name, Spline.name, BestLinear.name)


def _best(plane: ScoringPair, progress: Progress | None) -> NDArray[np.float64]:
    """The best enlargement of a single plane."""

    def error_at(sigma: float) -> float:
        if progress is not None:
            progress.update(0)  # may raise Cancelled
        return _error(plane, _blurred_and_splined(plane, sigma))

    return _blurred_and_splined(plane, best_sigma(error_at))


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

    def enlarged(plane: NDArray[Any]) -> NDArray[np.float64]:
        factors = [new / old for new, old in zip(shape, plane.shape, strict=True)]
        result: NDArray[np.float64] = zoom(
            plane.astype(np.float64), factors, order=3, mode="reflect", grid_mode=True
        )
        return result

    return _plane_by_plane(image, enlarged, rgb)


def _blurred_and_splined(pair: ScoringPair, sigma: float) -> NDArray[np.float64]:
    from scipy.ndimage import gaussian_filter

    def blurred(plane: NDArray[Any]) -> NDArray[np.float64]:
        result: NDArray[np.float64] = gaussian_filter(
            plane.astype(np.float64), sigma, mode="reflect"
        )
        return result

    low = _plane_by_plane(pair.lr, blurred, pair.rgb) if sigma else pair.lr
    return splined(low, pair.shape, pair.rgb)


def _error(pair: ScoringPair, enlarged: NDArray[Any]) -> float:
    """Mean squared error of a plane as it is scored; fitted for a real pair."""
    report = measured(pair.beside(pair.finished(enlarged)), fit=pair.fit)
    return (report.fitted or report).errors[0]


def _plane_by_plane(
    image: NDArray[Any], change: Callable[[NDArray[Any]], NDArray[Any]], rgb: bool
) -> NDArray[np.float64]:
    """Change every (Y, X) plane of every colour."""
    planes = np.moveaxis(image, -1, 0) if rgb else image
    leading, yx = planes.shape[:-2], planes.shape[-2:]
    changed = np.stack([change(plane) for plane in planes.reshape(-1, *yx)])
    changed = changed.reshape(*leading, *changed.shape[1:])
    return np.moveaxis(changed, 0, -1) if rgb else changed
