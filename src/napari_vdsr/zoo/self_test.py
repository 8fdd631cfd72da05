"""Whether a model from elsewhere does better here than bicubic interpolation."""

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.imaging.resample import resize
from napari_vdsr.zoo.registry import factors_in

if TYPE_CHECKING:
    from napari_vdsr.zoo.model import Model

_EDGE = 96  # pixels
_BORDER = 8  # pixels that are not compared
_FACTORS = (2, 3, 4)
_MOST_WEIGHTS = 5_000_000  # a network of 20 layers has 665,000; more take minutes

Image = NDArray[np.floating[Any]]


def fault_of(model: "Model") -> str | None:
    """What to tell of a model that loses to bicubic at every factor that it serves.

    It is tried on a part of scikit-image's photograph of a cameraman, reduced and
    enlarged again; None also where there is no scikit-image, and for huge networks.
    """
    if model.network.parameter_count > _MOST_WEIGHTS:
        return None
    with suppress(ImportError, OSError):
        from skimage import data

        photograph: Image = data.camera()  # type: ignore[no-untyped-call]
        image = photograph[80 : 80 + _EDGE, 200 : 200 + _EDGE] / 255.0
        return _fault(model, image)
    return None


def _fault(model: "Model", image: Image) -> str | None:
    factors = factors_in(model.metadata.get("factors", "")) or _FACTORS
    enlarged = [_reduced_and_enlarged(image, factor, model) for factor in factors]

    def gains(restore: Callable[[Image], Image]) -> list[float]:
        """Decibels over bicubic interpolation, a factor each."""
        return [
            10 * np.log10(_error(base, image) / _error(restore(base), image))
            for base in enlarged
        ]

    found = gains(lambda base: base + _residual(model, base))
    if max(found) >= 0:
        return None
    said = ", ".join(
        f"{gain:.1f} dB at x{factor:g}"
        for gain, factor in zip(found, factors, strict=True)
    )
    cause = "it may be trained on images enlarged in another way, or not at all"
    if min(gains(lambda base: base - _residual(model, base))) > 0:
        cause = "its output seems to be what a denoiser subtracts from an image"
    elif min(gains(lambda base: base + _residual(model, base * 255) / 255)) > 0:
        cause = "it seems to be trained on intensities from 0 to 255, not from 0 to 1"
    return (
        f"{model.name} is worse than bicubic interpolation on a test image ({said}): "
        f"{cause}. Check it with images of yours before you use it"
    )


def _reduced_and_enlarged(image: Image, factor: float, model: "Model") -> Image:
    small = resize(image, (round(_EDGE / factor),) * 2)
    return resize(small, image.shape, model.kernel)


def _residual(model: "Model", base: Image) -> Image:
    """What the network adds to an image, the mean over its channels."""
    import torch

    x = torch.from_numpy(base).float().expand(1, model.network.channels, -1, -1)
    with torch.inference_mode():
        return model.network.residual(x)[0].mean(0).double().numpy()


def _error(restored: Image, image: Image) -> float:
    """Mean square of the difference, never zero."""
    inner = (slice(_BORDER, -_BORDER),) * 2
    return float(np.square(restored[inner] - image[inner]).mean()) + 1e-12
