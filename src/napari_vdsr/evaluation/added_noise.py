"""Shot noise for test images, its level stated in electrons at white."""

import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import InputError
from napari_vdsr.evaluation.description import describe_image
from napari_vdsr.evaluation.image_report import ImageReport

Noise = float | Literal["weak", "strong", "estimated"]

# 2 and 6 grey levels of 255 at mid-grey.
NOISE_LEVELS: Mapping[str, float] = {
    name: 255 * 127.5 / sigma**2 for name, sigma in (("weak", 2), ("strong", 6))
}
_MOST = 1e12  # electrons at white; less noise than that is none
_FAINTEST = 1e-3  # of white: the noise of a black image cannot be stated like this


def check_noise(noise: Any) -> Noise | None:
    """Read a level of noise: electrons at white, "estimated", or None for none."""
    if noise is None or noise == "estimated":
        return noise  # type: ignore[no-any-return]
    if isinstance(noise, str) and noise in NOISE_LEVELS:
        return NOISE_LEVELS[noise]
    try:
        electrons = math.nan if isinstance(noise, bool) else float(noise)
    except (TypeError, ValueError):
        electrons = math.nan
    if not 0 <= electrons <= _MOST:
        raise InputError(
            f"noise is {noise!r}: give the electrons that white stands for (900 is "
            "strong noise, 8000 weak, 0 none), or one of weak, strong, estimated"
        )
    return electrons or None


def noise_in_words(electrons: float | None) -> str:
    """A level of noise in electrons at white and in grey levels."""
    if electrons is None:
        return "none"
    grey = 255 * math.sqrt(0.5 / electrons)
    return (
        f"{electrons:.0f} electrons at white (standard deviation {grey:.1f} of 255 at "
        "mid-grey)"
    )


def noise_level(plane: NDArray[Any], limits: tuple[float, float]) -> float | None:
    """Estimate the noise of a plane: electrons at white, None for none.

    The plane is (Y, X) or (Y, X, 3), of which green counts, and `limits` are black and
    white. Shot noise of this level is as strong as the plane's noise at its mean
    brightness. Raises InputError when the noise cannot be told.
    """
    report = describe_image(plane, rgb=plane.ndim == 3)
    if report.history is not None and report.history.distinct < 2:
        return None
    black, white = limits
    values = plane[..., 1] if plane.ndim == 3 else plane
    mean = float(values.mean(dtype=np.float64))
    variance = _noise_at(report, mean) ** 2
    light = (mean - black) / (white - black)
    if not variance or light <= _FAINTEST:
        return None
    electrons = light * (white - black) ** 2 / variance
    return electrons if electrons <= _MOST else None


def _noise_at(report: ImageReport, signal: float) -> float:
    """Standard deviation at a signal; if not sure, the least of the upper limits."""
    noise, sampling = report.noise, report.sampling
    if noise is not None and noise.sure:
        return noise.sigma_at(signal)
    limits = [] if noise is None else [noise.sigma]
    limits += [] if sampling is None else [sampling.noise]
    if not limits:
        raise InputError(
            f"the noise cannot be estimated: {'; '.join(report.unknown)}; state it as "
            "electrons at white, weak or strong"
        )
    return min(limits)


def add_shot_noise(
    image: NDArray[Any],
    electrons: float,
    limits: tuple[float, float],
    seed: int,
) -> NDArray[np.float64]:
    """Add Poisson noise, the same for the same seed and shape.

    `limits` are black and white; below black there is no light.
    """
    black, white = limits
    gain = electrons / (white - black)  # electrons per count
    expected = ((image - black) * gain).clip(0)
    counted = np.random.default_rng(seed).poisson(expected)
    noisy: NDArray[np.float64] = counted / gain + black
    return noisy
