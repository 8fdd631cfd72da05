"""How layers are compared and models scored, and how the forms show it."""

from dataclasses import dataclass
from typing import Any

from napari_vdsr.plugin.settings import Remembered, shown
from napari_vdsr.zoo import DEFAULT_MODEL

LUMINANCE, COLOURS = "luminance", "R, G, B"
OWN, NONE = "own", "none"


@dataclass(frozen=True)
class ScoreOptions(Remembered):
    """The settings of the comparison, apart from the layers."""

    data_range: float = shown(
        0.0,
        "Data range",
        "The full scale that errors are relative to. Empty: 255 for 8-bit images, 1 "
        "for numbers within 0 and 1, otherwise the reference's maximum minus its "
        "minimum. The reason is written below the table.",
        most=1e300,
        blank="from the data",
    )
    channels: str = shown(
        LUMINANCE,
        "Colours",
        "How colour images are compared: by their luminance (BT.601, studio swing), "
        "as papers do, or by R, G and B together. Grey images are compared as they "
        "are.",
        choices={name: name for name in (LUMINANCE, COLOURS)},
    )
    border: int = shown(
        0,
        "Border",
        "Pixels cut off at every side; papers cut off as many as the factor.",
        most=10_000,
    )
    fit: bool = shown(
        True,
        "fitted",
        "Also give the range-invariant PSNR: the image is first fitted to the "
        "reference by a factor and an offset, so that other contrast is no error.",
        row="Also",
    )
    error_maps: bool = shown(
        False,
        "error map",
        "Also add a layer of image minus reference: green where the image is too "
        "bright, pink where it is too dark, full colour at 10 % of the data range. "
        "The limits stay the same when the image changes.",
        beside=True,
    )
    live: bool = shown(
        True,
        "compare after each change",
        "Compare again whenever a compared layer or a field changes.",
    )

    @property
    def peak(self) -> float | None:
        """The data range; None to follow the data."""
        return self.data_range or None

    @property
    def luminance(self) -> bool:
        """Whether colours are compared by their luminance."""
        return self.channels == LUMINANCE


@dataclass(frozen=True)
class ModelOptions(Remembered):
    """The settings of scoring a model, apart from the layer."""

    factor: str = shown(
        "2",
        "Factor",
        "How much it is reduced and enlarged.",
        choices={"×2": "2", "×3": "3", "×4": "4"},
    )
    model: str = shown(
        DEFAULT_MODEL,
        "Model",
        "The network to score. It is fetched once when it is not here yet.",
        choices={},
    )
    taken: str = shown(
        OWN,
        "How were the images taken?",
        "How the small image is made. Scanner: points (confocal, two-photon, SEM). "
        "Camera: each pixel the mean over its area. By software: bicubic with "
        "antialiasing. A model gains most on images like those it was trained for.",
        choices={
            "as the model expects": OWN,
            "confocal or other scanner": "scanner",
            "camera": "camera",
            "reduced by software": "reduced",
        },
    )
    noise: str = shown(
        NONE,
        "Noise",
        "Shot noise added to the small image, never to the original. Weak and strong: "
        "2 and 6 grey levels of 255 at mid-grey. As in this image: as much as the "
        "image has itself; rather too much where detail looks like noise.",
        choices={
            "none": NONE,
            "as in this image": "estimated",
            "weak": "weak",
            "strong": "strong",
        },
    )

    @property
    def sampling(self) -> Any:
        """How the small image is made; None for as the model expects."""
        return None if self.taken == OWN else self.taken

    @property
    def added_noise(self) -> Any:
        """The noise of the small image; None for none."""
        return None if self.noise == NONE else self.noise


@dataclass(frozen=True)
class PsnrSettings(ScoreOptions, ModelOptions):
    """All that the panel remembers."""
