"""Draw the gallery of the page "How far to believe it".

    python docs/believe_pictures.py

takes images of scenes whose truth is known, enlarges them by a spline and by the models
and writes ``docs/images/believe-*.png``. It prints the PSNR of every picture.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

import napari_vdsr
from napari_vdsr.imaging.resample import sampling_rows

Array = NDArray[np.float64]

IMAGES = Path(__file__).parent / "images"
EDGE = 120  # pixels of an image; the truth has twice as many
GAP, CAPTION = 6, 18


class Case(NamedTuple):
    """An image and its truth, both as floats in the same unit."""

    title: str
    image: Array
    truth: Array
    model: str


def main() -> None:
    """Draw what works and what does not."""
    IMAGES.mkdir(exist_ok=True)
    draw("believe-works", [filaments, puncta, nuclei])
    draw("believe-fails", [stripes, noise_alone, starved])


def filaments() -> Case:
    """What a confocal sees of filaments."""
    return of_scene("filaments, confocal", "filaments", "scanner", photons=100)


def puncta() -> Case:
    """What a confocal sees of vesicles."""
    return of_scene("puncta, confocal", "puncta", "scanner", photons=100)


def nuclei() -> Case:
    """What a camera sees of nuclei."""
    return of_scene("nuclei, camera", "nuclei", "camera", photons=100)


def starved() -> Case:
    """Filaments of which hardly any light arrives."""
    return of_scene("filaments, 5 photons", "filaments", "scanner", photons=5)


def of_scene(title: str, scene: str, sampling: str, photons: float) -> Case:
    """Take a simulated image."""
    made = napari_vdsr.simulate(
        scene, shape=(EDGE, EDGE), sampling=sampling, photons=photons, seed=3
    )
    return Case(
        title,
        made.image.astype(float),
        made.truth.astype(float),
        f"vdsr20-{sampling}",
    )


def stripes() -> Case:
    """Rings that are too narrow for the pixels: points alias into false rings."""
    y, x = np.mgrid[: 4 * EDGE, : 4 * EDGE] / (4.0 * EDGE)
    source = 100 + 80 * np.cos(2 * np.pi * 55 * np.hypot(y, x) ** 2)
    return sampled("rings beyond Nyquist", source)


def noise_alone() -> Case:
    """A slope of grey in so little light that hardly anything but noise is seen."""
    slope = np.linspace(8, 12, EDGE)[:, None].repeat(EDGE, axis=1)
    truth = np.linspace(8, 12, 2 * EDGE)[:, None].repeat(2 * EDGE, axis=1)
    image = np.random.default_rng(0).poisson(slope).astype(float)
    return Case("noise alone", image, truth, "vdsr20-scanner")


def sampled(title: str, source: Array) -> Case:
    """Take point samples of an image, as a scanner does."""
    truth = source.reshape(2 * EDGE, 2, 2 * EDGE, 2).mean((1, 3))
    rows = sampling_rows(len(source), EDGE, "scanner")
    image = rows.weights @ source[rows.source, rows.source] @ rows.weights.T
    return Case(title, image, truth, "vdsr20-scanner")


def draw(name: str, cases: list[Callable[[], Case]]) -> None:
    """Put a row for each case into a picture."""
    rows = [row(make()) for make in cases]
    height = sum(one.height for one in rows) + GAP * (len(rows) - 1)
    sheet = Image.new("L", (rows[0].width, height), 255)
    top = 0
    for one in rows:
        sheet.paste(one, (0, top))
        top += one.height + GAP
    sheet.save(IMAGES / f"{name}.png", optimize=True)


def row(case: Case) -> Image.Image:
    """Image, spline, model and truth side by side, each with its PSNR."""
    spline = ndimage.zoom(case.image, 2, order=3, mode="reflect", grid_mode=True)
    result = napari_vdsr.upscale(case.image, 2, model=case.model)
    tiles = {
        f"{case.title}": np.kron(case.image, np.ones((2, 2))),
        f"spline {psnr(case.truth, spline)}": spline,
        f"{case.model} {psnr(case.truth, result)}": result,
        "truth": case.truth,
    }
    print(*tiles, sep=" | ")
    low, high = np.percentile(tiles[next(iter(tiles))], (0.5, 99.8))
    side = 2 * EDGE
    picture = Image.new("L", (len(tiles) * (side + GAP) - GAP, side + CAPTION), 255)
    pen = ImageDraw.Draw(picture)
    for index, (caption, tile) in enumerate(tiles.items()):
        grey = np.clip((np.asarray(tile) - low) / (high - low), 0, 1) * 255
        left = index * (side + GAP)
        shown = Image.fromarray(grey.astype(np.uint8)).resize((side, side), 0)
        picture.paste(shown, (left, CAPTION))
        pen.text((left, 2), caption, fill=0)
    return picture


def psnr(truth: Array, image: Array) -> str:
    """In decibels, on the range of the truth."""
    return f"{napari_vdsr.psnr(truth, np.asarray(image), border=2).mean:.1f} dB"


if __name__ == "__main__":
    main()
