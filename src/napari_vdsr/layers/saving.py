"""Layers, enlarged or as they are, into files: part by part, so none is in memory."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import FileError, InputError
from napari_vdsr.files.folders import TIFF_SUFFIXES
from napari_vdsr.files.image_files import Inputs, check_name, write_image
from napari_vdsr.files.ngff import ngff_order
from napari_vdsr.files.ome_zarr_writer import (
    ZarrPlan,
    described,
    discard,
    finish_zarr,
    part_of,
    start_zarr,
    writing_alone,
)
from napari_vdsr.files.opening import OpenImage, Pixels, Sliced, reordered
from napari_vdsr.files.partial_zarr import Chunk, PartialZarr
from napari_vdsr.files.picture import (
    AXIS_TYPES,
    FREE_LETTERS,
    Axis,
    Metadata,
    Multiscale,
    Picture,
    planned_array,
)
from napari_vdsr.files.zarr_chunks import ZARR_SUFFIX
from napari_vdsr.imaging.geometry import Axes, Enlargement
from napari_vdsr.imaging.resample import reduced_shapes, region_of_level
from napari_vdsr.layers.plan import LayerPlan, level_data, plan_layer
from napari_vdsr.options import RunOptions
from napari_vdsr.pipeline import Target, Task, upscale_file
from napari_vdsr.progress import Progress
from napari_vdsr.version import __version__

if TYPE_CHECKING:
    from napari.layers import Image


_LABELS = {"T": ("t", "time"), "C": ("c", "ch", "channel"), "Z": ("z",)}


def save_enlarged(
    layer: "Image",
    plan: LayerPlan,
    data: Any,
    path: Path,
    options: RunOptions,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> None:
    """Enlarge a full layer into an OME-Zarr or a TIFF file.

    `data` is the level that the plan was made for; only what is needed is read of it.
    With `overwrite`, a file or zarr that is there may be replaced, and an unfinished
    one of another image thrown away. All else is as for `upscale_file`. Raises
    `InputError` when the layer cannot be stored in such a file or shows that very file,
    and `FileError` when it cannot be written.
    """
    from napari_vdsr.inference.engine import in_use
    from napari_vdsr.lazy.graph import files_of, identity_of

    if path.suffix.lower() not in (*TIFF_SUFFIXES, ZARR_SUFFIX):
        raise InputError(
            f"{path} cannot be written part by part: choose a .tif or .zarr"
        )
    opened = layer.source.path  # by napari
    files = files_of(data)
    if opened and Path(opened).exists():
        files.add(Path(opened))
    sources = Inputs(files)
    check_name(path, overwrite=overwrite, source=sources)
    picture = picture_of(layer, plan, data.dtype)
    pixels = _pixels_of(data)
    image = OpenImage(
        picture,
        pixels,
        partial(identity_of, layer.name, data, files),
        lambda: replace(picture, array=pixels[(slice(None),) * data.ndim]),
    )
    enlargement = Enlargement(
        plan.axes, plan.shape, plan.plane_shape, plan.plane_factors
    )
    upscale_file(
        Task(image, picture, picture.axes, enlargement, lambda: image),
        Target(path, overwrite),
        in_use(options.loaded(progress).with_range(data)),
        source=sources,
        progress=progress,
    )


def store_layer(layer: "Image", path: Path) -> None:
    """Write the finest level of a layer, and where it lies, to a file.

    A name that ends in ``.zarr`` makes an OME-Zarr with a pyramid, others make TIFF
    files. What is there is replaced, but not what the layer is read from. Nothing is
    left when it fails. Raises `InputError` when the file cannot hold the layer, and
    `FileError` when it cannot be written.
    """
    from napari_vdsr.lazy.graph import files_of

    data = level_data(layer)
    check_name(path, overwrite=True, source=Inputs(files_of(data)))
    plan = plan_layer(layer, 1)
    picture = picture_of(layer, plan, data.dtype)
    pixels = _pixels_of(data)
    if path.suffix.lower() == ZARR_SUFFIX:
        _store_zarr(path, picture, pixels, plan.axes)
        return
    order = plan.axes.moved_last(len(picture.axes))
    parts = reordered(pixels, order)
    write_image(path, picture.reordered(order), pixels=parts, overwrite=True)


def _store_zarr(path: Path, picture: Picture, pixels: Pixels, axes: Axes) -> None:
    order = ngff_order(picture.axes, str(path))
    source, axes = reordered(pixels, order), axes.ordered(order)
    plan = ZarrPlan(
        [source.shape, *reduced_shapes(source.shape, axes)],
        "".join(picture.axes[axis] for axis in order),
        np.dtype(source.dtype.name),
        described(picture).ordered(order),
    )
    job = {"version": __version__, "axes": picture.axes, "saved": True}
    with writing_alone(path):
        if os.path.lexists(part_of(path)):
            raise FileError(
                f"{part_of(path)} is there already, an unfinished result: finish or "
                "remove it, or choose another name"
            )
        try:
            part = start_zarr(path, plan, job, overwrite=True)
            part.finish(partial(_stored, part, source, axes))
            finish_zarr(part, path, plan, job, overwrite=True)
        except BaseException:
            discard(path)
            raise


def _stored(
    part: PartialZarr, source: Pixels, axes: Axes, level: int, chunks: Sequence[Chunk]
) -> Iterator[tuple[Chunk, int]]:
    """Write chunks of a level: those of the source, or means of the level below."""
    for chunk in chunks:
        region = part.region(level, chunk)
        if level == 0:
            made = source[region]
        else:
            below = part.pixels[level - 1]
            made = region_of_level(below, part.shapes[level], axes, region)
        yield chunk, part.write(level, chunk, made)


def _pixels_of(data: Any) -> Sliced:
    """The array of a layer, as files want it: in memory where it is sliced."""
    from napari_vdsr.lazy.graph import readable

    source, dtype = readable(data), np.dtype(data.dtype).newbyteorder("=")

    def read(parts: tuple[slice, ...]) -> NDArray[Any]:
        return np.asarray(source[parts]).astype(dtype, copy=False)

    return Sliced([int(size) for size in data.shape], dtype, read)


def picture_of(layer: "Image", plan: LayerPlan, dtype: Any) -> Picture:
    """Describe a layer as a file would be described, without its pixels.

    Raises `InputError` when the layer is rotated, sheared or has another affine
    transform.
    """
    _refuse_slant(layer)
    axes = _letters(layer.axis_labels, plan)
    places = _places(layer, axes)
    size, unit = places.pixel_size(*plan.yx)
    shape = plan.level_shape + ((plan.samples,) if plan.samples else ())
    return Picture(
        planned_array(shape, np.dtype(dtype).newbyteorder("=")),
        axes,
        rgb=bool(plan.samples),
        pixel_size=size if unit else None,
        unit=unit,
        metadata=Metadata(multiscale=places),
    )


def _refuse_slant(layer: "Image") -> None:
    straight = np.allclose(layer.affine.affine_matrix, np.eye(layer.ndim + 1))
    shear = np.asarray(layer.shear, dtype=float)
    if straight and np.allclose(layer.rotate, np.eye(layer.ndim)) and not shear.any():
        return
    raise InputError(
        f"{layer.name!r} is rotated, sheared or moved by an affine transform, which "
        "these files cannot say: use Run, and save its result with napari"
    )


def _letters(labels: Sequence[str], plan: LayerPlan) -> str:
    """A letter for each axis: by its label, or else Z and T from the back."""
    letters = [""] * len(labels)
    letters[plan.yx[0]], letters[plan.yx[1]] = "Y", "X"
    for place, label in enumerate(labels):
        for letter, names in _LABELS.items():
            if str(label).lower() in names and not letters[place]:
                letters[place] = "" if letter in letters else letter
    free = (letter for letter in f"ZT{FREE_LETTERS}" if letter not in letters)
    for place in range(len(labels) - 1, -1, -1):
        letters[place] = letters[place] or next(free)
    return "".join(letters) + ("S" if plan.samples else "")


def _places(layer: "Image", axes: str) -> Multiscale:
    """Scale, units and contrast of a layer in the words of OME-Zarr."""
    units = [str(unit) for unit in layer.units]
    told = [
        Axis(letter.lower(), AXIS_TYPES.get(letter), None if unit == "pixel" else unit)
        for letter, unit in zip(axes, units, strict=False)
    ]
    scale, translate = (
        [float(value) for value in values] for values in (layer.scale, layer.translate)
    )
    if "S" in axes:
        told.append(Axis("c", "channel"))
        scale.append(1.0)
        translate.append(0.0)
    omero = None
    if not {"C", "S"} & set(axes):
        low, high = (float(limit) for limit in layer.contrast_limits)
        least, most = (float(limit) for limit in layer.contrast_limits_range)
        window = {"min": least, "max": most, "start": low, "end": high}
        red, green, blue = (round(255 * c) for c in layer.colormap.colors[-1][:3])
        colour = f"{red:02X}{green:02X}{blue:02X}"
        channel = {"label": layer.name, "color": colour, "window": window}
        omero = {"channels": [channel]}
    return Multiscale(tuple(told), tuple(scale), tuple(translate), layer.name, omero)
