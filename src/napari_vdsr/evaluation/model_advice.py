"""Which model fits an image, and whether enlarging it can help at all."""

import re
from dataclasses import dataclass

from napari_vdsr.evaluation.history import ValueHistory
from napari_vdsr.evaluation.noise import NoiseEstimate
from napari_vdsr.evaluation.sampling import SamplingReport, noise_of_range
from napari_vdsr.imaging.sampling import Instrument

# https://www.openmicroscopy.org/Schemas/Documentation/Generated/OME-2016-06/ome_xsd.html
_SCANNERS = {
    "LaserScanningConfocalMicroscopy",
    "MultiPhotonMicroscopy",
    "SecondHarmonicGenerationImaging",
    "FluorescenceLifetime",
    "STED",
    "LCM",
}
_CAMERAS = {
    "WideField",
    "SpinningDiskConfocal",
    "TotalInternalReflection",
    "TIRF",
    "SPIM",
    "BrightField",
}
_MODE = re.compile(r"AcquisitionMode\s*=\s*[\"'](\w+)[\"']")


def instrument_of(ome: str | None) -> Instrument | None:
    """Read the instrument off the OME-XML of a file; None when it does not tell.

    >>> instrument_of('<Channel ID="Channel:0" AcquisitionMode="WideField"/>')
    'camera'
    """
    modes = set(_MODE.findall(ome or ""))
    if modes and modes <= _SCANNERS:
        return "scanner"
    return "camera" if modes and modes <= _CAMERAS else None


REDUCED = "vdsr20"
"""For images without noise that software has made smaller."""
SCANNER = "vdsr20-scanner"
"""For confocal, two-photon, STED and scanning electron microscopes."""
CAMERA = "vdsr20-camera"
"""For microscopes with a camera."""

NOISY = 0.01
"""Noise at mid intensity, relative to the range, that a model has to know of: there
`vdsr20` begins to lose against a spline."""


@dataclass(frozen=True)
class ModelAdvice:
    """Whether to enlarge an image, and with which model."""

    helps: bool | None  # whether enlarging can add anything; None if unknown
    models: tuple[str, ...]  # two if the instrument decides, none if nothing fits
    reason: str


def advise(
    noise: NoiseEstimate | None,
    sampling: SamplingReport | None,
    history: ValueHistory | None,
    colour: bool,
    instrument: Instrument | None,
) -> ModelAdvice:
    """Apply the rules that the docstring of `describe_image` lists, in their order."""
    if history is None:
        return ModelAdvice(None, (), "nothing can be told from its values")
    if history.distinct < 2:
        return ModelAdvice(False, (), "it is constant: there is nothing to enlarge")
    if history.like_labels:
        return ModelAdvice(
            False,
            (),
            "it looks like a mask, labels or a drawing: enlarge it without "
            "interpolation instead",
        )
    if sampling is None:
        return ModelAdvice(None, (), "how fine its detail is cannot be told")
    if sampling.verdict == "oversampled":
        return ModelAdvice(
            False,
            (),
            "the detail is coarser than the pixels already: enlarging adds pixels, not "
            "detail",
        )
    why = _why_microscope(noise, sampling, history, colour)
    if why:
        return _for_microscopes(why, instrument)
    kind = "a colour picture" if colour else "an 8-bit picture"
    return ModelAdvice(True, (REDUCED,), f"{kind} with next to no noise")


def _why_microscope(
    noise: NoiseEstimate | None,
    sampling: SamplingReport,
    history: ValueHistory,
    colour: bool,
) -> str:
    """Why a model has to expect noise; empty when it need not."""
    noisy = noise is None or noise_of_range(noise, sampling) >= NOISY
    if sampling.verdict == "noisy" or (noisy and noise is not None and noise.sure):
        return "it is noisy"
    if noisy:
        return "its noise cannot be told from fine detail"
    if not (colour or history.eight_bit):
        return "it is not a picture of 8 bits or in colour"
    return ""


def _for_microscopes(why: str, instrument: Instrument | None) -> ModelAdvice:
    if instrument is not None:
        model = SCANNER if instrument == "scanner" else CAMERA
        told = f"{why}, and its file says that it comes from a {instrument}"
        return ModelAdvice(True, (model,), told)
    return ModelAdvice(
        True,
        (SCANNER, CAMERA),
        f"{why}; whether a scanning microscope or a camera made it cannot be told from "
        "the pixels, so that you have to choose",
    )
