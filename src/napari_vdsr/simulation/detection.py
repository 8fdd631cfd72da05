"""What an instrument does to light: it blurs, samples and counts it."""

import math

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.imaging.sampling import Instrument, sampling_rows
from napari_vdsr.simulation.scenes import PER_FINE

_FOCUS = 1.5  # planes from the focal plane to where half of the light is left


def through_optics(
    objects: NDArray[np.float64], psf: float, defocus: float
) -> NDArray[np.float64]:
    """Blur by a Gaussian of `psf` fine pixels, wider and dimmer out of focus.

    `defocus` counts planes from the focal plane.
    """
    from scipy.ndimage import gaussian_filter

    spread = 1 + (defocus / _FOCUS) ** 2
    width = psf * PER_FINE * math.sqrt(spread)
    return np.asarray(gaussian_filter(objects, width, mode="wrap")) / spread


def sampled(
    light: NDArray[np.float64], shape: tuple[int, int], sampling: Instrument
) -> NDArray[np.float64]:
    """Sample light on the source grid by the pixels of an instrument."""
    from scipy.sparse import csr_array  # each pixel sees only a few source pixels

    for size in shape:  # each turn samples Y and exchanges the axes
        rows = sampling_rows(light.shape[0], size, sampling)
        light = (csr_array(rows.weights) @ light[rows.source]).T
    return light


def detected(
    brightness: NDArray[np.float64],
    photons: float,
    read_noise: float,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Count photons, `photons` where brightness is 1; give brightness with noise."""
    if photons == math.inf:
        return brightness
    electrons = rng.poisson(photons * brightness) + read_noise * rng.standard_normal(
        brightness.shape
    )
    return np.asarray(electrons / photons)
