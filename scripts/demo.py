"""Enlarge two images whose truth is known, and score the results.

The first is a picture that software made smaller: a stained tissue section that ships
with scikit-image. The second is taken as a microscope takes it, with noise: filaments
under a simulated confocal. Each has its own model.
"""

import argparse
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from skimage import data

import napari_vdsr
from napari_vdsr.evaluation.evaluate import compare
from napari_vdsr.evaluation.figure import save_picture
from napari_vdsr.imaging.resample import resize
from napari_vdsr.zoo import DEFAULT_MODEL


def main() -> None:
    """Run the demonstration from the shell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--factor", type=int, default=2, choices=(2, 3, 4))
    parser.add_argument("--output", type=Path, default=Path("demo/demo.png"))
    options = parser.parse_args()
    show_reduced(options.factor, options.output)
    show_confocal(options.factor)


def show_reduced(factor: int, output: Path) -> None:
    """Undo a reduction by software, without noise."""
    truth = data.immunohistochemistry()
    comparison = compare(
        truth, factor, rgb=True, protocol="direct", model="vdsr20", sampling="reduced"
    )
    height, width = comparison.pair.shape
    print(
        f"skimage.data.immunohistochemistry, {width} × {height} pixels: reduced by "
        f"{factor}\nand enlarged again, {factor}x. "
        "PSNR of the luminance against the original:"
    )
    print_scores({each.method: each.psnr.mean for each in comparison.outcomes})
    output.parent.mkdir(parents=True, exist_ok=True)
    two = comparison.outcomes[0], comparison.outcomes[-1]
    save_picture(output, replace(comparison, outcomes=two))
    print(f"picture: {output.resolve()}")


def show_confocal(factor: int) -> None:
    """Enlarge a noisy image of points."""
    made = napari_vdsr.simulate("filaments", factor=factor, photons=100, seed=1)
    size = made.truth.shape[-1]
    results = {
        "bicubic": resize(made.image, (size, size)),
        DEFAULT_MODEL: napari_vdsr.upscale(made.image.astype(np.float32), factor),
    }
    print(
        f"\nFilaments under a simulated confocal, {made.image.shape[-1]} × "
        f"{made.image.shape[-2]} pixels, 100 photons in the\nbrightest: enlarged, "
        f"{factor}x. PSNR against the noiseless truth on the finer grid:"
    )
    print_scores(
        {
            name: napari_vdsr.psnr(made.truth, image, border=factor).mean
            for name, image in results.items()
        }
    )


def print_scores(scores: Mapping[str, float]) -> None:
    """Print PSNR by method, bicubic first and the model last."""
    for method, decibels in scores.items():
        print(f"  {method:22} {decibels:6.2f} dB")
    bicubic, *_, model = scores.values()
    error = math.sqrt(10 ** ((bicubic - model) / 10))
    print(
        f"  gain over bicubic {model - bicubic:+.2f} dB: the error is {error:.0%} of "
        "before"
    )


if __name__ == "__main__":
    main()
