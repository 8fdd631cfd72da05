"""What is found out about an image before it is enlarged, in words."""

import re
from dataclasses import dataclass
from typing import Any

from napari_vdsr.evaluation.detail import SamplingReport, noise_of_range
from napari_vdsr.evaluation.history import ValueHistory
from napari_vdsr.evaluation.noise import NoiseEstimate
from napari_vdsr.imaging.resample import Instrument

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


_NEXT_TO_NONE = 5e-4  # of the range: an eighth of a grey level of 8 bits


@dataclass(frozen=True)
class ImageReport:
    """What is found out about an image before it is enlarged.

    Attributes
    ----------
    noise : NoiseEstimate, optional
        How noisy it is; None when unknown.
    sampling : SamplingReport, optional
        How fine its detail is, compared with its pixels; None when unknown.
    history : ValueHistory, optional
        Saturation, 8-bit history and JPEG; None when no pixel has a value.
    colour : bool
        Whether it holds colours.
    instrument : {"scanner", "camera"}, optional
        What its file says of the microscope.
    pixels : int
        How many pixels were examined.
    unknown : tuple of str
        What could not be found out, and why.
    """

    noise: NoiseEstimate | None
    sampling: SamplingReport | None
    history: ValueHistory | None
    colour: bool
    instrument: Instrument | None = None
    pixels: int = 0
    unknown: tuple[str, ...] = ()

    @property
    def helps(self) -> bool | None:
        """Whether enlarging can add anything; None when unknown."""
        return self._advice.helps

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the models that fit; two when the instrument decides."""
        return self._advice.models

    @property
    def model(self) -> str | None:
        """Name of the model that fits; None unless there is just one."""
        return self.models[0] if len(self.models) == 1 else None

    @property
    def reason(self) -> str:
        """Why that model, or why none."""
        return self._advice.reason

    @property
    def noise_in_short(self) -> str:
        """The noise in a few words, the same wherever it is shown."""
        return _noise_in_short(self.noise, self.sampling)

    @property
    def summary(self) -> str:
        """The report in one line."""
        parts = [self.noise_in_short] if self._worth_telling else []
        if self.history is not None:
            parts += _history_in_short(self.history)
        return _sentence(" · ".join([*parts, self._advice_in_short]))

    def to_text(self) -> str:
        """Write the report as lines for people."""
        lines = []
        if self._worth_telling:
            if self.noise is not None:
                lines += _noise_at_length(self.noise, self.sampling)
            lines += [self.sampling.advice] if self.sampling else []
        if self.history is not None:
            lines += [_sentence(each) + "." for each in self.history.remarks]
        lines += [_sentence(each) + "." for each in self.unknown]
        fitting = f" Fitting: {' or '.join(self.models)}." if self.models else ""
        return "\n".join([*lines, f"{_sentence(self.reason)}.{fitting}"])

    def to_json(self) -> dict[str, Any]:
        """Give the report as plain values for JSON."""
        sampling = self.sampling and self.sampling.to_json()
        for curve in ("frequencies", "power"):
            if sampling:
                sampling.pop(curve)
        return {
            "summary": self.summary,
            "helps": self.helps,
            "model": self.model,
            "models": list(self.models),
            "reason": self.reason,
            "noise": self.noise and self.noise.to_json(),
            "sampling": sampling,
            "history": self.history and self.history.to_json(),
            "colour": self.colour,
            "instrument": self.instrument,
            "pixels": self.pixels,
            "unknown": list(self.unknown),
        }

    @property
    def _advice(self) -> ModelAdvice:
        return advise(
            self.noise, self.sampling, self.history, self.colour, self.instrument
        )

    @property
    def _worth_telling(self) -> bool:
        """Whether noise and detail mean anything: in labels they do not."""
        return self.history is not None and not self.history.like_labels

    @property
    def _advice_in_short(self) -> str:
        if self.models:
            return f"fits {' or '.join(self.models)}"
        if self.helps is None and self.unknown:
            return self.unknown[-1]
        return self.reason


def _noise_in_short(
    noise: NoiseEstimate | None, sampling: SamplingReport | None
) -> str:
    if noise is None:
        return "noise unknown"
    share = noise_of_range(noise, sampling)
    if share >= 1:
        return "hardly anything but noise"
    if share < _NEXT_TO_NONE:
        return "next to no noise"
    if not noise.sure:
        return f"noise at most {_percent(share)} of the range"
    electrons = noise.electrons_at_white
    photons = f", some {_rounded(electrons)} photons at white" if electrons else ""
    return f"noise {_percent(share)} of the range{photons}"


def _noise_at_length(
    noise: NoiseEstimate, sampling: SamplingReport | None
) -> list[str]:
    share = _percent(noise_of_range(noise, sampling))
    if not noise.sure:
        return [
            f"Noise: at most {share} of the range at mid intensity. More cannot be "
            f"told: {'; '.join(noise.doubts)}."
        ]
    y, x = noise.correlation
    return [
        f"Noise: {noise.sigma:.3g} grey levels at mid intensity, {share} of the range; "
        f"variance = {noise.gain:.3g} x (signal - {noise.offset:.4g}) + "
        f"{noise.read_noise:.3g}²; neighbours correlate by {y:.2f} along Y and "
        f"{x:.2f} along X."
    ]


def _history_in_short(history: ValueHistory) -> list[str]:
    said = {
        "saturated": history.saturated,
        "few values": history.eight_bit and history.bits > 8,
        "contrast was changed": history.comb,
        "was JPEG": history.was_jpeg,
    }
    return (
        [] if history.like_labels else [words for words, holds in said.items() if holds]
    )


def _percent(share: float) -> str:
    return f"{_rounded(100 * share)} %"


def _rounded(number: float) -> str:
    """Two digits, as people write them: 12,000 instead of 1.2e+04."""
    return f"{float(f'{number:.2g}'):,.10g}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
