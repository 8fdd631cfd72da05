"""`napari-vdsr evaluate` and `psnr`: images scored against the truth."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from napari_vdsr.cli.console import progress_bar, show_result
from napari_vdsr.cli.options import (
    Json,
    Overwrite,
    named_path,
    option,
    takes_run_options,
)
from napari_vdsr.errors import FileError, InputError
from napari_vdsr.options import RunOptions

if TYPE_CHECKING:
    from napari_vdsr.evaluation.report import Evaluation


Protocol = Literal["A", "direct"]
Sampling = Literal["scanner", "camera", "reduced", "gaussian"]


@takes_run_options(without=("model", "intensity_range"), precision="float32")
def evaluate(
    folder: Annotated[
        Path,
        typer.Argument(
            parser=named_path,
            metavar="FOLDER",
            help="Folder of high-resolution images, or one image.",
        ),
    ],
    factor: Annotated[
        list[float] | None,
        option(
            "A whole factor from 2 to 8; may be given several times.  "
            "[default: 2, 3, 4]",
            "NUMBER",
        ),
    ] = None,
    model: Annotated[
        list[str] | None,
        option(
            "Name of a model or a weight file; may be given several times.  "
            "[default: the one that is meant for it, vdsr20 under protocol A]",
            "MODEL",
        ),
    ] = None,
    protocol: Annotated[
        Protocol | None,
        option(
            "A: as the papers score, on luminance. direct: from images that are "
            "rounded to their own bit depth, as low-resolution files would be.  "
            "[default: A, or direct with --sampling or --noise]",
            "A|direct",
            case_sensitive=False,
        ),
    ] = None,
    sampling: Annotated[
        Sampling | None,
        option(
            "How are the images taken? scanner = points (confocal, two-photon, "
            "SEM), camera = areas of pixels, reduced = by software, gaussian = by "
            "scikit-image.  [default: as each model was trained for]",
            "scanner|camera|reduced|gaussian",
        ),
    ] = None,
    noise: Annotated[
        str | None,
        option(
            "Noise added to the small images: weak, strong, estimated (as much "
            "as the image has itself), or electrons at white: 900 is strong, 8000 "
            "weak.  [default: none]",
            "LEVEL",
        ),
    ] = None,
    low: Annotated[
        Path | None,
        option(
            "Real low-resolution images of the same names: nothing is reduced, "
            "and the factor is the ratio of the sizes.",
            "FOLDER",
            parser=named_path,
        ),
    ] = None,
    *,
    options: RunOptions,
    csv: Annotated[
        Path | None, option("Also write the figures as CSV.", "FILE", parser=named_path)
    ] = None,
    grid: Annotated[
        Path | None,
        option(
            "Also draw the first image at the first factor: truth, input and "
            "results with their PSNR, a detail and the errors.",
            "FILE.png",
            parser=named_path,
        ),
    ] = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Score models in decibels, with interpolation beside them.

    Each image is reduced, enlarged again and compared with what it was: PSNR and
    SSIM per image and on average, and the time taken. The protocol is printed with
    the figures, as they depend on it. Beside each model stand bicubic interpolation,
    cubic splines, and the best Gaussian before a spline, which is chosen with the
    truth in hand: nobody has it for a new image.

    For instance:

        napari-vdsr evaluate Set5

        napari-vdsr evaluate Set5 --factor 2 --model vdsr20 --model mine.safetensors

        napari-vdsr evaluate cells/ --factor 2 --sampling scanner --noise strong

        napari-vdsr evaluate truth/ --low camera/ --csv figures.csv
    """
    from napari_vdsr.cli.models import loaded_model
    from napari_vdsr.evaluation.evaluate import compare
    from napari_vdsr.evaluation.evaluate import evaluate as evaluate_images
    from napari_vdsr.evaluation.figure import save_picture
    from napari_vdsr.files.atomic import replacing

    _check_outputs(csv, grid, overwrite=overwrite)
    _spare_inputs((csv, grid), (folder, low, *map(Path, model or ())))
    for_reduced = {"factor": factor, "grid": grid, "sampling": sampling, "noise": noise}
    given = [name for name, value in for_reduced.items() if value not in (None, [])]
    if low is not None and given:
        raise InputError(
            f"--{given[0]} is for images that are reduced here: leave it out with --low"
        )
    if protocol is None:
        protocol = "A" if sampling is None and noise is None else "direct"
    setup: Any = {"protocol": protocol, "sampling": sampling, "noise": noise}
    if not folder.exists():
        raise FileError(f"{folder} does not exist")
    factors: Any = factor or [2, 3, 4]
    run: dict[str, Any] = {
        "model": [loaded_model(name) for name in model] if model else None,
        "options": options,
    }
    with progress_bar("scoring", "image") as bar:
        if low is None:
            result = evaluate_images(
                folder, factors=factors, progress=bar, **setup, **run
            )
        else:
            result = _evaluate_pairs(folder, low, progress=bar, **run)
    show_result(result.to_json(), result.to_text(), as_json)  # whatever files do then
    if csv is not None:
        with replacing(csv, overwrite=overwrite) as temporary:
            temporary.write_text(result.to_csv(), encoding="utf-8")
    if grid is not None:
        scored = result.rows[0].image
        first = folder / scored if folder.is_dir() else folder
        drawn = compare(first, factors[0], **setup, **run)
        save_picture(grid, drawn, overwrite=overwrite)


