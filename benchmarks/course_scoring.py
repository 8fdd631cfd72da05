"""Scoring networks on small and on large images, as a deep-learning course did.

    python benchmarks/course_scoring.py ../shared/data/images/B100 --size 32 --size 256


cuts squares out of the middles of colour images, reduces them bicubically, enlarges
them again and lets networks restore them, on R, G and B; networks of luminance take
one channel at a time. Models other than vdsr5 and vdsr20 are named by --model.

Printed are the largest, smallest and mean PSNR and the gain over enlargement, the gain
at edges and elsewhere, how sharp edges are, and processor time for an image. Edges are
the tenth of an image's pixels where the truth is steepest; their sharpness is the mean
steepness there, 100 % being that of the truth.
"""

import argparse
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_vdsr.evaluation.psnr import psnr
from napari_vdsr.files import list_images, read_image
from napari_vdsr.imaging.resample import Kernel, resize
from napari_vdsr.network import ConvStack
from napari_vdsr.zoo import load_model

EDGES = 0.1  # of an image's pixels

HEAD = (
    "| x | max | min | mean | gain | gain at edges | elsewhere | sharpness | "
    "CPU s/image |\n|---|---|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True)
class Figures:
    """How well a network restores images.

    Attributes
    ----------
    factor : int
        Of the reduction.
    maximum, minimum, mean : float
        PSNR in dB with MAX = 1, over the images.
    gain, edge_gain, flat_gain : float
        By how many dB the error is smaller than that of enlargement: mean over the
        images, and of the pixels at edges and elsewhere of all images together.
    sharpness, enlarged_sharpness : float
        Of the edges of the result and of enlargement alone; 1 is the truth's.
    seconds : float
        Processor time for an image.
    """

    factor: int
    maximum: float
    minimum: float
    mean: float
    gain: float
    edge_gain: float
    flat_gain: float
    sharpness: float
    enlarged_sharpness: float
    seconds: float

    def line(self) -> str:
        """The figures as the end of a line of a table in Markdown."""
        return (
            f"{self.factor} | {self.maximum:.2f} | {self.minimum:.2f} | "
            f"{self.mean:.2f} | {self.gain:+.2f} | {self.edge_gain:+.2f} | "
            f"{self.flat_gain:+.2f} | {self.sharpness:.1%} | {self.seconds:.4f} |"
        )


def main() -> None:
    """Score models from the shell."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images", type=Path, help="folder of colour images")
    parser.add_argument("--model", action="append", help="name or file; repeatable")
    parser.add_argument("--size", type=int, action="append", help="repeatable")
    parser.add_argument("--factor", type=int, action="append", help="repeatable")
    parser.add_argument("--kernel", choices=("bicubic", "bilinear"), default="bicubic")
    parser.add_argument("--most", type=int, default=100, help="images of each size")
    options = parser.parse_args()
    torch.set_num_threads(1)
    names = options.model or ["vdsr5", "vdsr20"]
    networks = {name: load_model(name).network for name in names}
    print(f"enlarged: {options.kernel}; R, G and B, PSNR with MAX = 1 on [0, 1]\n")
    print("| images | network " + HEAD.replace("\n|", "\n|---|---|"))
    for size in options.size or [32, 96]:
        images = middles(options.images, size, options.most)
        for factor in options.factor or [2]:
            for name, network in [("enlargement", None), *networks.items()]:
                figures = score(network, images, factor, options.kernel)
                print(f"| {size}² | {name} | {figures.line()}", flush=True)


def middles(folder: Path, size: int, most: int) -> NDArray[np.float32]:
    """Cut squares out of the middles of colour images.

    Parameters
    ----------
    folder : Path
        Of the images.
    size : int
        Pixels per edge.
    most : int
        Images that are used.

    Returns
    -------
    ndarray of float32, shape (N, 3, size, size)
        From 0 to 1.
    """
    squares = []
    for path in list_images(folder):
        picture = read_image(path)
        if not picture.rgb or min(picture.array.shape[:2]) < size:
            continue
        y, x = ((edge - size) // 2 for edge in picture.array.shape[:2])
        square = picture.array[y : y + size, x : x + size, :3]
        squares.append(np.moveaxis(square, -1, 0).astype(np.float32) / 255)
    return np.stack(squares[:most])


def enlarged(
    truth: NDArray[np.float32], factor: int, kernel: Kernel
) -> NDArray[np.float32]:
    """Reduce images bicubically and enlarge them again.

    Parameters
    ----------
    truth : ndarray of float32, shape (..., Y, X)
        Of sizes that the factor divides.
    factor : int
        Of the reduction.
    kernel : {"bicubic", "bilinear"}
        Of the enlargement.

    Returns
    -------
    ndarray of float32, shape (..., Y, X)
    """
    y, x = truth.shape[-2:]
    low = resize(truth, (y // factor, x // factor))
    return resize(low, (y, x), kernel).astype(np.float32)


@torch.inference_mode()
def restored(network: ConvStack, low: NDArray[np.float32]) -> NDArray[np.float32]:
    """Let a network restore one enlarged image.

    Parameters
    ----------
    network : ConvStack
        Of colours, or of luminance: then the channels go one by one.
    low : ndarray of float32, shape (3, Y, X)
        From 0 to 1.

    Returns
    -------
    ndarray of float32, shape (3, Y, X)
        From 0 to 1.
    """
    x = torch.from_numpy(low)[None]
    x = x.movedim(1, 0) if network.channels == 1 else x
    y: NDArray[np.float32] = network(x).reshape(low.shape).clamp(0, 1).numpy()
    return y


def score(
    network: ConvStack | None,
    images: NDArray[np.float32],
    factor: int,
    kernel: Kernel,
) -> Figures:
    """Score a network, or enlargement alone when there is none.

    Parameters
    ----------
    network : ConvStack or None
        What restores.
    images : ndarray of float32, shape (N, 3, Y, X)
        The truth, from 0 to 1.
    factor : int
        Of the reduction.
    kernel : {"bicubic", "bilinear"}
        Of the enlargement.

    Returns
    -------
    Figures
    """
    y, x = (edge // factor * factor for edge in images.shape[2:])
    truth = images[:, :, :y, :x]
    low = enlarged(truth, factor, kernel).clip(0, 1)
    began = time.process_time()
    results = [
        low_one if network is None else restored(network, low_one) for low_one in low
    ]
    seconds = (time.process_time() - began) / len(low)
    result = np.stack(results)
    report = decibels(truth, result)
    edges = steepness(truth) >= np.quantile(
        steepness(truth), 1 - EDGES, axis=(1, 2), keepdims=True
    )
    return Figures(
        factor,
        report.maximum,
        report.minimum,
        report.mean,
        report.mean - decibels(truth, low).mean,
        _less_error(truth, low, result, edges),
        _less_error(truth, low, result, ~edges),
        *(_sharpness(truth, image, edges) for image in (result, low)),
        seconds,
    )


def decibels(truth: NDArray[np.float32], images: NDArray[np.float32]) -> Any:
    """PSNR of every image over its three channels, shape (N, 3, Y, X) from 0 to 1."""
    stacks = [np.moveaxis(each, 1, -1) for each in (truth, images)]
    return psnr(*stacks, data_range=1.0, luminance=False, rgb=True)


def steepness(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Length of the gradient of the mean of the channels, shape (N, Y, X)."""
    slopes = np.gradient(images.mean(axis=1), axis=(1, 2))
    steep: NDArray[np.float32] = np.hypot(*slopes)
    return steep


def _less_error(
    truth: NDArray[np.float32],
    low: NDArray[np.float32],
    result: NDArray[np.float32],
    where: NDArray[np.bool_],
) -> float:
    """How many dB smaller the error of the result is than that of enlargement."""
    before, after = (
        np.square(np.moveaxis(image - truth, 1, -1)[where], dtype=np.float64).mean()
        for image in (low, result)
    )
    return 10 * math.log10(before / after)


def _sharpness(
    truth: NDArray[np.float32],
    image: NDArray[np.float32],
    edges: NDArray[np.bool_],
) -> float:
    """Steepness at edges, relative to the truth."""
    return float(steepness(image)[edges].mean() / steepness(truth)[edges].mean())


if __name__ == "__main__":
    main()
