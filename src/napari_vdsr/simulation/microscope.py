"""A simulated microscope: a coarse noisy image, and its fine noiseless truth."""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import (
    InputError,
    VdsrWarning,
    is_number,
    is_whole,
    require_choice,
)
from napari_vdsr.imaging.geometry import LARGEST_FACTOR, pixel_centre_shift
from napari_vdsr.imaging.resample import Instrument, sampling_rows
from napari_vdsr.memory import free_memory
from napari_vdsr.simulation.scenes import PER_FINE, SCENES, Scene, draw

INSTRUMENTS = ("scanner", "camera")
WHITE = 4000  # counts of the brightest pixel above the offset
DARK = 100  # counts of the offset, besides 5 standard deviations of the read noise

_MOST_COUNTS = 65535  # that uint16 holds
_FOCUS = 1.5  # planes from the focal plane to where half of the light is left
_LARGEST_PSF = 50  # fine pixels
_MOST_PHOTONS = 1e15  # numpy draws Poisson numbers up to about 9e18
_STEP_OF_Z = 3  # in pixels of the image
_DRAWN_AT_ONCE = 4  # copies of what is drawn: sharp, its haze, behind the optics
_KEPT_AT_ONCE = 3  # of image and truth: each channel, all of them, in counts


@dataclass(frozen=True, eq=False)
class Simulated:
    """What a simulated microscope gave.

    A pixel shows ``offset + electrons / gain`` counts, so that the variance of its
    noise is ``(signal - offset) / gain + (read_noise / gain) ** 2``.

    Attributes
    ----------
    image : ndarray of uint16, shape (Y, X) or (T, C, Z, Y, X)
        The coarse noisy image, in counts.
    truth : ndarray of float32, shape (..., Y * factor, X * factor)
        What the same instrument would have given on finer pixels without noise, in
        counts. Both cover exactly the same area.
    factor : int
        Fine pixels in a pixel of the image, on Y and on X.
    scale : tuple of float
        Step on each axis of the image: micrometres on Z, Y and X, seconds on T.
    gain : float
        Electrons per count; infinite without noise.
    offset : float
        Counts in the dark.
    """

    image: NDArray[np.uint16]
    truth: NDArray[np.float32]
    factor: int
    scale: tuple[float, ...]
    gain: float
    offset: float

    @property
    def truth_scale(self) -> tuple[float, ...]:
        """Step on each axis of the truth: the `scale` of its napari layer."""
        return (*self.scale[:-2], *(size / self.factor for size in self.scale[-2:]))

    @property
    def truth_translate(self) -> tuple[float, ...]:
        """Place of its first pixel where the image's is 0: `translate` in napari."""
        shift = pixel_centre_shift(self.factor)
        return (*(0.0 for _ in self.scale[:-2]), *(shift * p for p in self.scale[-2:]))


def simulate(
    scene: Scene | Sequence[Scene] = "filaments",
    *,
    shape: tuple[int, ...] = (256, 256),
    factor: int = 2,
    sampling: Instrument = "scanner",
    psf: float = 1.2,
    photons: float = 100.0,
    read_noise: float = 1.0,
    pixel_size: float = 0.1,
    seed: int = 0,
) -> Simulated:
    """Take an image of fluorophores with a microscope whose truth is known.

    Light is blurred by the point-spread function, sampled by coarse pixels and
    counted with noise. The truth is what the same instrument would have given on a
    grid `factor` times finer without noise. What leaves the image at one border
    enters at the opposite one.

    Parameters
    ----------
    scene : {"filaments", "puncta", "nuclei"} or sequence of them
        What lies under the microscope. For stacks one name for each channel.
    shape : tuple of int
        Pixels of the image: (Y, X), or (T, C, Z, Y, X) for a stack. Objects drift
        with time; away from the middle of Z they are blurred and dimmed.
    factor : int
        How much finer the truth is, from 1 to 8.
    sampling : {"scanner", "camera"}
        A scanner (confocal) takes point samples at the centres of pixels. A camera
        takes the mean over the area of each pixel.
    psf : float
        Standard deviation of the Gaussian point-spread function, in pixels of the
        truth, up to 50.
    photons : float
        Detected on average by a pixel of the image that is as bright as the brightest
        of the truth, in each channel.
        ``math.inf`` gives an image without any noise.
    read_noise : float
        Standard deviation of the read noise, in electrons, up to `photons`.
    pixel_size : float
        Of the image, in micrometres. It sets nothing but the scale of the result.
    seed : int
        The same seed gives the same objects for every instrument, and the same
        noise.

    Returns
    -------
    Simulated
        Image and truth in the same counts, and where they lie.

    Raises
    ------
    InputError
        When an argument cannot be used; the message says why.

    Warns
    -----
    VdsrWarning
        When pixels saturate, as with less than one photon they may.

    Examples
    --------
    >>> cells = simulate("nuclei", shape=(32, 48), sampling="camera")
    >>> cells.image.shape, cells.truth.shape
    ((32, 48), (64, 96))
    >>> cells.truth_scale, cells.truth_translate
    ((0.05, 0.05), (-0.025, -0.025))
    """
    _check_shape(shape)
    channels = int(shape[1]) if len(shape) == 5 else 1
    scenes = _checked_scenes(scene, channels)
    _check_whole("factor", factor, 1, int(LARGEST_FACTOR))
    require_choice("sampling", sampling, INSTRUMENTS)
    _check_positive("psf", psf, _LARGEST_PSF)
    if not (is_number(photons) and photons == math.inf):
        _check_positive("photons", photons, _MOST_PHOTONS, "; math.inf for no noise")
    if not (is_number(read_noise) and read_noise == 0):
        hint = "; 0 for none, and no more than the photons"
        _check_positive("read_noise", read_noise, photons, hint)
    _check_positive("pixel_size", pixel_size, math.inf)
    _check_whole("seed", seed, 0)
    # Those of numpy overflow when they are multiplied.
    shape, factor, seed = tuple(map(int, shape)), int(factor), int(seed)
    _check_memory(shape, factor)
    psf, photons, read_noise = float(psf), float(photons), float(read_noise)
    pixel_size = float(pixel_size)

    *for_objects, for_noise = np.random.SeedSequence(seed).spawn(channels + 1)
    pairs = [
        _look(name, shape, factor, sampling, psf, each)
        for name, each in zip(scenes, for_objects, strict=True)
    ]
    image, truth = (np.stack(each, axis=1) for each in zip(*pairs, strict=True))
    noisy = detected(image, photons, read_noise, np.random.default_rng(for_noise))
    gain = photons / WHITE
    offset = DARK + math.ceil(5 * read_noise / gain)
    scale = (1.0, 1.0, _STEP_OF_Z * pixel_size, pixel_size, pixel_size)
    fine = (*shape[:-2], *truth.shape[-2:])
    counts = np.rint(offset + WHITE * noisy)
    saturated = int((counts > _MOST_COUNTS).sum())
    if saturated:
        msg = (
            f"{saturated} pixels saturate at {_MOST_COUNTS} counts, as one electron is "
            f"{1 / gain:,.0f} counts: give more photons"
        )
        warnings.warn(msg, VdsrWarning, stacklevel=2)
    return Simulated(
        counts.clip(0, _MOST_COUNTS).astype("uint16").reshape(shape),
        (offset + WHITE * truth).astype("float32").reshape(fine),
        factor,
        scale[-len(shape) :],
        gain,
        float(offset),
    )


