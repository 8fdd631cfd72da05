"""Shot noise for test images, its level stated in electrons at white."""

import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import InputError

Noise = float | Literal["weak", "strong", "estimated"]

# 2 and 6 grey levels of 255 at mid-grey.
NOISE_LEVELS: Mapping[str, float] = {
    name: 255 * 127.5 / sigma**2 for name, sigma in (("weak", 2), ("strong", 6))
}
_NORMAL = 0.6745  # median of the absolute value of a standard normal variable
_FAINTEST = 1e-3  # of white: the level of an image that is black is not known


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
    if not 0 <= electrons < math.inf:
        raise InputError(
            f"noise is {noise!r}: give the electrons that white stands for (900 is "
            "strong noise, 8000 weak, 0 none), or one of weak, strong, estimated"
        )
    return electrons or None


def noise_in_words(electrons: float | None) -> str:
    """A level in the two ways in which people state it."""
    if electrons is None:
        return "none"
    grey = 255 * math.sqrt(0.5 / electrons)
    return (
        f"{electrons:.0f} electrons at white (standard deviation {grey:.1f} of 255 at "
        "mid-grey)"
    )


def noise_level(plane: NDArray[Any], limits: tuple[float, float]) -> float | None:
    """Estimate the noise that a plane has itself: electrons at white, None for none.

    The plane is (Y, X) or (Y, X, 3), and `limits` are black and white. The standard
    deviation comes from the finest diagonal detail, of which an image has the least.
    """
    black, white = limits
    values = (plane.astype(np.float64) - black) / (white - black)
    y, x = (size // 2 * 2 for size in values.shape[:2])
    even, odd = values[0:y:2], values[1:y:2]
    diagonal = even[:, 0:x:2] - even[:, 1:x:2] - odd[:, 0:x:2] + odd[:, 1:x:2]
    sigma = float(np.median(np.abs(diagonal))) / 2 / _NORMAL
    mean = float(values.mean())
    return mean / sigma**2 if sigma and mean > _FAINTEST else None


def add_shot_noise(
    image: NDArray[Any],
    electrons: float,
    limits: tuple[float, float],
    seed: int,
) -> NDArray[np.float64]:
    """Count electrons: Poisson noise, the same for the same seed and shape.

    `limits` are black and white; below black there is no light.
    """
    black, white = limits
    gain = electrons / (white - black)  # electrons per count
    expected = ((image - black) * gain).clip(0)
    counted = np.random.default_rng(seed).poisson(expected)
    noisy: NDArray[np.float64] = counted / gain + black
    return noisy
