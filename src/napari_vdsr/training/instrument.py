"""The instrument: its spot and its noise."""

import math
from dataclasses import dataclass
from typing import Any

from napari_vdsr.errors import (
    InputError,
    is_number,
    is_whole,
    plain_fields,
    require_positive,
)

_MOST = 1e9  # electrons at white; its noise is below the resolution of float32


@dataclass(frozen=True)
class CameraNoise:
    """What a camera adds to an image: shot noise of the light and read noise.

    Attributes
    ----------
    gain : float
        Electrons per count.
    offset : float
        Counts that the camera shows in the dark.
    read_noise : float
        Standard deviation of the read noise, in electrons.
    white : float, optional
        Electrons of the brightest value, for images whose counts mean nothing
        (8-bit pictures); `gain` and `offset` are then not used.
    """

    gain: float = 1.0
    offset: float = 0.0
    read_noise: float = 0.0
    white: float | None = None

    def __post_init__(self) -> None:
        plain_fields(self)
        require_positive("gain", self.gain)
        if self.white is not None:
            require_positive("white", self.white)
        numbers = is_number(self.offset) and is_number(self.read_noise)
        good = numbers and math.isfinite(self.offset)
        if not (good and 0 <= self.read_noise < math.inf):
            raise InputError(
                f"read_noise is {self.read_noise!r} and offset {self.offset!r}: give "
                "electrons from 0 upwards and a finite number of counts"
            )


@dataclass(frozen=True)
class BlindNoise:
    """Noise of unknown strength: drawn anew for every patch, from none to strong.

    A network without biases that has seen all strengths needs none to be entered:
    Mohan et al., "Robust and interpretable blind image denoising via bias-free
    convolutional neural networks", ICLR 2020, https://arxiv.org/abs/1906.05478.

    Attributes
    ----------
    white : tuple of float
        Least and most electrons of the brightest value; drawn so that each octave is
        as likely as any other.
    read_noise : tuple of float
        Least and most standard deviation of the read noise, in electrons.
    correlation : tuple of float
        Least and most correlation of the noise of neighbouring pixels, up to 0.5:
        detectors with a time constant and images that were interpolated have some.
    clean : float
        Part of the patches that get no noise, from 0 to 1.
    """

    white: tuple[float, float] = (15.0, 10_000.0)
    read_noise: tuple[float, float] = (0.0, 3.0)
    correlation: tuple[float, float] = (0.0, 0.2)
    clean: float = 0.25

    def __post_init__(self) -> None:
        plain_fields(self)
        _require_range("white, the electrons at white,", self.white, above=True)
        if self.white[1] > _MOST:
            raise InputError(
                f"white, the electrons at white, is {self.white}: {_MOST:.0e} at most; "
                "for none, leave the noise out"
            )
        _require_range("read_noise", self.read_noise)
        _require_range("correlation", self.correlation)
        if self.correlation[1] > 0.5:
            raise InputError(f"correlation is {self.correlation}: it is 0.5 at most")
        require_part("clean", self.clean)


@dataclass(frozen=True)
class Spot:
    """The spot of the instrument, a Gaussian that the fine and the coarse image share.

    A well-set instrument samples its spot finely, so that the fine image is smoother
    than photographs are. From such patches a network learns to take everything
    beyond the spot's band limit for noise.

    Attributes
    ----------
    sigma : tuple of float
        Least and most standard deviation, in pixels of the coarse image.
    share : float
        Part of the patches that are blurred by it, from 0 to 1.
    """

    sigma: tuple[float, float] = (0.15, 0.9)
    share: float = 0.7

    def __post_init__(self) -> None:
        plain_fields(self)
        _require_range("sigma of the spot", self.sigma)
        if self.sigma[1] > 10:
            raise InputError(
                f"sigma of the spot is {self.sigma}: 10 coarse pixels at most"
            )
        require_part("share of the spot", self.share)


def _require_range(name: str, values: Any, above: bool = False) -> None:
    good = (
        isinstance(values, tuple | list)
        and len(values) == 2
        and all(map(is_number, values))
        and 0 <= values[0] <= values[1] < math.inf
        and (values[0] > 0 or not above)
    )
    if not good:
        least = "above 0" if above else "from 0 upwards"
        raise InputError(
            f"{name} is {values!r}: give the least and the most, two numbers {least}, "
            "the smaller one first"
        )


def require_part(name: str, value: Any) -> None:
    """Raise `InputError` unless a setting is from 0 to 1."""
    if not (is_number(value) and 0 <= value <= 1):
        raise InputError(f"{name} is {value!r}: it is a part, from 0 to 1")


def require_count(name: str, value: int, least: int = 1) -> None:
    """Raise `InputError` unless a setting is a whole number from `least` upwards."""
    if not is_whole(value) or value < least:
        raise InputError(
            f"{name} is {value!r}: it must be a whole number from {least} upwards"
        )
