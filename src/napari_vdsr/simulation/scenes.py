"""What lies under the simulated microscope: fluorophores on a very fine grid.

Lengths are in fine pixels, the pixels of the truth. The grid that is drawn on has
`PER_FINE` source pixels in each of them. Scenes are periodic: what leaves at one
border enters at the opposite one, so nothing has to be cut or padded.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Scene = Literal["filaments", "puncta", "nuclei"]
Light = NDArray[np.float64]

PER_FINE = 2
SPEED = 0.7  # standard deviation of the drift per frame on each axis, in fine pixels

_HAZE_WIDTH = 15  # fine pixels
_NUCLEUS = 26  # mean radius in fine pixels
_FRAME = 1.5  # radii of a nucleus that its frame reaches


def draw(
    scene: Scene, shape: tuple[int, int], seed: np.random.SeedSequence, time: int
) -> Light:
    """Draw a scene of `shape` source pixels; the same seed gives the same objects."""
    draw_objects, haze = SCENES[scene]
    sharp = draw_objects(shape, np.random.default_rng(seed), time)
    return sharp + haze * _blurred(sharp, _HAZE_WIDTH * PER_FINE)


def _filaments(shape: tuple[int, int], rng: np.random.Generator, time: int) -> Light:
    """Draw long curves that bend smoothly, labelled unevenly, as microtubules are."""
    from scipy.ndimage import gaussian_filter1d

    count = _count(shape, one_per=5500)
    step, steps = 1 / PER_FINE, 700 * PER_FINE
    turns = gaussian_filter1d(rng.normal(size=(count, steps)), 40 / step, mode="wrap")
    turns *= 0.005 / turns.std(axis=1, keepdims=True)  # radians per fine pixel
    angle = rng.uniform(0, 2 * np.pi, (count, 1)) + step * np.cumsum(turns, axis=1)
    path = step * np.cumsum([np.sin(angle), np.cos(angle)], axis=2)
    start = _places(shape, count, rng) + _drift(count, rng, time)
    present = np.arange(steps) < steps * rng.uniform(0.3, 1, (count, 1))
    labels = rng.gamma(2, size=(count, steps)) * rng.uniform(0.6, 1.2, (count, 1))
    return _deposited(start[..., None] + path, labels * present, shape)


def _puncta(shape: tuple[int, int], rng: np.random.Generator, time: int) -> Light:
    """Draw small spots of uneven brightness and size, some in swarms, as vesicles."""
    count, fluorophores = _count(shape, one_per=400), 40
    swarms = _places(shape, _count(shape, one_per=30_000), rng)
    swarm = rng.integers(swarms.shape[1], size=count)
    swarming = swarms[:, swarm] + rng.normal(0, 30, (2, count))
    alone = rng.random(count) < 0.4
    centre = np.where(alone, _places(shape, count, rng), swarming)
    centre += _drift(count, rng, time)
    size = rng.gamma(4, 0.2, (count, 1))
    scatter = size * rng.normal(size=(2, count, fluorophores))
    brightness = rng.lognormal(0, 0.5, (count, 1)) * np.ones(fluorophores)
    return _deposited(centre[..., None] + scatter, brightness, shape)


def _nuclei(shape: tuple[int, int], rng: np.random.Generator, time: int) -> Light:
    """Draw round bodies, textured by chromatin, with dark nucleoli, as DAPI shows."""
    image = np.zeros(shape)
    centres = _spread_out(shape, rng)
    centres += _drift(centres.shape[1], rng, time)
    reach = int(_FRAME * _NUCLEUS * PER_FINE)
    for centre in centres.T * PER_FINE:
        corner = np.floor(centre).astype(int) - reach
        rows, columns = (start + np.arange(2 * reach) for start in corner)
        nucleus = _nucleus(rows - centre[0], columns - centre[1], rng)
        np.add.at(image, np.ix_(rows % shape[0], columns % shape[1]), nucleus)
    return image


def _nucleus(y: Light, x: Light, rng: np.random.Generator) -> Light:
    """Draw one nucleus, at distances in source pixels from its centre."""
    shape = len(y), len(x)
    angle = np.arctan2(y[:, None], x) + rng.uniform(0, 2 * np.pi)
    outline = _NUCLEUS * rng.uniform(0.8, 1.1) * np.ones(shape)
    outline *= 1 + rng.uniform(0.05, 0.18) * np.cos(2 * angle)
    outline *= 1 + rng.uniform(0, 0.04) * np.cos(3 * angle + 1)
    inward = outline - np.hypot(y[:, None], x) / PER_FINE  # fine pixels from the edge
    body = _step(inward / 0.8)
    chromatin = 0.16 * _noise(shape, 1.5, rng) + 0.14 * _noise(shape, 5, rng)
    spots = 0.5 * np.clip(_noise(shape, 2.5, rng) - 1.5, 0, 1.5)
    nucleoli = 0.5 * _step(8 * (_noise(shape, 5, rng) - 1.5)) * _step(inward - 6)
    texture = np.clip(0.7 + chromatin + spots - nucleoli, 0.05, None)
    return np.asarray(body * texture * rng.uniform(0.55, 1))


def _spread_out(shape: tuple[int, int], rng: np.random.Generator) -> Light:
    """Random places of nuclei, in fine pixels, that hardly overlap."""
    attempts = _count(shape, one_per=_NUCLEUS**2)
    size = np.array(shape)[:, None] / PER_FINE
    tried = _places(shape, attempts, rng)
    taken = tried[:, :1]
    for place in np.split(tried, attempts, axis=1):
        apart = np.abs((place - taken + size / 2) % size - size / 2)
        if np.hypot(*apart).min() > 1.85 * _NUCLEUS:
            taken = np.hstack([taken, place])
    return taken


def _step(x: Light) -> Light:
    """Soft step from 0 to 1."""
    return np.asarray(0.5 + 0.5 * np.tanh(x / 2))


def _noise(shape: tuple[int, int], width: float, rng: np.random.Generator) -> Light:
    """Smooth random field with mean 0 and standard deviation 1."""
    from scipy.ndimage import gaussian_filter

    field = gaussian_filter(rng.normal(size=shape), width * PER_FINE, mode="wrap")
    return np.asarray((field - field.mean()) / field.std())


def _count(shape: tuple[int, int], one_per: float) -> int:
    """Number of objects, with one in so many square fine pixels."""
    return max(1, round(shape[0] * shape[1] / PER_FINE**2 / one_per))


def _places(shape: tuple[int, int], count: int, rng: np.random.Generator) -> Light:
    size = np.array(shape)[:, None] / PER_FINE
    return np.asarray(rng.random((2, count)) * size)


def _drift(count: int, rng: np.random.Generator, time: int) -> Light:
    return rng.normal(0, SPEED, (2, count)) * time


def _deposited(places: Light, brightness: Light, shape: tuple[int, int]) -> Light:
    """Sum point sources, at `places` (2, ...) in fine pixels, into source pixels."""
    y, x = np.floor(places * PER_FINE).astype(int)
    index = np.ravel_multi_index((y % shape[0], x % shape[1]), shape)
    total = np.bincount(index.ravel(), brightness.ravel(), shape[0] * shape[1])
    return np.asarray(total, dtype=np.float64).reshape(shape)


def _blurred(image: Light, width: float) -> Light:
    """Blur by a wide Gaussian in Fourier space, where width costs nothing."""
    from scipy.fft import irfft2, rfft2
    from scipy.ndimage import fourier_gaussian

    spectrum = fourier_gaussian(rfft2(image), width, n=image.shape[1])
    return np.asarray(irfft2(spectrum, s=image.shape)).clip(0)


_Objects = Callable[[tuple[int, int], np.random.Generator, int], Light]
# How to draw it, and the share of light from out of focus.
SCENES: dict[Scene, tuple[_Objects, float]] = {
    "filaments": (_filaments, 0.6),
    "puncta": (_puncta, 2.5),
    "nuclei": (_nuclei, 0.12),
}
