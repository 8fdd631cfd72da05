r"""What enlarging gains on images as microscopes take them.

    python benchmarks/microscopes.py ../shared/data/packs/microscopy_train.npz

makes small images in several ways, each without noise, with weak and with strong noise,
enlarges them with every method and prints the mean PSNR over the images. The images
belong to sources of the pack that the models for microscopes were not trained on
(`--sources`). A row says how the small image came about:

    reduced       bicubic with antialiasing, by software
    camera        the mean over the area of the coarse pixel
    scanner       point samples at the centre of the coarse pixel
    gauss S       point samples behind a Gaussian of S fine pixels; the truth is sharp
    spot S        the same, and the truth is seen through the same Gaussian
    simulated     filaments, puncta and nuclei of `napari_vdsr.simulate`, by a scanner
                  and by a camera

Noise is Poisson with 8,128 (weak) or 903 (strong) electrons at white: 2 and 6 of 255
grey levels at mid-grey. Simulated images have 1,000 or 100 photons in their brightest
pixel. The truth is free of added noise.

Methods are bicubic, a cubic spline, the best linear enlargement there is (a Gaussian
before the spline, its width chosen for each image with the truth in hand, which nobody
has), and the models. In brackets stands how far a model is above the better one of
bicubic and spline: below zero it makes the image worse than interpolation does.
"""

import argparse
import io
import math
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

import napari_vdsr
from napari_vdsr.evaluation.data_range import decibels, root_mean_square
from napari_vdsr.evaluation.methods import splined
from napari_vdsr.imaging.resample import Instrument, Sampling, resize, sampling_rows
from napari_vdsr.simulation.scenes import SCENES, Scene
from napari_vdsr.zoo import Model

Array = NDArray[np.float64]

NOISES = {"none": None, "weak": 8128.0, "strong": 903.0}
SOURCES = ("neubias", "holo2bright_bf", "bbbc039")
EDGE = 252  # fine pixels per edge at most; all factors divide it
MODELS = ("vdsr20", "vdsr20-scanner", "vdsr20-camera")
SIGMAS = np.arange(0, 2.05, 0.1)  # coarse pixels, of the best linear enlargement
PHOTONS = {"none": math.inf, "weak": 1000.0, "strong": 100.0}


class Way(NamedTuple):
    """How a small image comes about."""

    name: str
    sampling: Sampling
    blur: float = 0.0  # fine pixels
    shared: bool = False  # whether the truth is blurred as well


WAYS = (
    Way("reduced", "reduced"),
    Way("camera", "camera"),
    Way("scanner", "scanner"),
    Way("gauss 0.7", "scanner", 0.7),
    Way("gauss 1.0", "scanner", 1.0),
    Way("gauss 1.4", "scanner", 1.4),
    Way("spot 0.7", "scanner", 0.7, shared=True),
    Way("spot 1.4", "scanner", 1.4, shared=True),
)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images", type=Path, help="a pack")
    parser.add_argument("--sources", nargs="*", default=SOURCES)
    parser.add_argument("--each", type=int, default=3, help="images of each source")
    parser.add_argument("--models", nargs="*", default=MODELS)
    parser.add_argument("--factors", nargs="*", type=int, default=[2, 3, 4])
    parser.add_argument("--ways", nargs="*", default=[way.name for way in WAYS])
    parser.add_argument("--noises", nargs="*", default=list(NOISES))
    options = parser.parse_args()
    images = dict(chosen(options.images, options.sources, options.each))
    print(f"{len(images)} images:", *images, "", sep="\n")
    table = Table(
        {label(name): napari_vdsr.load_model(name) for name in options.models}
    )
    table.print_head()
    for factor in options.factors:
        for way in (way for way in WAYS if way.name in options.ways):
            for noise in options.noises:
                trials = [
                    trial(source, way, factor, NOISES[noise], seed)
                    for seed, source in enumerate(images.values())
                ]
                table.add(f"x{factor} {way.name} {noise}", trials, factor)
        for instrument in ("scanner", "camera"):
            for noise in options.noises:
                trials = [
                    simulated(scene, instrument, factor, PHOTONS[noise])
                    for scene in SCENES
                ]
                name = f"x{factor} simulated {instrument} {noise}"
                table.add(name, trials, factor)
    table.print_worst()


def label(model: str) -> str:
    """A model's name for the head of a column."""
    return Path(model).stem


def chosen(
    path: Path, sources: tuple[str, ...], each: int
) -> Iterator[tuple[str, Array]]:
    """Images of each source, from the one with most detail to one with little."""
    pack = np.load(path)
    for source in sources:
        found = [(name, decoded(pack[name])) for name in pack if source in name]
        found.sort(key=lambda item: -detail(item[1]))
        for index in np.linspace(0, len(found) - 1, each + 1).astype(int)[:-1]:
            name, image = found[index]
            yield name.split("/")[-1], image


def decoded(encoded: NDArray[np.uint8]) -> Array:
    """The middle of an image, at most twice EDGE per side, in multiples of 24."""
    with Image.open(io.BytesIO(encoded.tobytes())) as picture:
        image = np.asarray(picture.convert("L"), dtype=float)
    return middle(image)


