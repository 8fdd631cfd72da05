"""The comparison that a deep-learning course made, with real decibels.

    python benchmarks/course_study.py ../shared/data/images --steps 300 --threads 1

trains SRCNN and VDSR of 5, 10, 15 and 20 layers on small (32²) and large (96²) patches
of T91, mixed factors and one factor, and scores each on the middles of the images of
Set14 as the course did: reduced bicubically, enlarged bilinearly, on R, G and B. It
prints parameters, maximum, minimum and mean PSNR and seconds per image. Budgets are
stated with the figures: the course trained for days, this trains for as long as asked.
"""

import argparse
import json
import math
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_vdsr.evaluation.psnr import psnr
from napari_vdsr.files import list_images, read_image
from napari_vdsr.imaging.resample import resize
from napari_vdsr.training import Trainer, TrainingConfig, prepare, recipe

SMALL, LARGE = 32, 96
FACTORS = (2.0, 3.0, 4.0)


def main() -> None:
    """Run the study from the shell."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images", type=Path, help="folder that holds T91 and Set14")
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--pixels", type=int, default=16_384, help="of a batch")
    parser.add_argument("--depth", type=int, action="append", help="repeatable")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--plot", type=Path, help="also draw them, as SVG")
    parser.add_argument("--models", type=Path, help="folder to keep the networks in")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    print(
        f"{options.steps} steps of {options.pixels} pixels each, device "
        f"{options.device}; x2, R, G and B, PSNR with MAX = 1 on [0, 1]\n\n"
        "| images | network | parameters | trained on | max | min | mean | "
        "gain over bilinear | s/image | training CPU s |\n"
        "|---|---|---|---|---|---|---|---|---|---|",
        flush=True,
    )
    rows = []
    for row in study(options):
        rows.append(row)
        print(line(row), flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2), encoding="utf-8")
    if options.plot:
        options.plot.write_text(plot(rows), encoding="utf-8")


def study(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Train and score every network."""
    depths = options.depth or [5, 10, 15, 20]
    for size in (SMALL, LARGE):
        tests = test_images(options.images / "Set14", size)
        kinds = [("srcnn-915", 3, (2.0,))]
        kinds += [("course", depth, FACTORS) for depth in depths]
        kinds += [("course", depths[0], (2.0,))]
        for variant, depth, factors in kinds:
            config = recipe(
                "course",
                variant=variant,
                depth=depth,
                factors=factors,
                steps=options.steps,
                patch=size,
                batch=max(1, options.pixels // size**2),
                learning_rate=9e-4 if depth == 20 else 7e-4,
                validation_share=0.0,
            )
            yield trained_and_scored(config, tests, size, options)


def trained_and_scored(
    config: TrainingConfig,
    tests: list[NDArray[np.float32]],
    size: int,
    options: argparse.Namespace,
) -> dict[str, Any]:
    """One row of the table."""
    with warnings.catch_warnings(action="ignore"):
        images = prepare(options.images / "T91", config)
    trainer = Trainer(images, config, device=options.device)
    began = time.process_time()
    for _ in trainer.run():
        pass
    trained = time.process_time() - began
    model = trainer.model()
    if options.models:
        factors = "-".join(f"{factor:g}" for factor in config.factors)
        name = f"{config.variant}-{model.network.depth}-x{factors}-{size}.safetensors"
        model.save(options.models / name)
    network = model.network
    values, plain, seconds = [], [], 0.0
    for truth in tests:
        low = enlarged(truth)
        began = time.perf_counter()
        result = restored(network, low)
        seconds += time.perf_counter() - began
        values.append(decibels(truth, result))
        plain.append(decibels(truth, low))
    mean = math.fsum(values) / len(values)
    return {
        "size": size,
        "depth": network.depth,
        "network": config.variant if network.depth == 3 else f"VDSR-{network.depth}",
        "parameters": network.parameter_count,
        "factors": list(config.factors),
        "max": max(values),
        "min": min(values),
        "mean": mean,
        "gain": mean - math.fsum(plain) / len(plain),
        "seconds": seconds / len(tests),
        "training_cpu_s": trained,
        "steps": config.steps,
    }


def test_images(folder: Path, size: int) -> list[NDArray[np.float32]]:
    """The middles of the colour images of a folder, shape (3, size, size), 0 to 1."""
    tests = []
    for path in list_images(folder):
        picture = read_image(path)
        if not picture.rgb:
            continue
        y, x = ((edge - size) // 2 for edge in picture.array.shape[:2])
        part = picture.array[y : y + size, x : x + size, :3]
        tests.append(np.moveaxis(part, -1, 0).astype(np.float32) / 255)
    return tests


def enlarged(truth: NDArray[np.float32]) -> NDArray[np.float32]:
    """Reduced bicubically and enlarged bilinearly, as the course did."""
    y, x = truth.shape[1:]
    low = resize(truth, (y // 2, x // 2))
    return resize(low, (y, x), "bilinear").astype(np.float32)


@torch.inference_mode()
def restored(network: Any, low: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the network makes of it; SRCNN goes channel by channel."""
    x = torch.from_numpy(low)[None]
    x = x.movedim(1, 0) if network.channels == 1 else x
    y: NDArray[np.float32] = network(x).reshape(low.shape).clamp(0, 1).numpy()
    return y


def decibels(truth: NDArray[np.float32], image: NDArray[np.float32]) -> float:
    """PSNR over all three channels; the data range of floats within [0, 1] is 1."""
    stacked = [np.moveaxis(each, 0, -1) for each in (truth, image)]
    return psnr(*stacked, data_range=1.0, luminance=False, rgb=True).mean


def line(row: dict[str, Any]) -> str:
    """A row of the table, in Markdown."""
    factors = ", ".join(f"{factor:g}" for factor in row["factors"])
    return (
        f"| {row['size']}² | {row['network']} | {row['parameters']:,} | x{factors} | "
        f"{row['max']:.2f} | {row['min']:.2f} | {row['mean']:.2f} | "
        f"{row['gain']:+.2f} | {row['seconds']:.4f} | {row['training_cpu_s']:.0f} |"
    )


def plot(rows: list[dict[str, Any]]) -> str:
    """Gain over bilinear enlargement against depth, as an SVG picture."""
    deep = [row for row in rows if len(row["factors"]) > 1]
    gains = [row["gain"] for row in deep]
    low, high = min(0.0, *gains), max(0.0, *gains)
    width, height, edge = 480, 280, 48

    def place(row: dict[str, Any]) -> tuple[float, float]:
        x = edge + (row["depth"] - 5) / 15 * (width - 2 * edge)
        y = edge + (high - row["gain"]) / (high - low) * (height - 2 * edge)
        return round(x, 1), round(y, 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="{edge}" y="24">gain over bilinear enlargement in dB, x2, '
        f"{deep[0]['steps']} steps</text>",
    ]
    zero = place({"depth": 5, "gain": 0.0})[1]
    parts.append(f'<path d="M{edge} {zero}H{width - edge}" stroke="#bbb"/>')
    for size, colour in ((SMALL, "#d95f02"), (LARGE, "#1b6ca8")):
        mine = [row for row in deep if row["size"] == size]
        spots = [place(row) for row in mine]
        line = " ".join(f"{x},{y}" for x, y in spots)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}"/>')
        for row, (x, y) in zip(mine, spots, strict=True):
            parts.append(f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>')
            parts.append(
                f'<text x="{x}" y="{y - 8}" text-anchor="middle" fill="{colour}">'
                f"{row['gain']:+.2f}</text>"
            )
        x, y = spots[-1]
        parts.append(f'<text x="{x + 8}" y="{y + 4}" fill="{colour}">{size}²</text>')
    for depth in sorted({row["depth"] for row in deep}):
        x = place({"depth": depth, "gain": 0.0})[0]
        parts.append(
            f'<text x="{x}" y="{height - 16}" text-anchor="middle">'
            f"{depth} layers</text>"
        )
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    main()
