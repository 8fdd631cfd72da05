"""Writing an OME-Zarr image chunk by chunk, so that it can be resumed.

While it is written it lies beside its place, in a folder whose name ends in
``.part``. A file of each level, ``.zsums``, has the checksum of every chunk that is
finished, and stays for those who read the image. A run that resumes takes only those
chunks for good; everything else is written again.
"""

import json
import math
import os
import secrets
import shutil
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_vdsr.errors import FileError, InputError
from napari_vdsr.files.atomic import bounded_name, locked, resolved, writing_to
from napari_vdsr.files.ngff import (
    OWN,
    NgffVersion,
    completed_omero,
    has_windows,
    ngff_attributes,
    omero_of_colours,
)
from napari_vdsr.files.partial_zarr import (
    WORK_IS_KEPT,
    PartialZarr,
    check_existing_zarr,
    foreign_files,
    move_into_place,
    sweep,
)
from napari_vdsr.files.picture import AXIS_TYPES, NGFF_UNITS, Axis, Multiscale, Picture
from napari_vdsr.files.tiff_metadata import ome_channels, ome_steps
from napari_vdsr.files.zarr_chunks import SUMS, is_zarr, zarr_library

if TYPE_CHECKING:
    import numpy as np

_EDGE = 512  # pixels a side of a chunk


