"""`napari-vdsr describe`: what an image file says about itself."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_vdsr.cli.console import note, print_json, show
from napari_vdsr.cli.options import Axes, Json, named_path

if TYPE_CHECKING:
    from napari_vdsr.files.opening import OpenImage


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


def describe_beforehand(path: Path, image: "OpenImage", axes: str) -> dict[str, Any]:
    """Tell the user in a line what an image says about itself, and return it for JSON.

    Any error becomes that line, because it is no reason not to enlarge the image.
    Damage is left to the enlargement, which meets it as well, to tell of.
    """
    from napari_vdsr.evaluation.description import UNREADABLE, describe_image

    try:
        report = describe_image(image, axes=axes)
    except Exception as error:
        message = f"cannot say anything about the image: {error}"
        note(f"{path}: {message}")
        return {"summary": message, "unknown": [message]}
    if not any(each.startswith(UNREADABLE) for each in report.unknown):
        note(f"{path}: {report.summary}")
    return report.to_json()
