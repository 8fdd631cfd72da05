"""The comparison that a deep-learning course made, with real decibels.

    python benchmarks/course_study.py ../shared/data/images --json course.json

trains SRCNN and VDSR of 5, 10, 15 and 20 layers on small (32²) and large (96²) patches
of T91, for factors 2, 3 and 4 together and for factor 2 alone, and scores each at all
three factors on the middles of the images of B100, as `course_scoring.py` says. Images
are reduced bicubically and enlarged bilinearly, on R, G and B.

Adam with the course's rates and the squared error, as in the course. Unlike there, the
rate falls to zero, gradients are clipped, the weights averaged and the patches turned:
a training as short as this one ends at random otherwise. The budget stands with the
figures: the course trained for days. SRCNN always computes in float32. With `--models`
networks that are there already are not trained again.
"""

import argparse
import json
import time
import warnings
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from course_scoring import HEAD, Figures, middles, score

from napari_vdsr.training import Trainer, TrainingConfig, prepare, recipe
from napari_vdsr.zoo import Model, load_model

SIZES = (32, 96)
FACTORS = (2, 3, 4)
PIXELS = 16_384  # of a batch
WARM_UP = 50


class Kind(NamedTuple):
    """A network and what it is trained for."""

    variant: str
    depth: int
    factors: tuple[int, ...]

    @property
    def title(self) -> str:
        """A short name."""
        return "SRCNN" if self.variant == "srcnn-915" else f"VDSR-{self.depth}"

    @property
    def trained_for(self) -> str:
        """The factors in words."""
        return "x" + ", ".join(map(str, self.factors))


def main() -> None:
    """Run the study from the shell."""
    options = arguments()
    torch.set_num_threads(options.threads)
    if options.models:
        options.models.mkdir(parents=True, exist_ok=True)
    print(
        f"{options.steps} steps of {PIXELS} pixels, hidden layers of VDSR in "
        f"{options.precision}; enlarged bilinearly; R, G and B, PSNR with MAX = 1 on "
        "[0, 1]\n\n| images | network | parameters | trained for | training CPU s "
        + HEAD.replace("\n|", "\n|---|---|---|---|---|"),
        flush=True,
    )
    rows = []
    for row in study(options):
        rows.append(row)
        print(line(row), flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")


def arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images", type=Path, help="folder that holds T91 and B100")
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--depth", type=int, action="append", help="repeatable")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto", help="bfloat16, float32, ...")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--models", type=Path, help="folder to keep the networks in")
    return parser.parse_args()


def study(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Train and score every network."""
    depths = options.depth or [5, 10, 15, 20]
    kinds = [Kind("srcnn-915", 3, (2,)), Kind("course", depths[0], (2,))]
    kinds += [Kind("course", depth, FACTORS) for depth in depths]
    for size in SIZES:
        images = middles(options.images / "B100", size, most=100)
        for factor in FACTORS:
            figures = score(None, images, factor, "bilinear")
            yield {"size": size, "network": "bilinear", **asdict(figures)}
        for kind in kinds:
            model = trained(kind, size, options)
            for factor in FACTORS:
                figures = score(model.network, images, factor, "bilinear")
                yield row_of(kind, size, model, figures)


def config_of(kind: Kind, size: int, options: argparse.Namespace) -> TrainingConfig:
    """How a network is trained."""
    srcnn = kind.variant == "srcnn-915"
    config = recipe(
        "course",
        variant=kind.variant,
        depth=kind.depth,
        factors=tuple(map(float, kind.factors)),
        steps=options.steps,
        patch=size,
        batch=max(1, PIXELS // size**2),
        precision="float32" if srcnn else options.precision,
        validation_share=0.0,
        flips=True,
        schedule="cosine",
        clip_norm=0.05,
        ema=0.99,
    )
    warm_up = min(WARM_UP, options.steps // 10)
    return replace(config, stages=(replace(config.stages[0], warm_up=warm_up),))


def trained(kind: Kind, size: int, options: argparse.Namespace) -> Model:
    """Train a network, or take the one that is kept."""
    name = f"{kind.title.lower()}-x{''.join(map(str, kind.factors))}-{size}px"
    path = options.models and options.models / f"{name}.safetensors"
    if path and path.exists():
        return load_model(path)
    config = config_of(kind, size, options)
    with warnings.catch_warnings(action="ignore"):  # T91 is known
        images = prepare(options.images / "T91", config)
    trainer = Trainer(images, config, device=options.device)
    began = time.process_time()
    for _ in trainer.run():
        pass
    cost = f"{time.process_time() - began:.1f}"
    model = trainer.model()
    model = replace(model, metadata={**model.metadata, "cpu_seconds": cost})
    if path:
        model.save(path)
    return model


def row_of(kind: Kind, size: int, model: Model, figures: Figures) -> dict[str, Any]:
    """Everything about a network at one factor."""
    return {
        "size": size,
        "network": kind.title,
        "depth": model.network.depth,
        "parameters": model.network.parameter_count,
        "trained_for": kind.trained_for,
        "training_cpu_s": float(model.metadata["cpu_seconds"]),
        **asdict(figures),
    }


def line(row: dict[str, Any]) -> str:
    """A row of the table, in Markdown."""
    fields = Figures.__dataclass_fields__
    figures = Figures(**{name: row[name] for name in fields})
    network = (
        f"{row['parameters']:,} | {row['trained_for']} | {row['training_cpu_s']:.0f}"
        if "parameters" in row
        else "0 | – | 0"
    )
    return f"| {row['size']}² | {row['network']} | {network} | {figures.line()}"


if __name__ == "__main__":
    main()
