"""Whether enlarging can add anything to an image, or would only add grain.

Fine detail shows in the power spectrum near the Nyquist frequency, the finest pattern
that the pixels can hold: stripes one pixel wide. White noise is a floor under the whole
spectrum, and is measured in its corners, where detail is rare.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_vdsr.errors import InputError, picked
from napari_vdsr.evaluation.history import ValueHistory, history_of
from napari_vdsr.evaluation.noise import NoiseEstimate, noise_of, unit_of
from napari_vdsr.images.open_any import Windows, windows_of
from napari_vdsr.images.stack import Stack, exact_origin, less
from napari_vdsr.imaging.intensities import FULL_RANGE, fill_gaps
from napari_vdsr.imaging.resample import Instrument

Verdict = Literal["oversampled", "noisy", "fine"]

# Found on public microscopy images and photographs, on the same ones enlarged,
# blurred and with noise added; tests check them.
_LITTLE_DETAIL = 0.005
_STEEP_FALL = 0.06
_MUCH_NOISE = 0.02
_MOSTLY_NOISE = 0.5

_SMALLEST = 32  # pixels
_GAPS = 0.05  # of a part; more NaN than that would change its spectrum
_GREEN = 1
_CORNER = 0.75  # of Nyquist, along both axes, from which there is hardly any detail
_BANDS = 40  # of the spectrum, from zero to Nyquist

_ADVICE: dict[Verdict, str] = {
    "oversampled": (
        "The pixels are finer than the detail in this image: at half the size it "
        "would look the same. Enlarging it cannot add detail; it only makes the file "
        "larger. If it was enlarged or blurred before, start from the original."
    ),
    "noisy": (
        "Much of the finest structure in this image is noise. A model that has not "
        "learnt noise will sharpen it and show it as grain: choose one for "
        "microscopes. A longer exposure or the mean of several frames helps more."
    ),
    "fine": (
        "This image holds detail as fine as its pixels, and noise does not hide it: "
        "it is a good candidate for enlarging."
    ),
}


@dataclass(frozen=True)
class SamplingReport:
    """How fine the detail of an image is, compared with its pixels.

    Attributes
    ----------
    frequencies : tuple of float
        Of the radial power spectrum; 1 is Nyquist, stripes one pixel wide.
    power : tuple of float
        Mean power at these frequencies, in squared units of the image.
    noise : float
        Standard deviation of the white noise, in units of the image.
    span : float
        From nearly the darkest to nearly the brightest value.
    detail : float
        Share of the structure's energy finer than half of Nyquist, noise taken
        off: what reducing the image to half its size would lose. 0 to 1.
    fall : float
        The energy from half of Nyquist to Nyquist relative to the octave below it.
    noise_share : float
        Share of noise in all energy between half of Nyquist and Nyquist, 0 to 1.
    estimate : NoiseEstimate, optional
        The noise at each brightness, where it could be told.
    """

    frequencies: tuple[float, ...]
    power: tuple[float, ...]
    noise: float
    span: float
    detail: float
    fall: float
    noise_share: float
    estimate: NoiseEstimate | None = None

    @property
    def noise_of_range(self) -> float:
        """Noise relative to the range, as `describe_image` states it."""
        if self.estimate is not None:
            return noise_of_range(self.estimate, self)
        return self.noise / self.span if self.span else 0.0

    @property
    def verdict(self) -> Verdict:
        """The result in a word."""
        if self.noise > _MUCH_NOISE * self.span and self.noise_share > _MOSTLY_NOISE:
            return "noisy"
        if self.detail < _LITTLE_DETAIL or self.fall < _STEEP_FALL:
            return "oversampled"
        return "fine"

    @property
    def advice(self) -> str:
        """The result as advice for the person at the microscope."""
        return _ADVICE[self.verdict]

    def to_text(self) -> str:
        """Write the report as lines for people."""
        sure = self.estimate is not None and self.estimate.sure
        return "\n".join(
            [
                f"sampling check: {self.verdict}",
                self.advice,
                f"finest detail (lost at half the size): {100 * self.detail:.2f} % of "
                "the structure's energy",
                f"noise: {'' if sure else 'at most '}{100 * self.noise_of_range:.2g} % "
                f"of the range from dark to bright; {100 * self.noise_share:.0f} % of "
                "the energy of the finest structure",
            ]
        )

    def to_json(self) -> dict[str, object]:
        """Give the report as numbers and words for JSON."""
        return picked(
            self,
            "verdict advice detail fall noise noise_share span frequencies power",
        )


def noise_of_range(noise: NoiseEstimate, sampling: SamplingReport | None) -> float:
    """Noise at mid intensity relative to the range; an upper limit if not sure.

    The corners of the spectrum, where detail is rare, give another upper limit.
    """
    span = noise.white - noise.offset
    if noise.sure or sampling is None or span <= 0:
        return noise.share
    return min(noise.sigma, sampling.noise) / span


Found = TypeVar("Found")


@dataclass(frozen=True)
class Findings:
    """What the values of an image tell; None for what is unknown."""

    noise: NoiseEstimate | None
    sampling: SamplingReport | None
    history: ValueHistory | None
    colour: bool
    instrument: Instrument | None = None
    pixels: int = 0
    unknown: tuple[str, ...] = ()

    @classmethod
    def of(cls, image: Any, axes: str | None, rgb: bool | None) -> Self:
        """Examine parts of an array, layer or file."""
        windows = windows_of(image, axes, rgb)
        unknown = list(windows.troubles)

        def told(what: str, look: Callable[[], Found]) -> Found | None:
            try:
                with np.errstate(over="raise", invalid="raise", divide="raise"):
                    return look()
            except (ArithmeticError, np.linalg.LinAlgError):
                unknown.append(f"{what}: its values are too large to compute with")
            except InputError as error:
                unknown.append(f"{what}: {error}")
            return None

        origin = exact_origin(*(Stack(part, windows.colour) for part in windows.parts))
        if origin:
            unknown.append(
                f"float64 cannot tell its values apart: they are given less {origin}"
            )
            near = [less(part, origin).astype(np.int64) for part in windows.parts]
            windows = windows._replace(parts=near)
        planes = windows.parts
        if windows.colour:  # measured values; luminance would mix three
            planes = [part[..., _GREEN] for part in windows.parts]
        history = noise = sampling = None
        if planes:
            history = told("nothing can be told", lambda: history_of(planes))
        if history is not None:
            noise = told("its noise cannot be told", lambda: noise_of(planes))
            sampling = told(
                "how fine its detail is cannot be told",
                lambda: _sampling(windows, noise),
            )
        return cls(
            noise=noise,
            sampling=sampling,
            history=history,
            colour=windows.colour,
            instrument=windows.instrument,
            pixels=sum(plane.size for plane in planes),
            unknown=tuple(unknown),
        )


def check_sampling(image: ArrayLike, *, rgb: bool | None = None) -> SamplingReport:
    """Check whether an image holds detail as fine as its pixels.

    It needs no reference and is no measure of quality: it says what can be expected
    of enlarging this image.

    Parameters
    ----------
    image : array of any real dtype, shape (..., Y, X[, S])
        At least 32 pixels in Y and X. Of large images and stacks, evenly spread parts
        are examined, as by `describe_image`; parts with more than a few NaN are
        ignored.
    rgb : bool, optional
        Whether the last axis holds colours. Needed where it has 3 or 4 pixels.

    Returns
    -------
    SamplingReport
        With a verdict and advice in plain words.

    Raises
    ------
    InputError
        When the image is too small or holds no usable part.
    """
    found = Findings.of(image, None, rgb)
    if found.sampling is None:
        raise InputError(found.unknown[-1])
    return found.sampling


def _sampling(windows: Windows, noise: NoiseEstimate | None) -> SamplingReport:
    """Check the luminance of parts of an image, without those with many NaN."""
    height, width = windows.plane_shape
    if min(height, width) < _SMALLEST:
        raise InputError(
            f"the image has {height} x {width} pixels, and {_SMALLEST} x {_SMALLEST} "
            "are the least"
        )
    parts = []
    for part in windows.parts:
        grey = part.astype(np.float64)
        if windows.colour:
            grey = grey @ np.array(FULL_RANGE)
        missing = np.isnan(grey).mean()
        if missing <= _GAPS and not np.isinf(grey).any():
            filled = fill_gaps(grey, max(grey.shape))[0] if missing else grey
            parts.append(np.asarray(filled))
    return replace(sampling_of(parts), estimate=noise)


def sampling_of(parts: Sequence[NDArray[np.float64]]) -> SamplingReport:
    """Check parts of an image, all of one shape (Y, X) and without NaN."""
    if not parts:
        raise InputError(
            "every part of the image holds NaN: fill or cut them off first"
        )
    unit = unit_of(parts)
    if unit == 1:
        return _sampling_of(parts)
    found = _sampling_of([part / unit for part in parts])
    with np.errstate(over="ignore", under="ignore"):  # it may have no float64
        power = np.nan_to_num(np.array(found.power) * unit * unit)
    return replace(
        found,
        noise=found.noise * unit,
        span=found.span * unit,
        power=tuple(power.tolist()),
    )


def _sampling_of(parts: Sequence[NDArray[np.float64]]) -> SamplingReport:
    spectra = [_power(part) for part in parts]
    # Of each by itself: the median of a mean of several is nearer to the mean.
    floor = float(np.mean([_floor(spectrum) for spectrum in spectra]))
    dark, bright = np.percentile(np.stack(parts), (0.2, 99.8))
    return _judged(np.mean(spectra, axis=0), floor, float(bright - dark))


def _floor(spectrum: NDArray[np.float64]) -> float:
    """Power of white noise, from the corners of the spectrum of one part."""
    fy, fx = (np.abs(np.fft.fftfreq(size)) for size in spectrum.shape)
    corner = spectrum[np.ix_(fy > _CORNER / 2, fx > _CORNER / 2)]
    # The power of noise is distributed exponentially: its median is ln 2 of its mean.
    return float(np.median(corner)) / math.log(2)


def _power(part: NDArray[np.float64]) -> NDArray[np.float64]:
    """Power spectrum of a part, with slopes removed and edges faded out."""
    y, x = (np.linspace(-1, 1, size) for size in part.shape)
    # Slopes across the part would pass for detail where its edges meet.
    flat = part - part.mean()
    flat = flat - np.outer(y, np.ones_like(x)) * (flat.mean(1) @ y) / (y @ y)
    flat = flat - np.outer(np.ones_like(y), x) * (flat.mean(0) @ x) / (x @ x)
    window = np.outer(*(np.hanning(size + 2)[1:-1] for size in part.shape))
    flat = (flat - (flat * window).sum() / window.sum()) * window
    power: NDArray[np.float64] = np.abs(np.fft.fft2(flat)) ** 2 / (window**2).sum()
    return power


def _judged(spectrum: NDArray[np.float64], floor: float, span: float) -> SamplingReport:
    """Measure detail above the floor of noise in a power spectrum."""
    fy, fx = (2 * np.abs(np.fft.fftfreq(size)) for size in spectrum.shape)
    band = (np.hypot(fy[:, None], fx[None]) * _BANDS).astype(int).ravel()
    count = np.bincount(band)[:_BANDS]
    energy = np.bincount(band, spectrum.ravel())[:_BANDS]
    structure = np.maximum(energy - floor * count, 0)
    half, quarter = _BANDS // 2, _BANDS // 4
    # Rounding errors of a constant image are no structure.
    whole = float(structure[1:].sum()) if span > 0 else 0.0
    fine, coarse = float(structure[half:].sum()), float(structure[quarter:half].sum())
    return SamplingReport(
        frequencies=tuple(((np.arange(_BANDS) + 0.5) / _BANDS).tolist()),
        power=tuple((energy / np.maximum(count, 1)).tolist()),
        noise=math.sqrt(floor) if span > 0 else 0.0,
        span=span,
        detail=fine / whole if whole else 0.0,
        fall=fine / coarse if coarse else 0.0,
        noise_share=min(1.0, floor * count[half:].sum() / energy[half:].sum())
        if span > 0 and energy[half:].any()
        else 0.0,
    )
