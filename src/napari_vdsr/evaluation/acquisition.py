"""How the small image of a test is taken: sampling and noise."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import InputError
from napari_vdsr.evaluation.added_noise import (
    Noise,
    add_shot_noise,
    check_noise,
    noise_level,
)
from napari_vdsr.images.stack import Stack
from napari_vdsr.imaging.resample import resize
from napari_vdsr.imaging.sampling import SAMPLINGS, Sampling, sampling_rows

_BLOCK = 256  # coarse pixels made at a time, to keep the weight matrices small
_REACH = 6  # coarse pixels beside a block that it may depend on

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
        if self.sampling not in SAMPLINGS:
            raise InputError(
                f"sampling is {self.sampling!r}: choose {', '.join(SAMPLINGS)}, or "
                "leave it out for what the model was trained for"
            )
        object.__setattr__(self, "noise", check_noise(self.noise))

    @property
    def finer(self) -> int:
        """Pixels of the image, per axis, that make one pixel of the truth."""
        return 2 if self.sampling == "scanner" else 1

    def electrons(
        self, image: Stack | NDArray[Any], rgb: bool, limits: tuple[float, float]
    ) -> float | None:
        """Electrons at white for this image, from its middle plane; None for none."""
        if self.noise != "estimated":
            return None if self.noise is None else float(self.noise)
        stack = image.shape[: -3 if rgb else -2]
        middle = np.unravel_index(prod(stack) // 2, stack) if stack else ()
        return noise_level(image[tuple(map(int, middle))], limits)

    def truth_of(self, image: NDArray[Any], rgb: bool) -> NDArray[Any]:
        """The image on the grid of the truth."""
        return image if self.finer == 1 else _sampled(image, 2, "camera", rgb)

    def small_of(
        self, image: NDArray[Any], factor: int, rgb: bool
    ) -> NDArray[np.float64]:
        """The image on the coarse grid, without noise and not rounded.

        Y and X of the image have to be multiples of `factor` times `finer`.
        """
        if self.sampling != "reduced":
            return _sampled(image, factor * self.finer, self.sampling, rgb)
        y, x = image.shape[-3:-1] if rgb else image.shape[-2:]
        return resized(image, (y // factor, x // factor), rgb)


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
    kinds = dict.fromkeys(trades) if sampling is None else [sampling]
    return [Acquisition(kind or "reduced", noise) for kind in kinds]


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
    image: NDArray[Any], shape: tuple[int, int], rgb: bool
) -> NDArray[np.float64]:
    """Resize Y and X to `shape` bicubically; nothing is rounded or clipped.

    The image is (..., Y, X), with `rgb` (..., Y, X, S).
    """
    if not rgb:
        return resize(image, shape)
    return np.moveaxis(resize(np.moveaxis(image, -1, 0), shape), 0, -1)


def _sampled(
    image: NDArray[Any], width: int, sampling: Sampling, rgb: bool
) -> NDArray[np.float64]:
    """Make one pixel of each `width` pixels in Y and X."""
    result = np.asarray(image, dtype=np.float64)
    first = -3 if rgb else -2
    for axis in (first, first + 1):
        moved = np.moveaxis(result, axis, -1)
        coarse = moved.shape[-1] // width
        blocks = [
            _sampled_block(moved, width, sampling, start, min(start + _BLOCK, coarse))
            for start in range(0, coarse, _BLOCK)
        ]
        result = np.moveaxis(np.concatenate(blocks, axis=-1), -1, axis)
    return result


def _sampled_block(
    image: NDArray[np.float64], width: int, sampling: Sampling, start: int, stop: int
) -> NDArray[np.float64]:
    """Coarse pixels `start` to `stop` of the last axis, from the pixels they need."""
    first, last = max(0, start - _REACH), stop + _REACH
    part = image[..., first * width : last * width]
    rows = sampling_rows(part.shape[-1], part.shape[-1] // width, sampling)
    weights = rows.weights[start - first : stop - first]
    block: NDArray[np.float64] = part[..., rows.source] @ weights.T
    return block
