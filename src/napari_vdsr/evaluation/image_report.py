"""What is found out about an image before it is enlarged, in words."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from napari_vdsr.errors import picked
from napari_vdsr.evaluation.history import ValueHistory
from napari_vdsr.evaluation.noise import NoiseEstimate
from napari_vdsr.evaluation.sampling import Findings, SamplingReport, noise_of_range

REDUCED = "vdsr20"
"""For images without noise that software has made smaller."""
SCANNER = "vdsr20-scanner"
"""For confocal, two-photon, STED and scanning electron microscopes."""
CAMERA = "vdsr20-camera"
"""For microscopes with a camera."""

NOISY = 0.01
"""Noise at mid intensity, relative to the range, that a model has to know of: there
`vdsr20` begins to lose against a spline."""

_NEXT_TO_NONE = 5e-4  # of the range: an eighth of a grey level of 8 bits


class _Advice(NamedTuple):
    """Whether to enlarge an image, and with which model."""

    helps: bool | None  # whether enlarging can add anything; None if unknown
    models: tuple[str, ...]  # two if the instrument decides, none if nothing fits
    reason: str


@dataclass(frozen=True)
class ImageReport(Findings):
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
    def noisy(self) -> bool:
        """Whether a model has to know of its noise; False where it cannot be told."""
        noise, sampling = self.noise, self.sampling
        if sampling is not None and sampling.verdict == "noisy":
            return True
        if noise is None or not noise.sure:
            return False
        return noise_of_range(noise, sampling) >= NOISY

    @property
    def noise_in_short(self) -> str:
        """The noise in a few words, the same wherever it is shown."""
        noise = self.noise
        if noise is None:
            return "noise unknown"
        share = noise_of_range(noise, self.sampling)
        if share >= 1:
            return "hardly anything but noise"
        if share < _NEXT_TO_NONE:
            return "next to no noise"
        if not noise.sure:
            return f"noise at most {_percent(share)} of the range"
        electrons = noise.electrons_at_white
        photons = f", some {_rounded(electrons)} photons at white" if electrons else ""
        return f"noise {_percent(share)} of the range{photons}"

    @property
    def summary(self) -> str:
        """The report in one line."""
        parts = []
        if self._worth_telling and self.history is not None:
            parts = [self.noise_in_short, *_history_in_short(self.history)]
        return _sentence(" · ".join([*parts, self._advice_in_short]))

    def to_text(self) -> str:
        """Write the report as lines for people."""
        lines = []
        if self._worth_telling:
            if self.noise is not None:
                lines.append(_noise_at_length(self.noise, self.sampling))
            if self.sampling is not None:
                lines.append(self.sampling.advice)
        if self.history is not None:
            lines += [_sentence(each) + "." for each in self.history.remarks]
        lines += [_sentence(each) + "." for each in self.unknown]
        fitting = f" Fitting: {' or '.join(self.models)}." if self.models else ""
        return "\n".join([*lines, f"{_sentence(self.reason)}.{fitting}"])

    def to_json(self) -> dict[str, Any]:
        """Give the report as plain values for JSON."""
        sampling = self.sampling and self.sampling.to_json()
        if sampling:  # its curves are long
            del sampling["frequencies"], sampling["power"]
        return {
            **picked(self, "summary helps model models reason"),
            "noise": self.noise and self.noise.to_json(),
            "sampling": sampling,
            "history": self.history and self.history.to_json(),
            **picked(self, "colour instrument pixels unknown"),
        }

    @property
    def _advice(self) -> _Advice:
        """By the rules that the docstring of `describe_image` lists, in their order."""
        history, sampling = self.history, self.sampling
        if history is None:
            return _Advice(None, (), "nothing can be told from its values")
        if history.distinct < 2:
            return _Advice(False, (), "it is constant: there is nothing to enlarge")
        if history.like_labels:
            reason = (
                "it looks like a mask, labels or a drawing: enlarge it without "
                "interpolation instead"
            )
            return _Advice(False, (), reason)
        if sampling is None:
            return _Advice(None, (), "how fine its detail is cannot be told")
        if sampling.verdict == "oversampled":
            reason = (
                "the detail is coarser than the pixels already: enlarging adds pixels, "
                "not detail"
            )
            return _Advice(False, (), reason)
        noise = self.noise
        if self.noisy:
            return self._for_microscopes("it is noisy")
        if noise is None or noise_of_range(noise, sampling) >= NOISY:
            return self._for_microscopes("its noise cannot be told from fine detail")
        if not (self.colour or history.eight_bit):
            return self._for_microscopes("it is not a picture of 8 bits or in colour")
        kind = "a colour picture" if self.colour else "an 8-bit picture"
        return _Advice(True, (REDUCED,), f"{kind} with next to no noise")

    def _for_microscopes(self, why: str) -> _Advice:
        """A model that expects noise."""
        if self.instrument is None:
            reason = (
                f"{why}; whether a scanning microscope or a camera made it cannot be "
                "told from the pixels, so that you have to choose"
            )
            return _Advice(True, (SCANNER, CAMERA), reason)
        model = SCANNER if self.instrument == "scanner" else CAMERA
        reason = f"{why}, and its file says that it comes from a {self.instrument}"
        return _Advice(True, (model,), reason)

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


def _noise_at_length(noise: NoiseEstimate, sampling: SamplingReport | None) -> str:
    share = noise_of_range(noise, sampling)
    if not noise.sure:
        most = _percent(max(share, _NEXT_TO_NONE))
        return (
            f"Noise: at most {most} of the range at mid intensity. More cannot be "
            f"told: {'; '.join(noise.doubts)}."
        )
    y, x = noise.correlation
    return (
        f"Noise: {noise.sigma:.3g} grey levels at mid intensity, {_percent(share)} of "
        "the range; "
        f"variance = {noise.gain:.3g} x (signal - {noise.offset:.4g}) + "
        f"{noise.read_noise:.3g}²; neighbours correlate by {y:.2f} along Y and "
        f"{x:.2f} along X."
    )


def _history_in_short(history: ValueHistory) -> list[str]:
    said = {
        "saturated": history.saturated,
        "few values": history.eight_bit and history.bits > 8,
        "contrast was changed": history.comb,
        "was JPEG": history.was_jpeg,
    }
    return [words for words, holds in said.items() if holds]


def _percent(share: float) -> str:
    return f"{_rounded(100 * share)} %"


def _rounded(number: float) -> str:
    """Two digits, as people write them: 12,000 instead of 1.2e+04."""
    return f"{float(f'{number:.2g}'):,.10g}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def describe_image(
    image: Any, *, axes: str | None = None, rgb: bool | None = None
) -> ImageReport:
    """Describe an image before it is enlarged.

    Its noise, how fine its detail is compared with its pixels, what was done to it
    before, which model is meant for it and whether enlarging can help at all. It takes
    a few seconds at most: of large images and stacks, up to nine parts of 512 x 512
    pixels are examined; of colours, noise and values are those of green.

    The rules, of which the first that holds decides:

    1. Constant images and what looks like a mask, labels or a drawing: enlarging
       cannot help.
    2. The detail is coarser than the pixels already: enlarging adds pixels, not detail.
    3. Noise of 1 % of the range or more at mid intensity, noise that cannot be told
       from fine detail, or an image that is neither in colour nor of 8 bits: the models
       for microscopes, ``vdsr20-scanner`` and ``vdsr20-camera``. Which of the two is
       not in the pixels: OME metadata may tell, otherwise you have to choose.
    4. Other pictures, in colour or of 8 bits: ``vdsr20``, for images that software has
       made smaller.

    Parameters
    ----------
    image : napari Image layer, array, torch.Tensor or path
        Any real dtype; arrays of numpy, dask or zarr. Of a multiscale layer the finest
        level is taken.
    axes : str, optional
        As for `upscale`.
    rgb : bool, optional
        Whether the last axis holds colours. Needed for arrays whose last axis has 3 or
        4 pixels when `axes` is not given; files and layers know.

    Returns
    -------
    ImageReport
        With a line in `summary` and the model in `model`. What cannot be told of a
        constant, small, saturated or damaged image is said in `unknown`.

    Raises
    ------
    InputError
        When it is no image of real numbers, or the axes do not fit it.
    FileError
        When a file cannot be opened.

    Examples
    --------
    >>> import numpy as np
    >>> report = describe_image(np.full((64, 64), 7, dtype="uint8"))
    >>> report.helps, report.reason
    (False, 'it is constant: there is nothing to enlarge')
    """
    return ImageReport.of(image, axes, rgb)
