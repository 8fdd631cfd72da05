"""What half precision costs in decibels, for every engine of this machine.

    python benchmarks/precision_loss.py Set5

Enlarges the images of a folder as `napari-vdsr evaluate` does (protocol A) with each
engine in float32 and in every other precision that the device is up to, and prints the
mean PSNR and what of it was lost to float32.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from tqdm import tqdm

from napari_vdsr.benchmark.ways import engines_of
from napari_vdsr.evaluation.evaluate import outcomes_of
from napari_vdsr.evaluation.protocols import ScoringPair, pair_of
from napari_vdsr.images.find import named
from napari_vdsr.images.open_any import opened
from napari_vdsr.inference.device import resolve_device
from napari_vdsr.inference.engine import usable_precisions
from napari_vdsr.inference.upscaler import Upscaler
from napari_vdsr.options import RunOptions
from napari_vdsr.progress import Progress
from napari_vdsr.zoo import load_model

FACTORS = (2, 3, 4)


class Way:
    """An engine in a precision, as a method to be scored."""

    asked_for, sampling = True, None

    def __init__(self, name: str, upscaler: Upscaler) -> None:
        self.name = name
        self._upscaler = upscaler

    def enlarge(self, pair: ScoringPair, progress: Progress | None) -> NDArray[Any]:
        """Enlarge the luminance that the pair gives."""
        result = self._upscaler.region(pair.lr, pair.shape, progress=progress)
        return pair.finished(result)

    def serves(self, pair: ScoringPair) -> bool:
        """Whether it is made for the factor: always."""
        return True


def main() -> None:
    """Score all ways on all images and print the means."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--model", default="vdsr20")
    arguments = parser.parse_args()
    ways = ways_of(arguments.model, resolve_device(arguments.device))
    scores = scores_of(arguments.folder, ways)
    print(f"{arguments.folder.name}, {arguments.model}, protocol A")
    print("mean PSNR in dB (and what of it was lost to float32)")
    print(f"{'':20}" + "".join(f"{f'x{factor}':>19}" for factor in FACTORS))
    for way in ways:
        full = f"{way.name.split()[0]} float32"
        figures = [
            f"{scores[way.name, x]:9.4f} ({scores[full, x] - scores[way.name, x]:.4f})"
            for x in FACTORS
        ]
        print(f"{way.name:20}" + "".join(f"{figure:>19}" for figure in figures))


def scores_of(folder: Path, ways: Sequence[Way]) -> dict[tuple[str, int], float]:
    """Mean PSNR over the images of a folder, by the name of the way and factor."""
    scores: dict[tuple[str, int], list[float]] = {}
    for name, image in tqdm(named(folder).images, unit="image", file=sys.stderr):
        with opened(image, name) as source:
            pairs = [(factor, pair_of(source, factor, "A")) for factor in FACTORS]
        for factor, pair in pairs:
            for outcome in outcomes_of(pair, ways, None):
                key = outcome.method, factor
                scores.setdefault(key, []).append(outcome.psnr.mean)
    return {key: sum(values) / len(values) for key, values in scores.items()}


def ways_of(model_name: str, device: torch.device) -> list[Way]:
    """Every engine in every precision of a device."""
    model = load_model(model_name)
    precisions = {
        str(each).removeprefix("torch."): each
        for each in usable_precisions(device, model.network)
    }
    return [
        Way(
            f"{label} {name}",
            Upscaler(RunOptions(model, str(device), name), engine=engine),
        )
        for name, precision in precisions.items()
        for label, engine in engines_of(model, device, precision).items()
    ]


if __name__ == "__main__":
    main()
