"""Enlarge a real image, score the result and show it beside the original.

The image is a stained section of a human colon that ships with scikit-image. It is
reduced first, so that the truth is known.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from side_by_side import side_by_side
from skimage import data

import napari_vdsr
from napari_vdsr.imaging.resample import resize

Picture = NDArray[np.uint8]


def main() -> None:
    """Run the demonstration from the shell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--factor", type=int, default=2, choices=(2, 3, 4))
    parser.add_argument("--output", type=Path, default=Path("demo/demo.png"))
    options = parser.parse_args()
    truth, low, bicubic, result = example(options.factor)
    print(
        f"image      skimage.data.immunohistochemistry, {size(truth)} pixels,\n"
        f"           reduced to {size(low)}, enlarged x{options.factor}\n"
        f"bicubic    {score(truth, bicubic, options.factor):.2f} dB\n"
        f"vdsr20     {score(truth, result, options.factor):.2f} dB "
        "(PSNR of the luminance)"
    )
    picture = side_by_side(
        {
            "reduced": low,
            f"bicubic {score(truth, bicubic, options.factor):.2f} dB": bicubic,
            f"vdsr20 {score(truth, result, options.factor):.2f} dB": result,
            "original": truth,
        },
        centre=(0.78, 0.6),
    )
    options.output.parent.mkdir(parents=True, exist_ok=True)
    picture.save(options.output, optimize=True)
    print(f"picture    {options.output.resolve()}")


def example(factor: int) -> tuple[Picture, Picture, Picture, Picture]:
    """Give the original, the reduced image, and it enlarged in two ways."""
    truth = data.immunohistochemistry()
    truth = truth[: -(truth.shape[0] % factor) or None]
    truth = truth[:, : -(truth.shape[1] % factor) or None]
    low = resized(truth, truth.shape[0] // factor, truth.shape[1] // factor)
    bicubic = resized(low, *truth.shape[:2])
    result = napari_vdsr.upscale(low, factor, rgb=True)
    return truth, low, bicubic, result


def resized(image: Picture, height: int, width: int) -> Picture:
    """Bring a colour image to another size with the bicubic kernel."""
    planes = resize(np.moveaxis(image, -1, 0), (height, width))
    return np.moveaxis(planes, 0, -1).round().clip(0, 255).astype(np.uint8)


def score(truth: Picture, image: Picture, border: int) -> float:
    """PSNR of the luminance in dB, without the border that has no neighbours."""
    return float(napari_vdsr.psnr(truth, image, border=border, rgb=True).mean)


def size(image: Picture) -> str:
    """Give width and height as people write them."""
    return f"{image.shape[1]} × {image.shape[0]}"


if __name__ == "__main__":
    main()
