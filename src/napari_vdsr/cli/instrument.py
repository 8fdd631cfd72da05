"""Sampling, spot and noise as typed for `train`."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from napari_vdsr.errors import InputError
from napari_vdsr.training import BlindNoise, CameraNoise, Spot

_BLIND = {"blind_noise": "white", "read_noise": "read_noise", "clean": "clean"}

Noise = BlindNoise | CameraNoise | None


def parse_sampling(text: str) -> str | dict[str, float]:
    """Read "scanner" or "scanner=0.7,camera=0.3"."""
    if "=" not in text and "," not in text:
        return text.strip()
    shares: dict[str, float] = {}
    for part in text.split(","):
        name, _, share = part.partition("=")
        try:
            value = float(share)
        except ValueError:
            value = -1.0
        if value < 0 or name.strip() in shares:
            raise InputError(
                f"sampling is {text!r}: give one name, or each name once with its "
                "share, as in scanner=0.7,camera=0.3"
            )
        shares[name.strip()] = value
    return shares


def spot_of(sigma: tuple[float, float], usual: Spot | None) -> Spot | None:
    """The recipe's spot with other widths, or None for widths of zero."""
    return replace(usual or Spot(), sigma=sigma) if any(sigma) else None


def noise_of(given: Mapping[str, Any], usual: Noise) -> Noise:
    """The noise that options ask for, or that of the recipe without any.

    `given` may have ``noise`` (gain, offset, read noise), or ``blind_noise``,
    ``read_noise`` and ``clean``, which change the blind noise of the recipe.
    """
    blind = {name: given[option] for option, name in _BLIND.items() if option in given}
    if "noise" in given and blind:
        raise InputError(
            "--noise is for a camera that you know, --blind-noise, --read-noise and "
            "--clean are for noise of unknown strength: give the one or the others"
        )
    if "noise" in given:
        return CameraNoise(*given["noise"])
    if not blind:
        return usual
    before = usual if isinstance(usual, BlindNoise) else None
    if before is None and "white" not in blind:
        raise InputError(
            "--read-noise and --clean say more of --blind-noise: give that as well, "
            "or a recipe that has it, such as microscope"
        )
    made = replace(before or BlindNoise(), **blind)
    return None if made.clean == 1 else made