def _look(
    scene: Scene,
    shape: tuple[int, ...],
    factor: int,
    sampling: Instrument,
    psf: float,
    seed: np.random.SeedSequence,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Image and truth of a channel, (T, Z, Y, X), where the brightest truth is 1."""
    frames, _, planes, y, x = (1, 1, 1, *shape)[-5:]
    coarse, fine = (y, x), (y * factor, x * factor)
    image, truth = (np.empty((frames, planes, *size)) for size in (coarse, fine))
    for frame in range(frames):
        objects = draw(scene, (fine[0] * PER_FINE, fine[1] * PER_FINE), seed, frame)
        for plane in range(planes):
            light = through_optics(objects, psf, plane - (planes - 1) / 2)
            image[frame, plane] = sampled(light, coarse, sampling)
            truth[frame, plane] = sampled(light, fine, sampling)
    return image / truth.max(), truth / truth.max()


def _check_shape(shape: Any) -> None:
    sizes = shape if isinstance(shape, Sequence) else ()
    if len(sizes) not in (2, 5) or not all(is_whole(n) and n >= 1 for n in sizes):
        raise InputError(
            f"shape is {shape!r}: give (Y, X) or (T, C, Z, Y, X), whole numbers from 1"
        )


def _check_memory(shape: tuple[int, ...], factor: int) -> None:
    fine = math.prod(map(int, shape[-2:])) * int(factor) ** 2
    drawn = fine * PER_FINE**2 * _DRAWN_AT_ONCE  # pixels of one plane, as float64
    taken = math.prod(map(int, shape)) * (1 + int(factor) ** 2) * _KEPT_AT_ONCE
    needed, free = 8 * (drawn + taken), free_memory()
    if needed > free:
        raise InputError(
            f"shape is {shape!r}: with factor {factor} it needs about "
            f"{needed / 1e9:,.0f} GB of memory, but {free / 1e9:,.1f} GB are free: "
            "give a smaller shape or factor"
        )


def _checked_scenes(scene: Any, channels: int) -> list[Scene]:
    several = isinstance(scene, Sequence) and not isinstance(scene, str)
    names = list(scene) if several else [scene]
    for name in names:
        require_choice("scene", name, SCENES)
    if len(names) != channels:
        raise InputError(
            f"{len(names)} scenes for {channels} channels: give one for each channel"
        )
    return names


def _check_whole(name: str, value: Any, low: int, high: float = math.inf) -> None:
    if not is_whole(value) or not low <= value <= high:
        most = "" if high == math.inf else f" to {high}"
        raise InputError(f"{name} is {value!r}: give a whole number from {low}{most}")


def _check_positive(name: str, value: Any, most: float, hint: str = "") -> None:
    if not (is_number(value) and 0 < value <= most and value != math.inf):
        up_to = "" if most == math.inf else f", {most:g} at most"
        raise InputError(f"{name} is {value!r}: give a number above 0{up_to}{hint}")


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
