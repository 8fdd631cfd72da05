"""`napari-vdsr train`: a network from a folder of images."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from napari_vdsr.cli.options import Device, Json, Overwrite, named_path, option

# As in `napari_vdsr.training`, which help and wrong arguments need not wait for.
Recipe = Literal["modern", "paper", "course", "quick", "adapt", "microscope"]
Variant = Literal["equivariant", "paper", "course", "srcnn-915", "srcnn-955"]
Kernel = Literal["bicubic", "bilinear"]


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
        option(
            "quick: minutes on a CPU; modern: how the released models are made; "
            "paper and course: as published; adapt: to fine-tune; microscope: to "
            "fine-tune on what a microscope does, its sampling, spot and noise.  "
            "[default: quick, or adapt with --start-from]"
        ),
    ] = None,
    variant: Annotated[
        Variant | None, option("Kind of network.  [default: the recipe's]")
    ] = None,
    depth: Annotated[int | None, option("Layers.  [default: the recipe's]")] = None,
    steps: Annotated[
        int | None,
        option(
            "Updates of the weights; all stages of the recipe are stretched "
            "alike.  [default: the recipe's]"
        ),
    ] = None,
    factor: Annotated[
        list[float] | None,
        option(
            "How much the images are reduced; whole or not, may be given several "
            "times.  [default: the recipe's]"
        ),
    ] = None,
    patch: Annotated[int | None, option("Pixels per edge of a patch.")] = None,
    batch: Annotated[int | None, option("Patches per step.")] = None,
    learning_rate: Annotated[float | None, option("At its highest.")] = None,
    kernel: Annotated[
        Kernel | None, option("How reduced images are enlarged again.")
    ] = None,
    sampling: Annotated[
        str | None,
        option(
            "How were the images taken? scanner: point by point (confocal, "
            "two-photon, STED, SEM); camera: every pixel collects light over its area "
            "(widefield, spinning disk); reduced: made smaller by software; gaussian: "
            "by software that blurs first, as scikit-image does. Or shares of these, "
            "as in scanner=0.7,camera=0.3. For scanner and camera, images "
            "are used at half their size.  [default: the recipe's]",
            "HOW",
        ),
    ] = None,
    spot: Annotated[
        tuple[float, float] | None,
        option(
            "How wide is the spot of the instrument? Its least and its most "
            "standard deviation, in pixels of the coarse image; drawn for each patch "
            "and the same for the coarse image and the truth. 0 0 switches it off.  "
            "[default: the recipe's]",
            "LOW HIGH",
        ),
    ] = None,
    blur: Annotated[
        float | None,
        option(
            "Standard deviation of a blur of the coarse image alone, in pixels "
            "of the full-size image."
        ),
    ] = None,
    noise: Annotated[
        tuple[float, float, float] | None,
        option(
            "Noise of a camera that you know: electrons per count, counts in "
            "the dark, and read noise in electrons.",
            "GAIN OFFSET READ",
        ),
    ] = None,
    blind_noise: Annotated[
        tuple[float, float] | None,
        option(
            "Noise of unknown strength: least and most electrons (detected "
            "photons) where an image is brightest; drawn for each patch.  [default: "
            "the recipe's]",
            "WHITE_LOW WHITE_HIGH",
        ),
    ] = None,
    read_noise: Annotated[
        tuple[float, float] | None,
        option(
            "With noise of unknown strength: least and most read noise, in "
            "electrons.  [default: the recipe's, or 0 3]",
            "LOW HIGH",
        ),
    ] = None,
    clean: Annotated[
        float | None,
        option(
            "With noise of unknown strength: share of the patches without any, "
            "from 0 to 1; 1 switches it off.  [default: the recipe's, or 0.25]",
            "SHARE",
        ),
    ] = None,
    seed: Annotated[int | None, option("Decides weights and patches.")] = None,
    start_from: Annotated[
        str | None,
        option(
            "Fine-tune this model (a name or a file) instead of starting anew.", "MODEL"
        ),
    ] = None,
    low: Annotated[
        Path | None,
        option(
            "Registered low-resolution images of the same fields, in the same "
            "order: nothing is reduced.",
            "FOLDER",
            parser=named_path,
        ),
    ] = None,
    validation: Annotated[
        list[Path] | None,
        option(
            "Images to score on.  [default: some of FOLDER are held out]",
            "FOLDER",
            parser=named_path,
        ),
    ] = None,
    domain: Annotated[
        list[Path] | None,
        option(
            "Images that the second stage of the recipe modern leans to.",
            "FOLDER",
            parser=named_path,
        ),
    ] = None,
    device: Device = "auto",
    precision: Annotated[
        str | None,
        option(
            "Of the hidden layers: auto, float32, float16 or bfloat16.  "
            "[default: auto, the fastest that serves]",
            "NAME",
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
        option(
            "Also write loss, learning rate and PSNR as CSV.",
            "FILE.csv",
            parser=named_path,
        ),
    ] = None,
    overwrite: Overwrite = False,
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
        "variant": variant,
        "depth": depth,
        "steps": steps,
        "factors": tuple(factor) if factor else None,
        "patch": patch,
        "batch": batch,
        "learning_rate": learning_rate,
        "kernel": kernel,
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
    name = recipe or ("adapt" if start_from else "quick")
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
