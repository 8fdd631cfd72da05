"""How the small image of a test is taken: sampling and noise."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import InputError
from napari_vdsr.evaluation.image_report import ImageReport, describe_image
from napari_vdsr.images.stack import Stack
from napari_vdsr.imaging.resample import SAMPLINGS, Sampling, resize, sample

Noise = float | Literal["weak", "strong", "estimated"]

# 2 and 6 grey levels of 255 at mid-grey.
NOISE_LEVELS: Mapping[str, float] = {
    name: 255 * 127.5 / sigma**2 for name, sigma in (("weak", 2), ("strong", 6))
}
_MOST = 1e12  # electrons at white; less noise than that is none
_FAINTEST = 1e-3  # of white: the noise of a black image cannot be stated like this


def check_noise(noise: Any) -> Noise | None:
    """Read a level of noise: electrons at white, "estimated", or None for none."""
    if noise is None:
        return None
    if isinstance(noise, str) and noise == "estimated":
        return "estimated"
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


SAMPLING_IN_WORDS: dict[Sampling, str] = {
    "scanner": (
        "points, as by confocal, two-photon or SEM: the truth is the 2 x 2 means of "
        "the image, a small pixel the 2 x 2 pixels of the image at its centre"
    ),
    "camera": "areas, as by a camera: a small pixel is the mean over its area",
    "reduced": "by software: antialiased bicubic, as in MATLAB's imresize",
    "gaussian": "by software: points behind a Gaussian, as scikit-image's resize",
}


@dataclass(frozen=True)
class Acquisition:
    """How the small image is taken; the values are checked."""

    sampling: Sampling = "reduced"
    noise: Noise | None = None  # electrons at white; "estimated": as in the image

    def __post_init__(self) -> None:
        given: Any = self.sampling
        if not (isinstance(given, str) and given in SAMPLINGS):
            raise InputError(
                f"sampling is {self.sampling!r}: choose {', '.join(SAMPLINGS)}, or "
                "leave it out for what the model was trained for"
            )
        object.__setattr__(self, "noise", check_noise(self.noise))

    @property
    def finer(self) -> int:
        """Pixels of the image, per axis, that make one pixel of the truth."""
        return 2 if self.sampling == "scanner" else 1

    def electrons(self, image: Stack, limits: tuple[float, float]) -> float | None:
        """Electrons at white for this image, from its middle plane; None for none."""
        if self.noise != "estimated":
            return None if self.noise is None else float(self.noise)
        stack = image.stack
        middle = np.unravel_index(prod(stack) // 2, stack) if stack else ()
        return noise_level(image[tuple(map(int, middle))], limits)

    def truth_of(self, image: NDArray[Any], rgb: bool) -> NDArray[Any]:
        """The image on the grid of the truth."""
        if self.finer == 1:
            return image
        return resized(image, _reduced(image, rgb, self.finer), rgb, "camera")

    def small_of(
        self, image: NDArray[Any], factor: int, rgb: bool
    ) -> NDArray[np.float64]:
        """The image on the coarse grid, without noise and not rounded.

        Y and X of the image have to be multiples of `factor` times `finer`.
        """
        shape = _reduced(image, rgb, factor * self.finer)
        return resized(image, shape, rgb, self.sampling)


def acquisitions_for(
    protocol: str,
    trades: Iterable[Sampling | None],
    sampling: Sampling | None,
    noise: Noise | None,
) -> list[Acquisition]:
    """The acquisition asked for, or one for each sampling that models are made for."""
    if protocol == "A":
        for name, value in (("sampling", sampling), ("noise", noise)):
            if value is not None:
                raise InputError(
                    f"{name} is {value!r}, but protocol A says how images are reduced: "
                    f"leave {name} out, or score with protocol 'direct'"
                )
        return [Acquisition()]
    if sampling is not None:
        return [Acquisition(sampling, noise)]
    return [Acquisition(kind or "reduced", noise) for kind in dict.fromkeys(trades)]


def with_noise(
    image: NDArray[Any],
    electrons: float | None,
    limits: tuple[float, float],
    rgb: bool,
    first: int,
) -> NDArray[Any]:
    """Add noise to every plane, seeded by its number; the first has number `first`."""
    if electrons is None:
        return image
    stack = image.shape[: -3 if rgb else -2]
    noisy = np.empty(image.shape)
    for number, index in enumerate(np.ndindex(stack), first):
        noisy[index] = add_shot_noise(image[index], electrons, limits, number)
    return noisy


def resized(
    image: NDArray[Any],
    shape: tuple[int, int],
    rgb: bool,
    sampling: Sampling | None = None,
) -> NDArray[np.float64]:
    """Resize Y and X to `shape`, bicubically or by sampling; nothing is clipped.

    The image is (..., Y, X), with `rgb` (..., Y, X, S).
    """
    planes = np.moveaxis(image, -1, 0) if rgb else image
    if sampling is None:
        new = resize(planes, shape)
    else:
        new = sample(planes, shape, sampling)
    return np.moveaxis(new, 0, -1) if rgb else new


def _reduced(image: NDArray[Any], rgb: bool, width: int) -> tuple[int, int]:
    """Sizes of Y and X where one pixel is made of each `width` pixels."""
    y, x = image.shape[-3:-1] if rgb else image.shape[-2:]
    return y // width, x // width
