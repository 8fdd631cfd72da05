"""`napari-vdsr train`: a network from a folder of images."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from napari_vdsr.cli.options import Device, Json, named_path


class Recipe(StrEnum):
    """Trainings that are known to work."""

    modern = "modern"
    paper = "paper"
    course = "course"
    quick = "quick"
    adapt = "adapt"
    microscope = "microscope"


class Variant(StrEnum):
    """Networks that can be trained."""

    equivariant = "equivariant"
    paper = "paper"
    course = "course"
    srcnn_915 = "srcnn-915"
    srcnn_955 = "srcnn-955"


class Kernel(StrEnum):
    """How reduced images are enlarged again."""

    bicubic = "bicubic"
    bilinear = "bilinear"


def train(
    images: Annotated[
        list[Path],
        typer.Argument(
            parser=named_path,
            metavar="FOLDER...",
            help="Folders of images, image files, or packs of them (.npz).",
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            parser=named_path,
            metavar="FILE.safetensors",
            help="Where to write the model.",
        ),
    ],
    recipe: Annotated[
        Recipe | None,
        typer.Option(
            help="quick: minutes on a CPU; modern: how the released models are made; "
            "paper and course: as published; adapt: to fine-tune; microscope: to "
            "fine-tune on what a microscope does, its sampling, spot and noise.  "
            "[default: quick, or adapt with --start-from]",
            show_default=False,
        ),
    ] = None,
    variant: Annotated[
        Variant | None,
        typer.Option(
            help="Kind of network.  [default: the recipe's]", show_default=False
        ),
    ] = None,
    depth: Annotated[
        int | None,
        typer.Option(help="Layers.  [default: the recipe's]", show_default=False),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            help="Updates of the weights; all stages of the recipe are stretched "
            "alike.  [default: the recipe's]",
            show_default=False,
        ),
    ] = None,
    factor: Annotated[
        list[float] | None,
        typer.Option(
            help="How much the images are reduced; whole or not, may be given several "
            "times.  [default: the recipe's]",
            show_default=False,
        ),
    ] = None,
    patch: Annotated[
        int | None,
        typer.Option(help="Pixels per edge of a patch.", show_default=False),
    ] = None,
    batch: Annotated[
        int | None, typer.Option(help="Patches per step.", show_default=False)
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="At its highest.", show_default=False)
    ] = None,
    kernel: Annotated[
        Kernel | None,
        typer.Option(help="How reduced images are enlarged again.", show_default=False),
    ] = None,
    sampling: Annotated[
        str | None,
        typer.Option(
            metavar="HOW",
            help="How were the images taken? scanner: point by point (confocal, "
            "two-photon, STED, SEM); camera: every pixel collects light over its area "
            "(widefield, spinning disk); reduced: made smaller by software; gaussian: "
            "by software that blurs first, as scikit-image does. Or shares of these, "
            "as in scanner=0.7,camera=0.3. For scanner and camera, images "
            "are used at half their size.  [default: the recipe's]",
            show_default=False,
        ),
    ] = None,
    spot: Annotated[
        tuple[float, float] | None,
        typer.Option(
            metavar="LOW HIGH",
            help="How wide is the spot of the instrument? Its least and its most "
            "standard deviation, in pixels of the coarse image; drawn for each patch "
            "and the same for the coarse image and the truth. 0 0 switches it off.  "
            "[default: the recipe's]",
            show_default=False,
        ),
    ] = None,
    blur: Annotated[
        float | None,
        typer.Option(
            help="Standard deviation of a blur of the coarse image alone, in pixels "
            "of the full-size image.",
            show_default=False,
        ),
    ] = None,
    noise: Annotated[
        tuple[float, float, float] | None,
        typer.Option(
            metavar="GAIN OFFSET READ",
            help="Noise of a camera that you know: electrons per count, counts in "
            "the dark, and read noise in electrons.",
            show_default=False,
        ),
    ] = None,
    blind_noise: Annotated[
        tuple[float, float] | None,
        typer.Option(
            metavar="WHITE_LOW WHITE_HIGH",
            help="Noise of unknown strength: least and most electrons (detected "
            "photons) where an image is brightest; drawn for each patch.  [default: "
            "the recipe's]",
            show_default=False,
        ),
    ] = None,
    read_noise: Annotated[
        tuple[float, float] | None,
        typer.Option(
            metavar="LOW HIGH",
            help="With noise of unknown strength: least and most read noise, in "
            "electrons.  [default: the recipe's, or 0 3]",
            show_default=False,
        ),
    ] = None,
    clean: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="With noise of unknown strength: share of the patches without any, "
            "from 0 to 1; 1 switches it off.  [default: the recipe's, or 0.25]",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(help="Decides weights and patches.", show_default=False),
    ] = None,
    start_from: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="Fine-tune this model (a name or a file) instead of starting anew.",
            show_default=False,
        ),
    ] = None,
    low: Annotated[
        Path | None,
        typer.Option(
            parser=named_path,
            metavar="FOLDER",
            help="Registered low-resolution images of the same fields, in the same "
            "order: nothing is reduced.",
            show_default=False,
        ),
    ] = None,
    validation: Annotated[
        list[Path] | None,
        typer.Option(
            parser=named_path,
            metavar="FOLDER",
            help="Images to score on.  [default: some of FOLDER are held out]",
            show_default=False,
        ),
    ] = None,
    domain: Annotated[
        list[Path] | None,
        typer.Option(
            parser=named_path,
            metavar="FOLDER",
            help="Images that the second stage of the recipe modern leans to.",
            show_default=False,
        ),
    ] = None,
    device: Device = "auto",
    precision: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Of the hidden layers: auto, float32, float16 or bfloat16.  "
            "[default: auto, the fastest that serves]",
            show_default=False,
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with a training that was interrupted."),
    ] = False,
    add: Annotated[
        bool,
        typer.Option(
            "--add", help="Also add the model to your own, as the file is named."
        ),
    ] = False,
    log: Annotated[
        Path | None,
        typer.Option(
            parser=named_path,
            metavar="FILE.csv",
            help="Also write loss, learning rate and PSNR as CSV.",
            show_default=False,
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace files that exist.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Train a network on your own images, or fine-tune one.

    The state is written beside the output now and then. Ctrl-C ends the training
    after the step that it is in; the same command with `--resume` goes on from there
    as if nothing had happened.

    For instance:

        napari-vdsr train images/ --output mine.safetensors

        napari-vdsr train images/ --output mine.safetensors --start-from vdsr20

        napari-vdsr train images/ --output mine.safetensors --start-from vdsr20
        --recipe microscope --sampling camera --steps 500

        napari-vdsr train high/ --low low/ --output mine.safetensors --log mine.csv
    """
    from napari_vdsr.cli.training import Job, configured

    changes: dict[str, Any] = {
        "variant": None if variant is None else variant.value,
        "depth": depth,
        "steps": steps,
        "factors": tuple(factor) if factor else None,
        "patch": patch,
        "batch": batch,
        "learning_rate": learning_rate,
        "kernel": None if kernel is None else kernel.value,
        "sampling": sampling,
        "spot": spot,
        "blur": blur,
        "noise": noise,
        "blind_noise": blind_noise,
        "read_noise": read_noise,
        "clean": clean,
        "seed": seed,
        "precision": precision,
    }
    name = recipe.value if recipe else "adapt" if start_from else "quick"
    job = Job(
        images=images,
        low=low,
        validation=validation,
        domain=domain,
        output=output,
        log=log,
        config=configured(name, changes),
        start_from=start_from,
        device=device,
        resume=resume,
        overwrite=overwrite,
        add=add,
        as_json=as_json,
    )
    job.run()
