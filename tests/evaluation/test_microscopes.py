"""What the models for microscopes promise: enlarging never makes an image worse."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from skimage import data
from skimage.transform import resize as skimage_resize

import napari_vdsr
from napari_vdsr.imaging.resample import resize
from napari_vdsr.simulation.scenes import SCENES
from napari_vdsr.zoo import DEFAULT_MODEL

FACTOR = 2


def psnr(truth: NDArray[Any], image: Any) -> float:
    return napari_vdsr.psnr(truth, np.asarray(image), border=FACTOR).mean


def interpolated(image: NDArray[Any], truth: NDArray[Any]) -> float:
    """PSNR of the better one of bicubic and spline."""
    spline = ndimage.zoom(image, FACTOR, order=3, mode="reflect", grid_mode=True)
    bicubic = resize(image, (truth.shape[0], truth.shape[1]))
    return max(psnr(truth, spline), psnr(truth, bicubic))


def test_a_photograph_reduced_by_scikit_image_is_not_made_worse() -> None:
    truth = data.camera()[80:336, 120:376] / 255.0
    image = skimage_resize(truth, (128, 128), order=3, anti_aliasing=True)
    result = napari_vdsr.upscale(image, FACTOR)
    assert psnr(truth, result) >= interpolated(image, truth)


@pytest.mark.parametrize(("photons", "gain"), [(np.inf, 0.0), (1000, 0.3), (100, 1.0)])
@pytest.mark.parametrize("sampling", ["scanner", "camera"])
def test_simulated_images_gain(photons: float, gain: float, sampling: Any) -> None:
    gains = []
    for scene in SCENES:
        made = napari_vdsr.simulate(
            scene, shape=(96, 96), sampling=sampling, photons=photons, seed=5
        )
        image = made.image.astype(float)
        best = interpolated(image, made.truth)
        own = f"vdsr20-{sampling}"
        better = {
            name: psnr(made.truth, napari_vdsr.upscale(image, FACTOR, model=name))
            - best
            for name in {own, DEFAULT_MODEL}
        }
        gains.append(better[own])
        # The default does no harm, whatever took the image.
        assert better[DEFAULT_MODEL] > -0.1
    assert np.mean(gains) > gain