@dataclass(frozen=True)
class ZarrPlan:
    """An image that is to be written, its axes in the order of OME-Zarr.

    `axes` has a letter for each axis, S for colours. `shapes` are those of all levels,
    the finest first.
    """

    shapes: Sequence[tuple[int, ...]]
    axes: str
    dtype: "np.dtype[Any]"
    multiscale: Multiscale
    version: NgffVersion = "0.5"

    def chunks(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of a chunk: one plane of at most 512 pixels a side, all colours."""
        return tuple(
            min(size, _EDGE) if axis in "YX" else size if axis == "S" else 1
            for axis, size in zip(self.axes, shape, strict=True)
        )


def part_of(target: Path) -> Path:
    """The folder that holds an image until it is complete."""
    target = resolved(target)
    # the longest name made of it is ".NAME.part.12345678"
    return target.with_name(f"{bounded_name(target.name, 235)}.part")


def writing_alone(target: Path) -> AbstractContextManager[None]:
    """Let no other run write the same image meanwhile."""
    part = part_of(target)
    return locked(
        part.with_name(f"{part.name}.lock"),
        f"another run is writing {target}: wait for it, or stop it and run the same "
        "command again, which resumes it",
    )


def start_zarr(
    target: Path, plan: ZarrPlan, job: Mapping[str, Any], *, overwrite: bool
) -> PartialZarr:
    """Make the folder that is written to, or resume one that is there.

    `job` is all that the pixels depend on, in values that JSON can hold; it becomes
    part of the attributes. With `overwrite` an unfinished image of another job may be
    thrown away.
    """
    zarr_library()
    check_existing_zarr(target, overwrite=overwrite)
    part = part_of(target)
    job = json.loads(json.dumps(job))
    if plan.dtype.itemsize > 8:
        raise InputError(
            f"zarr cannot hold {plan.dtype.name}, as {target} would be: convert it"
        )
    with writing_to(target, WORK_IS_KEPT):
        if os.path.lexists(part):
            ours = (part / "0" / SUMS).is_file() or _job_of(part) is not None
            reason = "was not begun by this program, or its metadata are damaged"
            if ours and not (reason := _difference(part, plan, job)):
                sweep(part)
                return PartialZarr(part)
            foreign = next(foreign_files(part), None)
            ours = ours or is_zarr(part) or is_zarr(part / "0")
            if foreign is not None or not (overwrite and ours):
                raise FileError(
                    f"{part} is there already and {reason}: to start anew remove it, "
                    "choose another name, or allow --overwrite, unless it holds files "
                    "that are no parts of a zarr"
                )
            shutil.rmtree(part)
        # Made under another name: a part that is there is complete in its metadata.
        new = part.with_name(f".{part.name}.{secrets.token_hex(4)}")
        try:
            _create(str(new), plan, job)
            os.rename(new, part)
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise
    return PartialZarr(part)


def discard(target: Path) -> None:
    """Remove an unfinished image that no run can finish."""
    shutil.rmtree(part_of(target), ignore_errors=True)


def _job_of(part: Path) -> Mapping[str, Any] | None:
    """What an unfinished image was begun for, if that can be read."""
    try:
        job = zarr_library().open_group(str(part), mode="r").attrs[OWN]
    except Exception:  # whatever is wrong with it
        return None
    return job if isinstance(job, dict) else None


def _difference(part: Path, plan: ZarrPlan, job: Mapping[str, Any]) -> str:
    """In what an unfinished image differs from a job; empty when it is the same."""
    begun = _job_of(part)
    if begun is not None:
        for key in {**job, **begun}:
            was, now = begun.get(key), job.get(key)
            if was == now:
                continue
            if isinstance(was, dict) and isinstance(now, dict):
                inner = next(k for k in {**was, **now} if was.get(k) != now.get(k))
                key, was, now = f"{key} {inner}", was.get(inner), now.get(inner)
            return (
                f"was begun with another {key} ({was} then, {now} now); run the same "
                "command as then to resume it"
            )
    damage = _damaged_metadata(part, plan, job)
    if begun is None:
        damage = damage or "it does not say what it was begun for"
    return f"is damaged ({damage})" if damage else ""


def _damaged_metadata(part: Path, plan: ZarrPlan, job: Mapping[str, Any]) -> str:
    """Which of the files that describe an image is not as it was written, and how.

    The attributes are not looked at: they are written again at the end.
    """
    expected: dict[str, Any] = {}
    _create(zarr_library().storage.MemoryStore(expected), plan, job)
    for name, content in expected.items():
        try:
            found = json.loads((part / name).read_bytes())
        except FileNotFoundError:
            return f"its {name} is missing"
        except (OSError, ValueError, RecursionError) as error:
            return f"its {name} cannot be read: {error}"
        written = json.loads(content.to_bytes())
        if not isinstance(found, dict):
            return f"its {name} was changed"
        changed = {
            key for key in {**found, **written} if found.get(key) != written.get(key)
        }
        if name != ".zattrs" and changed - {"attributes"}:
            return f"its {name} was changed: {', '.join(sorted(changed))}"
    return ""


def _create(where: Any, plan: ZarrPlan, job: Mapping[str, Any]) -> None:
    """Write all that describes an image, into a folder or a store of zarr."""
    zarr = zarr_library()
    old = plan.version == "0.4"
    attributes = ngff_attributes(plan.multiscale, plan.shapes, plan.version)
    group = zarr.create_group(
        where, zarr_format=2 if old else 3, attributes={**attributes, OWN: job}
    )
    options: dict[str, Any]
    if old:  # blosc: the one codec that every reader of zarr 2 knows
        from numcodecs import Blosc

        options = {
            "compressors": Blosc("zstd", clevel=3, shuffle=Blosc.SHUFFLE),
            "chunk_key_encoding": {"name": "v2", "separator": "/"},
        }
    else:
        from zarr.codecs import ZstdCodec

        options = {
            "compressors": ZstdCodec(level=3, checksum=True),
            "dimension_names": [axis.name for axis in plan.multiscale.axes],
        }
    for number, shape in enumerate(plan.shapes):
        chunks = plan.chunks(shape)
        group.create_array(
            str(number), shape=shape, chunks=chunks, dtype=plan.dtype, **options
        )


def finish_zarr(
    part: PartialZarr,
    target: Path,
    plan: ZarrPlan,
    job: Mapping[str, Any],
    *,
    overwrite: bool,
) -> None:
    """Complete the attributes of an image and move it to its place.

    Over a zarr there if that is allowed; the old one stays when the move fails. Raises
    `FileError` when anything of the image is not as it was made.
    """
    damage = _damaged_metadata(part.folder, plan, job)
    if not damage and (lost := part.lost()):
        damage = f"{len(lost)} chunks are missing, such as {lost[0]}"
    if damage:
        raise FileError(
            f"{part.folder} was changed while it was written ({damage}): run the same "
            "command again"
        )
    described = plan.multiscale
    if described.omero is not None and not has_windows(described.omero):
        limits = part.limits(plan.axes.index("C") if "C" in plan.axes else None)
        omero = completed_omero(described.omero, limits)
        described = replace(described, omero=omero)
    attributes = ngff_attributes(described, plan.shapes, plan.version)
    part.describe({**attributes, OWN: dict(job)})
    part.seal()
    move_into_place(part.folder, target, overwrite=overwrite)


def described(picture: Picture) -> Multiscale:
    """Axes and places of a picture from any file, in the words of OME-Zarr.

    What an OME-Zarr image said itself, or else what is known from the pixel size, with
    the first pixel at the origin.
    """
    said = picture.metadata.multiscale
    if said is not None and len(said.axes) == len(picture.axes):
        return said
    steps = dict.fromkeys(picture.axes, (1.0, None)) | _known_steps(picture)
    return Multiscale(
        tuple(
            Axis(
                "c" if axis == "S" else axis.lower(),
                AXIS_TYPES.get(axis),
                steps[axis][1],
            )
            for axis in picture.axes
        ),
        tuple(steps[axis][0] for axis in picture.axes),
        (0.0,) * len(picture.axes),
        omero=_known_channels(picture),
    )


def _known_steps(picture: Picture) -> dict[str, tuple[float, str | None]]:
    """Distance of neighbours, and its unit, along the axes that a file describes."""
    steps: dict[str, tuple[float, str | None]] = {}
    unit = NGFF_UNITS.get(picture.unit or "", picture.unit)
    for axis, size in zip("YX", picture.pixel_size or (), strict=False):
        steps[axis] = size, unit
    if picture.metadata.ome is not None:
        for axis, (size, given) in ome_steps(picture.metadata.ome).items():
            steps[axis] = size, NGFF_UNITS.get(given, given)
    imagej = picture.metadata.imagej or {}
    if _is_length(imagej.get("spacing")) and picture.unit is not None:
        steps["Z"] = float(imagej["spacing"]), unit
    if _is_length(imagej.get("finterval")):
        steps["T"] = float(imagej["finterval"]), "second"
    return steps


def _known_channels(picture: Picture) -> dict[str, Any] | None:
    """Names and colours of channels as an OME-TIFF gives them, or those of RGB."""
    if picture.rgb and "S" in picture.axes:
        samples = picture.array.shape[picture.axes.index("S")]
        return omero_of_colours(samples, picture.array.dtype)
    if picture.metadata.ome is None or "C" not in picture.axes:
        return None
    channels = ome_channels(picture.metadata.ome)
    size = picture.array.shape[picture.axes.index("C")]
    return {"channels": channels} if len(channels) == size else None


def _is_length(value: Any) -> bool:
    return isinstance(value, int | float) and 0 < value < math.inf
