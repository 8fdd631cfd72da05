r"""Train the weights that this project releases, and score them.

    python scripts/make_weights.py vdsr20

trains on the packs in ../shared/data/packs, holding out three microscopy sources,
writes the next version of weights/vdsr20-N.safetensors, scores it under protocol A and
prints the entry for the registry. On a GPU the full schedule takes its minutes; on a
processor without one, choose a shorter one:

    python scripts/make_weights.py vdsr5 --steps 70000 --batch 16 --patch 32 \
        --learning-rate 2e-3 --threads 1

The models for microscopes are fine-tuned from vdsr20; a part of its weights is kept in
theirs, which costs them little on their own images and makes them safe on others
(Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022,
https://arxiv.org/abs/2109.01903):

    python scripts/make_weights.py vdsr20-scanner --threads 1

A training that was interrupted goes on where it was with --resume.
"""

import argparse
import hashlib
import json
import warnings
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

import napari_vdsr
from napari_vdsr.images.find import NamedImage, named
from napari_vdsr.network import network_from_state
from napari_vdsr.training import (
    BlindNoise,
    TrainedModel,
    Trainer,
    TrainingConfig,
    TrainingSet,
    prepare,
    recipe,
)
from napari_vdsr.zoo import Model

NATURAL = ("natural_t91_bsd400.npz", "natural_sunhays60_x0.7.npz")
MICROSCOPY = "microscopy_train.npz"
FINE_TUNED = ("vdsr20-scanner", "vdsr20-camera")
KEPT = 0.2  # of the weights of vdsr20 in theirs
# Images of one source resemble each other, so whole sources are held out.
HELD_OUT = ("neubias", "holo2bright_bf", "bbbc039")


def configs() -> dict[str, TrainingConfig]:
    """Give the settings of every model that is made here, by its name."""
    depths = {
        f"vdsr{depth}": recipe("modern", depth=depth) for depth in (5, 10, 15, 20)
    }
    return {
        **depths,
        "vdsr20-course": recipe("modern", variant="course", kernel="bilinear"),
        "srcnn-915-x3": recipe("modern", variant="srcnn-915", factors=(3.0,)),
        "srcnn-955-x3": recipe("modern", variant="srcnn-955", factors=(3.0,)),
        # The default of this package: it should do no harm to images taken otherwise.
        "vdsr20-scanner": recipe(
            "microscope",
            sampling={"scanner": 0.45, "camera": 0.15, "reduced": 0.2, "gaussian": 0.2},
            noise=BlindNoise(clean=0.35),
        ),
        "vdsr20-camera": recipe(
            "microscope", sampling={"camera": 0.7, "reduced": 0.15, "scanner": 0.15}
        ),
    }


def main() -> None:
    """Run the training from the shell."""
    known = configs()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", choices=known)
    parser.add_argument("--packs", type=Path, default=Path("../shared/data/packs"))
    parser.add_argument("--images", type=Path, default=Path("../shared/data/images"))
    parser.add_argument("--output", type=Path, default=Path("weights"))
    parser.add_argument("--score-on", nargs="*", default=["Set5", "Set14", "B100"])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--patch", type=int)
    parser.add_argument("--learning-rate", type=float)
    parser.add_argument("--precision", help="of the hidden layers: bfloat16, ...")
    parser.add_argument("--compiled", action="store_true")
    parser.add_argument("--start-from", help="a model or weight file to begin with")
    parser.add_argument("--resume", action="store_true")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    path = next_file(options.output, options.model)
    model = trained(changed(known[options.model], options), options, path)
    if options.model in FINE_TUNED:
        model = blended(model, napari_vdsr.load_model("vdsr20"), KEPT)
    model = replace(model, name=options.model, title=title_of(model))
    model.save(path)
    path.with_suffix(".checkpoint").unlink()
    print(json.dumps(entry(model, path, options), indent=2, ensure_ascii=False))


def next_file(folder: Path, model: str) -> Path:
    """Name a model's next version: a file that is released is never replaced."""
    versions = (folder / f"{model}-{number}.safetensors" for number in count(1))
    return next(path for path in versions if not path.exists())


