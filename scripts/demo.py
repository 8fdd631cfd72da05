"""Enlarge a real image, score the result and show it beside the original.

The image is a stained tissue section that ships with scikit-image. It is reduced first,
so that the truth is known.
"""

import argparse
import math
from dataclasses import replace
from pathlib import Path

from skimage import data

from napari_vdsr.evaluation.compare import compare
from napari_vdsr.evaluation.picture import save_picture


def main() -> None:
    """Run the demonstration from the shell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--factor", type=int, default=2, choices=(2, 3, 4))
    parser.add_argument("--output", type=Path, default=Path("demo/demo.png"))
    options = parser.parse_args()

    truth = data.immunohistochemistry()
    comparison = compare(truth, options.factor, rgb=True, protocol="direct")
    height, width = comparison.trial.shape
    print(
        f"skimage.data.immunohistochemistry, {width} × {height} pixels: reduced by "
        f"{options.factor}\nand enlarged again, {options.factor}x. "
        "PSNR of the luminance against the original:"
    )
    for outcome in comparison.outcomes:
        print(f"  {outcome.method:22} {outcome.psnr.mean:6.2f} dB")
    decibels = [outcome.psnr.mean for outcome in comparison.outcomes]
    bicubic, network = decibels[0], decibels[-1]
    error = math.sqrt(10 ** ((bicubic - network) / 10))
    print(
        f"  gain over bicubic {network - bicubic:+.2f} dB: the error is {error:.0%} of "
        "before"
    )

    options.output.parent.mkdir(parents=True, exist_ok=True)
    two = comparison.outcomes[0], comparison.outcomes[-1]
    save_picture(options.output, replace(comparison, outcomes=two))
    print(f"picture: {options.output.resolve()}")


if __name__ == "__main__":
    main()
