"""`napari-vdsr upscale`: enlarging files and folders."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from napari_vdsr.cli.console import note, print_json
from napari_vdsr.cli.options import (
    Axes,
    Json,
    Overwrite,
    named_path,
    option,
    takes_run_options,
)
from napari_vdsr.errors import FileError, InputError
from napari_vdsr.options import RunOptions


def _named(text: str) -> str:
    """Check a name, and keep it as it was written: in the end a slash or none."""
    named_path(text)
    return text


@takes_run_options()
def upscale(
    source: Annotated[
        Path,
        typer.Argument(
            parser=named_path,
            metavar="IN",
            help="Image file (TIFF, OME-Zarr, PNG, JPEG, BMP) or folder of images.",
        ),
    ],
    out: Annotated[
        str,
        typer.Argument(
            parser=_named,
            metavar="OUT",
            help="File to write, whose ending decides the format (.tif, .ome.tif, "
            ".zarr, .png …); or folder, made when it is missing, which gets a file of "
            "the same name for each image. For one image, end the name of a folder to "
            "be made in a slash.",
        ),
    ],
    factor: Annotated[
        str | None,
        option(
            "How much larger: any number from 1 to 8, or one for Y and one for "
            "X as in 2.0,3.0.  [default: 2]",
            "NUMBER",
        ),
    ] = None,
    pixel_size: Annotated[
        str | None,
        option(
            "Instead of a factor: the pixel size wanted, in the unit of the file "
            "(0.05) or in another (50nm); Y and X as in 0.05,0.1.",
            "LENGTH",
        ),
    ] = None,
    *,
    options: RunOptions,
    spread: Annotated[
        Path | None,
        option(
            "With --ensemble: also write how far its results differ, the standard "
            "deviation in the unit of the image, into this TIFF file: where it is "
            "large, the network is not sure.",
            "FILE.tif",
            parser=named_path,
        ),
    ] = None,
    axes: Axes = None,
    rgb: Annotated[
        bool | None,
        typer.Option(
            "--rgb/--no-rgb",
            help="Whether the last axis holds colours, to be enlarged together, or "
            "channels of their own.  [default: as the file says]",
            show_default=False,
        ),
    ] = None,
    overwrite: Overwrite = False,
    skip_existing: Annotated[
        bool,
        typer.Option(
            "--skip-existing",
            help="With a folder: leave out images whose result exists, to go on after "
            "an interruption.",
        ),
    ] = False,
    ome_zarr: Annotated[
        Literal["0.4", "0.5"],
        typer.Option("--ome-zarr", help="Version of OME-Zarr to write."),
    ] = "0.5",
    workers: Annotated[
        int | None,
        option(
            "For OUT.zarr: work in so many processes on this machine, each on a "
            "GPU of its own where there are several.",
            "N",
            min=1,
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        option(
            "For OUT.zarr: work on the machines of a dask cluster, such as "
            "tcp://10.0.0.1:8786. All of them have to see IN and OUT.",
            "ADDRESS",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Enlarge images with a super-resolution network.

    Only Y and X are enlarged; stacks and channels go plane by plane. Bit depth, axes
    and metadata of TIFF, OME-TIFF and ImageJ files are kept, and the pixel size is
    divided by the factor. The source is never changed, and a result is there whole
    or not at all. What an image says of itself (see `napari-vdsr describe`) is told
    beforehand, and changes nothing.

    An OME-Zarr is made chunk by chunk, with a pyramid, in memory that does not depend
    on its size. When that is interrupted, the same command goes on where it ended.
    Large TIFF files are read and written by parts as well.

    With a folder, the images in it and in the folders within are enlarged; one that
    fails is reported at the end and does not stop the others (exit status 1).

    For instance:

        napari-vdsr upscale cells.ome.tif cells-x2.ome.tif

        napari-vdsr upscale photo.png large.png --factor 3

        napari-vdsr upscale stack.tif fine.tif --pixel-size 50nm

        napari-vdsr upscale images/ enlarged/ --factor 4 --json

        napari-vdsr upscale cells.tif sharp.tif --ensemble --spread unsure.tif

        napari-vdsr upscale slide.zarr slide-x2.zarr --workers 2
    """
    from napari_vdsr.cli.enlarging import Settings, described, enlarge_folder
    from napari_vdsr.files.atomic import make_folder
    from napari_vdsr.files.folders import result_name
    from napari_vdsr.files.zarr_chunks import ZARR_SUFFIX, is_zarr_folder

    # Each of zarr's threads would keep the memory that it has freed to itself.
    os.environ.setdefault("ZARR_THREADING__MAX_WORKERS", "1")
    if not source.exists():
        raise FileError(f"cannot read {source}: it does not exist")
    target = Path(out)
    to_folder = target.suffix.lower() != ZARR_SUFFIX and (
        target.is_dir() or out.endswith((os.sep, os.altsep or os.sep))
    )
    many = source.is_dir() and not is_zarr_folder(source)
    if many and target.suffix.lower() == ZARR_SUFFIX:
        raise InputError(
            f"{source} is a folder of images, and {target} would be one, too: choose a "
            "name that does not end in .zarr"
        )
    if skip_existing and not many:
        raise InputError(f"--skip-existing is for folders, but {source} is one image")
    if spread is not None and many:
        raise InputError(f"--spread is for one image, but {source} is a folder of them")
    if spread is not None and not options.ensemble:
        raise InputError(
            f"--spread {spread} is how far the results of an ensemble differ: give "
            "--ensemble, too"
        )
    settings = Settings.checked(
        factor=factor,
        pixel_size=pixel_size,
        options=options,
        elsewhere=workers is not None or scheduler is not None,
        axes=axes,
        rgb=rgb,
        overwrite=overwrite,
        ome_zarr=ome_zarr,
        spread=spread,
    )
    with _cluster(workers, scheduler) as cluster:
        settings = replace(settings, cluster=cluster)
        if many:
            results = enlarge_folder(source, target, settings, skip_existing)
        else:
            if to_folder:
                target = make_folder(target) / result_name(source)
            results = [described(settings.enlarge(source, target))]
    failed = sum("error" in result for result in results)
    skipped = sum("skipped" in result for result in results)
    done = len(results) - failed - skipped
    if many:
        there = f", {skipped} were there" if skipped else ""
        note(f"{done} of {len(results)} images done{there}, {failed} failed")
    if as_json:
        print_json({"results": results, "done": done, "failed": failed})
    if failed:
        raise typer.Exit(1)


@contextmanager
def _cluster(workers: int | None, scheduler: str | None) -> Iterator[Any]:
    """The cluster that was asked for, or None."""
    if workers is not None and scheduler is not None:
        raise InputError(
            f"--workers {workers} and --scheduler {scheduler}: give one of them"
        )
    if workers is None and scheduler is None:
        yield None
        return
    from napari_vdsr.lazy.cluster import connected, started

    where = started(workers or 1) if scheduler is None else connected(scheduler)
    with where as cluster:
        yield cluster