def changed(config: TrainingConfig, options: argparse.Namespace) -> TrainingConfig:
    """Apply what the command line asks for."""
    names = ("batch", "patch", "precision")
    given = {name: getattr(options, name) for name in names if getattr(options, name)}
    config = replace(config, **given, compiled=options.compiled)
    if options.learning_rate:
        ratio = options.learning_rate / config.stages[0].learning_rate
        stages = [
            replace(stage, learning_rate=stage.learning_rate * ratio)
            for stage in config.stages
        ]
        config = replace(config, stages=tuple(stages))
    return config.with_steps(options.steps) if options.steps else config


def images_for(config: TrainingConfig, options: argparse.Namespace) -> TrainingSet:
    """Look through the packs; they hold luminance, so colours are learnt from T91."""
    with warnings.catch_warnings(action="ignore"):  # these images are known
        if config.channels == 3:
            return prepare(options.images / "T91", config)
        microscopy = named(options.packs / MICROSCOPY).images
        return prepare(
            [options.packs / name for name in NATURAL],
            config,
            domain=[image for image in microscopy if not held_out(image)],
            validation=[image for image in microscopy if held_out(image)],
        )


def trained(
    config: TrainingConfig, options: argparse.Namespace, path: Path
) -> TrainedModel:
    """Train, with a bar and checkpoints beside the weight file."""
    images = images_for(config, options)
    checkpoint = path.with_suffix(".checkpoint")
    trainer = Trainer(
        images,
        config,
        start_from=begin_with(options),
        device=options.device,
        checkpoint=checkpoint,
        resume=checkpoint if options.resume else None,
    )
    with tqdm(total=config.steps, desc=options.model, mininterval=10) as bar:
        for report in trainer.run():
            bar.update(report.step - bar.n)
            if report.event or report.score:
                gain = f"{report.score.gain:+.3f} dB" if report.score else ""
                bar.write(f"step {report.step}: {report.event or gain}")
    return trainer.model()


def begin_with(options: argparse.Namespace) -> Model | None:
    """Models for microscopes are fine-tuned, all others begin from nothing."""
    name = options.start_from or ("vdsr20" if options.model in FINE_TUNED else None)
    return napari_vdsr.load_model(name) if name else None


def blended(model: TrainedModel, other: Model, share: float) -> TrainedModel:
    """Average the weights of two networks; sums of filters that are zero stay zero."""
    weights, others = model.network.state_dict(), other.network.state_dict()
    mean = {
        name: (1 - share) * value + share * others[name]
        for name, value in weights.items()
    }
    words = f"{share:.0%} of the weights are those of {other.name}."
    told = {"description": f"{model.metadata['description']} {words}"}
    return replace(
        model,
        network=network_from_state(mean),
        metadata={**model.metadata, **told},
    )


def held_out(image: NamedImage) -> bool:
    """Whether an image belongs to a source that is kept for validation."""
    return image.name.startswith(HELD_OUT)


def title_of(model: Model) -> str:
    """A few words for lists."""
    return model.title.removesuffix(", trained here")


def entry(model: Model, path: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Score the model and describe it as the registry does."""
    factors = [int(factor) for factor in model.metadata["factors"].split(", ")]
    scores: list[list[Any]] = []
    for name in options.score_on:
        means = napari_vdsr.evaluate(
            options.images / name, model=model, factors=factors, device=options.device
        ).means
        scores += [
            [name, int(row.factor), round(row.psnr, 2), round(row.ssim, 4)]
            for row in means
            if row.method == model.name
        ]
    return {
        "name": model.name,
        "file": path.name,
        "title": model.title,
        "description": model.metadata["description"],
        "architecture": model.described()["architecture"],
        "factors": factors,
        "sampling": model.metadata["sampling"],
        "licence": "BSD-3-Clause",
        "source": "trained for napari-vdsr",
        "scores": scores,
        "size": path.stat().st_size,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "urls": [f"{{released}}/{path.name}"],
    }


if __name__ == "__main__":
    main()
