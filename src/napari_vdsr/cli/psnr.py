"""`napari-vdsr psnr`: comparing two files."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from napari_vdsr.cli.console import print_json, show
from napari_vdsr.cli.options import Json, named_path, option


def psnr(
    reference: Annotated[
        Path,
        typer.Argument(
            parser=named_path, metavar="REFERENCE", help="The true image file."
        ),
    ],
    image: Annotated[
        Path,
        typer.Argument(
            parser=named_path, metavar="IMAGE", help="The image file to be judged."
        ),
    ],
    data_range: Annotated[
        float | None,
        option(
            "Peak value.  [default: 255 for 8-bit images, 1 for floats within "
            "0 and 1, otherwise the reference's maximum minus minimum]",
            "PEAK",
        ),
    ] = None,
    border: Annotated[
        int, typer.Option(metavar="PIXELS", help="Pixels to cut off at every side.")
    ] = 0,
    luminance: Annotated[
        Literal["auto", "yes", "no"],
        typer.Option(
            help="Whether to compare the luminance of colour images (auto, yes) or "
            "R, G and B together (no)."
        ),
    ] = "auto",
    fit: Annotated[
        bool,
        typer.Option(
            "--fit",
            help="Also report the range-invariant PSNR: after an affine fit of the "
            "image's intensities to the reference.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Measure how close an image is to a reference, in decibels.

    The data range that was used is always printed with its reason. Stacks are
    measured plane by plane: mean, minimum, maximum, and the PSNR of the mean error.

    For instance:

        napari-vdsr psnr truth.tif result.tif --fit

        napari-vdsr psnr truth.png result.png --border 2 --json
    """
    from napari_vdsr import api

    report = api.psnr(
        reference,
        image,
        data_range=data_range,
        border=border,
        luminance=luminance if luminance == "auto" else luminance == "yes",
        fit=fit,
    )
    if as_json:
        files = {"reference": str(reference), "image": str(image)}
        print_json(files | report.to_json())
    else:
        show(report.to_text())