def _evaluate_pairs(high: Path, low: Path, **options: Any) -> "Evaluation":
    """Score pairs of files with the same names."""
    from napari_vdsr.evaluation.evaluate import evaluate_pairs
    from napari_vdsr.images.find import named

    if high.resolve() == low.resolve():
        raise InputError(
            f"--low {low} is {high} itself: name other images of the same fields"
        )
    found = {path: named(path) for path in (high, low)}
    if all(each.images[0].image != path for path, each in found.items()):  # folders
        names, partners = (
            {image.name for image in each.images} for each in found.values()
        )
        lonely = sorted(partners.symmetric_difference(names))
        if lonely:
            raise InputError(
                f"{high} and {low} must hold the same names: {lonely[0]} is in one only"
            )
    return evaluate_pairs(found[high], found[low], **options)


def _check_outputs(csv: Path | None, grid: Path | None, *, overwrite: bool) -> None:
    """Refuse output files that cannot be written, before the work begins."""
    from napari_vdsr.files.atomic import already_there, check_place

    if grid is not None and grid.suffix.lower() != ".png":
        raise InputError(
            f"--grid {grid}: the picture is a PNG file, so its name must end in .png"
        )
    if csv is not None and grid is not None and csv.absolute() == grid.absolute():
        raise InputError(f"--csv and --grid are the same file, {csv}: name two")
    for path in (csv, grid):
        if path is None:
            continue
        check_place(path)
        if path.exists() and not overwrite:
            raise FileError(already_there(path))


def _spare_inputs(outputs: Iterable[Path | None], given: Iterable[Path | None]) -> None:
    """Refuse to replace an image, a pack or a model that is read."""
    from napari_vdsr.files.image_files import Inputs
    from napari_vdsr.images.find import named
    from napari_vdsr.images.open_any import Packed

    replaced = [path for path in outputs if path is not None and path.exists()]
    if not replaced:
        return
    there = [path for path in given if path is not None and path.exists()]
    files = [path for path in there if path.is_file()]
    for folder in (path for path in there if path.is_dir()):
        images = [each.image for each in named(folder).images]
        files += [each.pack if isinstance(each, Packed) else each for each in images]
    inputs = Inputs(files)
    for path in replaced:
        inputs.check(path)


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
    files = {"reference": str(reference), "image": str(image)}
    show_result(files | report.to_json(), report.to_text(), as_json)
