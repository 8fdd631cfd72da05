"""Enlarging files and folders with the options of the command line."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_vdsr.cli.console import fetching_bar, note, note_traceback, progress_bar
from napari_vdsr.cli.options import parse_lengths, parse_pair
from napari_vdsr.errors import InputError, VdsrError, reason_beside
from napari_vdsr.files import Picture, list_images, open_image
from napari_vdsr.files.atomic import make_folder, resolved
from napari_vdsr.files.folders import result_places
from napari_vdsr.files.image_files import Inputs, check_name
from napari_vdsr.files.ngff import NgffVersion
from napari_vdsr.files.ome_zarr_writer import part_of
from napari_vdsr.files.opening import OpenImage
from napari_vdsr.files.partial_zarr import Counts
from napari_vdsr.files.picture import convert_length, normalise_unit
from napari_vdsr.files.zarr_chunks import ZARR_SUFFIX, is_zarr_folder
from napari_vdsr.imaging.geometry import (
    Enlargement,
    Factor,
    check_factor,
    find_axes,
    plan_enlargement,
)
from napari_vdsr.inference.engine import check_options, in_use
from napari_vdsr.options import RunOptions
from napari_vdsr.pipeline import Target, Task, upscale_file

if TYPE_CHECKING:
    from napari_vdsr.lazy.cluster import Cluster


_MARGINS = 20  # times the work, from which it is told


@dataclass(frozen=True)
class Settings:
    """How to enlarge, the same for every file."""

    factor: Factor  # used without a pixel size
    pixel_size: tuple[tuple[float, float], str | None] | None  # (height, width), unit
    # Device and precision in use; on a cluster, as they were asked for.
    options: RunOptions
    # Axes and rgb override what a file says.
    axes: str | None
    rgb: bool | None
    overwrite: bool
    ome_zarr: NgffVersion = "0.5"
    spread: Path | None = None  # the file of an ensemble's spread
    cluster: "Cluster | None" = None  # its workers make OME-Zarrs

    @classmethod
    def checked(
        cls,
        *,
        factor: str | None,
        pixel_size: str | None,
        options: RunOptions,
        elsewhere: bool,
        **others: Any,
    ) -> "Settings":
        """Read the options as typed, and reject wrong values before any image is read.

        `elsewhere` means that other machines compute, and only they know what they
        support. Raises `InputError` for a wrong value, `ModelError` when there is no
        such model.
        """
        if factor is not None and pixel_size is not None:
            raise InputError(
                f"--factor {factor} and --pixel-size {pixel_size}: give one of them"
            )
        numbers = 2.0 if factor is None else parse_pair(factor, "factor")
        check_factor(numbers)
        lengths = None if pixel_size is None else parse_lengths(pixel_size)
        with fetching_bar(options.model) as bar:
            options = options.loaded(bar)
        # Any range will do here: the right one is only known with the image.
        check_options(replace(options, intensity_range=(0, 1)))
        _tell_of_tiny_tiles(options)
        return cls(
            numbers, lengths, options if elsewhere else in_use(options), **others
        )

    def enlarge(self, source: Path, target: Path, prefix: str = "") -> dict[str, Any]:
        """Enlarge one file and return what was done, in plain values.

        Raises `VdsrError` or `MemoryError` when it cannot be done; no target is left
        then.
        """
        try:
            return self._enlarge(source, target, prefix)
        except MemoryError as error:
            reason = f": {error}" if str(error) else ""
            raise MemoryError(f"for enlarging {source}{reason}") from error

    def _enlarge(self, source: Path, target: Path, prefix: str) -> dict[str, Any]:
        check_name(target, overwrite=self.overwrite, source=source)
        if self.cluster is not None and target.suffix.lower() != ZARR_SUFFIX:
            raise InputError(
                f"workers write OME-Zarr only: let the name of {target} end in .zarr"
            )
        told = self.axes is not None or self.rgb is not None
        with open_image(source, axes_told=told) as image:
            picture, axes = self._named(image.picture, source)
            plan = self._plan(picture, axes, source)
            report = _describe(source, image, axes)
            started = time.perf_counter()
            opener = partial(open_image, source.resolve(), axes_told=told)
            task = Task(image, picture, axes, plan, opener, (source.resolve(),))
            with progress_bar(f"{prefix}{source.name}") as bar, _kept_chunks(target):
                done = upscale_file(
                    task,
                    Target(target, self.overwrite, self.ome_zarr, self.spread),
                    self.options,
                    source=source,
                    planes_last=is_zarr_folder(source),
                    cluster=self.cluster,
                    progress=bar,
                )
        enlarged = done.picture
        details = {} if done.chunks is None else _chunks_told(target, done.chunks)
        if self.spread is not None:
            details["spread"] = str(self.spread)
        return {
            "input": str(source),
            "output": str(target),
            "axes": enlarged.axes,
            "source_shape": [
                picture.array.shape[axes.index(axis)] for axis in done.axes
            ],
            "shape": list(enlarged.array.shape),
            "dtype": enlarged.array.dtype.name,
            "factor": list(plan.factors),
            "pixel_size": enlarged.pixel_size and list(enlarged.pixel_size),
            "unit": enlarged.unit,
            "seconds": time.perf_counter() - started,
            "model": self.options.load().name,
            "device": self.options.device,
            "precision": done.precision,
            "image": report,
            **details,
        }

    def _named(self, picture: Picture, source: Path) -> tuple[Picture, str]:
        """The picture with the axes that the user gave, and a letter for each axis."""
        shape = picture.array.shape
        if self.axes is not None:
            axes = self.axes.upper()
            find_axes(shape, axes, self.rgb)
            picture = replace(picture, axes=axes, rgb="S" in axes)
        elif self.rgb and not picture.rgb:
            picture = replace(picture, axes=_with_colours(picture), rgb=True)
        # Separate channels are still stored as colours in the file that is written.
        as_channels = self.rgb is False and self.axes is None
        looked_at = replace(picture, rgb=False) if as_channels else picture
        return picture, looked_at.unique_axes

    def _plan(self, picture: Picture, axes: str, source: Path) -> Enlargement:
        """Shape and factors of the result."""
        shape = picture.array.shape
        if self.pixel_size is None:
            return plan_enlargement(shape, self.factor, axes=axes)
        wanted, unit = self.pixel_size
        if picture.pixel_size is None:
            raise InputError(
                f"{source} does not say how large its pixels are: use --factor"
            )
        if unit is not None:
            mine, unit = picture.unit or "pixels", normalise_unit(unit) or unit
            height, width = (convert_length(size, unit, mine) for size in wanted)
            if height is None or width is None:
                raise InputError(
                    f"cannot turn a pixel size in {unit} into {mine}, the unit of the "
                    "file: give it without a unit, in that of the file"
                )
            wanted = height, width
        return plan_enlargement(
            shape, axes=axes, pixel_size=wanted, source_pixel_size=picture.pixel_size
        )


def _tell_of_tiny_tiles(options: RunOptions) -> None:
    """Say when most of the work is done for the margins of tiles."""
    halo = options.load().halo
    if isinstance(options.tile, int):
        work = (1 + 2 * halo / options.tile) ** 2
        if work > _MARGINS:
            note(
                f"warning: each tile of {options.tile} pixels is made with {halo} more "
                f"around it, which is {work:,.0f} times the work of large tiles"
            )


def described(result: dict[str, Any]) -> dict[str, Any]:
    """Tell the user what was done."""
    shapes = result["source_shape"], result["shape"]
    before, after = (" × ".join(map(str, shape)) for shape in shapes)
    note(
        f"{result['output']}: {result['axes']} {before} -> {after} {result['dtype']}, "
        f"{result['seconds']:.1f} s ({result['model']}, {result['device']}, "
        f"{result['precision']})"
    )
    return result


def enlarge_folder(
    source: Path, target: Path, settings: Settings, skip_existing: bool
) -> list[dict[str, Any]]:
    """Enlarge all images of a folder, continuing after one that fails."""
    inner, outer = resolved(source), resolved(target)
    if inner == outer or inner in outer.parents or outer in inner.parents:
        raise InputError(
            f"{target} and {source} are the same folder or lie within each other: "
            "choose a folder beside it for the results"
        )
    results: list[dict[str, Any]] = []

    def leave_out(error: OSError) -> None:
        folder = Path(error.filename or source)
        message = f"cannot list the folder {folder}: {error.strerror}"
        note(f"error: {message}: its images are left out")
        results.append(_failure(folder, "FileError", message))

    images = list_images(source, unreadable=leave_out)
    inputs, places = Inputs(images), result_places(images)
    for number, (image, place) in enumerate(zip(images, places, strict=True), start=1):
        output = target / place.relative_to(source)
        if skip_existing and output.exists():  # complete: it was moved into place
            note(f"{number}/{len(images)} {output} is there already")
            results.append(
                {"input": str(image), "output": str(output), "skipped": True}
            )
            continue
        try:
            make_folder(output.parent)
            inputs.check(output)
            result = settings.enlarge(image, output, f"{number}/{len(images)} ")
            results.append(described(result))
        except Exception as error:
            if not isinstance(error, (VdsrError, MemoryError)):
                note_traceback()
            message = str(error)
            if isinstance(error, MemoryError):
                message = f"not enough memory {message}"
            note(f"error: {image}: {reason_beside(image, message)}")
            results.append(_failure(image, type(error).__name__, message))
    return results


def _failure(path: Path, kind: str, message: str) -> dict[str, Any]:
    return {"input": str(path), "error": {"type": kind, "message": message}}


@contextmanager
def _kept_chunks(target: Path) -> Iterator[None]:
    """Say where finished chunks are when the work is interrupted."""
    try:
        yield
    except BaseException as error:
        part = part_of(target)
        in_zarr = target.suffix.lower() == ZARR_SUFFIX
        if in_zarr and part.is_dir() and not isinstance(error, VdsrError):
            note(f"finished chunks are kept in {part}: the same command resumes there")
        raise


def _chunks_told(target: Path, counts: Counts) -> dict[str, Any]:
    """Tell what was found of an earlier run, and return it for JSON."""
    if counts.good or counts.damaged:
        note(
            f"{target}: {counts.good} chunks of an earlier run are good, "
            f"{counts.damaged} are damaged and made again, {counts.missing} are new"
        )
    found, remade, made = counts.good, counts.damaged, counts.missing
    return {"chunks": {"found": found, "remade": remade, "made": made}}


def _with_colours(picture: Picture) -> str:
    """The axes of a picture, after the user said that one holds colours."""
    shape, axes = picture.array.shape, picture.axes
    if "C" in axes and "S" not in axes and shape[axes.index("C")] in (3, 4):
        return axes.replace("C", "S")
    find_axes(shape, rgb=True)
    return "Q" * (len(shape) - 3) + "YXS"


def _describe(path: Path, image: OpenImage, axes: str) -> dict[str, Any]:
    """Tell the user in a line what an image says about itself, and return it for JSON.

    Any error becomes that line, because it is no reason not to enlarge the image.
    Damage is left to the enlargement, which meets it as well, to tell of.
    """
    from napari_vdsr.evaluation.image_report import describe_image
    from napari_vdsr.images.open_any import UNREADABLE

    try:
        report = describe_image(image, axes=axes)
    except Exception as error:
        message = f"cannot say anything about the image: {error}"
        note(f"{path}: {message}")
        return {"summary": message, "unknown": [message]}
    if not any(each.startswith(UNREADABLE) for each in report.unknown):
        note(f"{path}: {report.summary}")
    return report.to_json()
