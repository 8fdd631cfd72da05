"""`napari-vdsr describe`: what an image file says about itself."""

from pathlib import Path
from typing import Annotated

import typer

from napari_vdsr.cli.console import print_json, show
from napari_vdsr.cli.options import Axes, Json, named_path


def describe(
    image: Annotated[
        Path, typer.Argument(parser=named_path, metavar="IMAGE", help="The image file.")
    ],
    axes: Axes = None,
    as_json: Json = False,
) -> None:
    """Tell what an image says of itself: noise, detail, past, and the model for it.

    At most nine parts of it are read, which takes a few seconds whatever its size.
    Noise is given as variance against signal, with how sure that is. Detail coarser
    than the pixels means that enlarging cannot help. Saturation, few values and the
    grid of JPEG are said.

    For instance:

        napari-vdsr describe cells.ome.tif

        napari-vdsr describe cells.ome.tif --json
    """
    from napari_vdsr.evaluation.description import describe_image

    report = describe_image(image, axes=axes)
    if as_json:
        print_json({"file": str(image)} | report.to_json())
    else:
        show(f"{report.summary}\n\n{report.to_text()}")