def middle(image: Array) -> Array:
    """Cut out what is used of an image."""
    sizes = [min(2 * EDGE, size // 24 * 24) for size in image.shape]
    y, x = ((whole - size) // 2 for whole, size in zip(image.shape, sizes, strict=True))
    return image[y : y + sizes[0], x : x + sizes[1]]


def detail(image: Array) -> float:
    """Share of the contrast that is lost at half the size."""
    fine = means(image)
    again = resize(resize(fine, tuple(size // 2 for size in fine.shape)), fine.shape)
    return float((fine - again).std() / (fine.std() + 3))


def means(source: Array) -> Array:
    """Means of 2 x 2 pixels: the fine grid."""
    y, x = (size // 2 for size in source.shape)
    return source.reshape(y, 2, x, 2).mean((1, 3))


def trial(
    source: Array, way: Way, factor: int, white: float | None, seed: int
) -> tuple[Array, Array]:
    """Make the small image and its truth."""
    seen = ndimage.gaussian_filter(source, 2 * way.blur, mode="reflect")
    truth = means(seen if way.shared else source)
    # Only a point can be sampled between the pixels of the fine grid.
    grid = seen if way.sampling == "scanner" else means(seen)
    rows, columns = (
        sampling_rows(size, fine // factor, way.sampling)
        for size, fine in zip(grid.shape, truth.shape, strict=True)
    )
    small = rows.weights @ grid[rows.source, columns.source] @ columns.weights.T
    if white is not None:
        random = np.random.default_rng(seed)
        small = random.poisson(small.clip(0) * white / 255) * 255 / white
    return small, truth


def simulated(
    scene: Scene, instrument: Instrument, factor: int, photons: float
) -> tuple[Array, Array]:
    """Take an image of a simulated scene; white is the brightest pixel of the truth."""
    size = EDGE // factor
    made = napari_vdsr.simulate(
        scene, shape=(size, size), factor=factor, sampling=instrument, photons=photons
    )
    unit = 255 / (made.truth.max() - made.offset)
    small, truth = ((each - made.offset) * unit for each in (made.image, made.truth))
    return small.astype(float), truth.astype(float)


def spline(small: Array, factor: int, sigma: float = 0.0) -> Array:
    """Enlarge by a cubic spline, after a Gaussian of `sigma` coarse pixels."""
    y, x = small.shape
    blurred = ndimage.gaussian_filter(small, sigma, mode="reflect")
    return splined(blurred, (factor * y, factor * x), rgb=False)


def psnr(image: Array, truth: Array, border: int) -> float:
    """PSNR in dB for a peak of 255, a border of one factor cut off."""
    inner = slice(border, -border)
    return decibels(root_mean_square((image - truth)[inner, inner]), 255)


class Table:
    """Prints a row at once and remembers how far models are from interpolation."""

    def __init__(self, models: dict[str, Model]) -> None:
        self._models = models
        self._gains: dict[str, dict[str, float]] = {name: {} for name in models}

    def print_head(self) -> None:
        """Print the names of the columns."""
        interpolations = "".join(
            f"{name:>9}" for name in ("bicubic", "spline", "linear")
        )
        print(f"{'':28}{interpolations}" + "".join(f"{m:>18}" for m in self._models))

    def add(self, name: str, trials: list[tuple[Array, Array]], factor: int) -> None:
        """Score all methods on the images of a row."""

        def mean(score: Callable[[Array, Array], float]) -> float:
            return float(np.mean([score(small, truth) for small, truth in trials]))

        bicubic = mean(
            lambda small, truth: psnr(resize(small, truth.shape), truth, factor)
        )
        plain = mean(lambda small, truth: psnr(spline(small, factor), truth, factor))
        linear = mean(partial(best_linear, factor=factor))
        row = f"{name:28}{bicubic:9.2f}{plain:9.2f}{linear:9.2f}"
        for model_name, model in self._models.items():
            score = mean(partial(network, factor=factor, model=model))
            gain = score - max(bicubic, plain)
            self._gains[model_name][name] = gain
            row += f"{score:10.2f} ({gain:+.2f})"
        print(row, flush=True)

    def print_worst(self) -> None:
        """Print each model's worst row."""
        print()
        for model, gains in self._gains.items():
            worst = min(gains, key=lambda row: gains[row])
            print(f"{model}: worst {gains[worst]:+.2f} dB ({worst})")


def best_linear(small: Array, truth: Array, factor: int) -> float:
    """PSNR of the best Gaussian before a spline."""
    tried = (psnr(spline(small, factor, sigma), truth, factor) for sigma in SIGMAS)
    return max(tried)


def network(small: Array, truth: Array, factor: int, model: Model) -> float:
    """PSNR of a model's result."""
    result = napari_vdsr.upscale(small.astype(np.float32), factor, model=model)
    return psnr(np.asarray(result), truth, factor)


if __name__ == "__main__":
    main()
