"""Writing TIFF, OME-TIFF and ImageJ TIFF."""

import warnings
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_vdsr.errors import InputError, VdsrWarning
from napari_vdsr.files.opening import Pixels
from napari_vdsr.files.picture import Picture, convert_length, normalise_unit
from napari_vdsr.files.tiff_metadata import enlarged_ome

_CLASSIC_LIMIT = 2**32 - 2**25  # bytes that 32-bit offsets reach, less some headers
_LONGEST_RATIO = 2.0**32 - 1  # a resolution is a fraction of numbers of 32 bits
TILE = 512  # pixels per edge of a tile, and rows of a strip
_BUFFER = 2**24  # bytes that are made before threads compress them
_OME_DTYPES = "bool int8 int16 int32 uint8 uint16 uint32 float32 float64 complex64"
_NOT_KEPT_BY_IMAGEJ = ("ImageJ", "images", "channels", "slices", "frames", "hyperstack")
_IMAGEJ_REGIONS = ("ROI", "Overlays")


def check_tiff(picture: Picture, *, name: str) -> None:
    """Raise `InputError` when a TIFF file of this name cannot hold the picture.

    A name that ends in ``.ome.tif`` asks for OME-TIFF.
    """
    if not _asks_for_ome(name):
        return
    if picture.array.dtype.name not in (*_OME_DTYPES.split(), "complex128"):
        raise InputError(
            f"OME-TIFF cannot hold {picture.array.dtype.name}, as {name} would be: "
            "write a plain .tif file"
        )
    if not _has_ome_axes(picture.axes):
        raise InputError(
            f"OME-TIFF has axes T, C, Z before Y, X, but {name} would have "
            f"{picture.axes}: name the axes, or write a plain .tif file"
        )


def write_tiff(
    path: Path, picture: Picture, *, name: str, pixels: Pixels | None = None
) -> None:
    """Write a TIFF file of the kind that the picture came from, over one that is there.

    OME-TIFF and ImageJ TIFF stay what they were where their rules allow it; `name` is
    that of the finished file, and ``.ome.tif`` asks for OME-TIFF. Files above 4 GB
    become BigTIFF. What was compressed is compressed without loss. `pixels`, if given,
    are read tile by tile as they are written, and the array of the picture gives shape
    and dtype only. Warns when the file cannot say all that is known, such as where the
    picture lies.
    """
    options = _layout(picture)
    if name.lower().endswith(".btf"):
        options["bigtiff"] = True
    xml = enlarged_ome(picture)
    if xml is not None:
        options |= {"description": xml.encode(), "metadata": None}
        options |= _resolution(picture)
    elif _asks_for_ome(name) or _comes_from_zarr(picture) or _outgrows_imagej(picture):
        _tell_what_is_lost(picture, name)
        options |= {"ome": True, "metadata": _new_ome(picture)}
    elif _is_imagej(picture):
        options |= _imagej(picture)
    else:
        options |= _plain(picture)
    if pixels is None:
        tifffile.imwrite(path, picture.array, byteorder="<", **options)
        return
    parts: Any = _parts(pixels, picture.axes, TILE)
    options |= {"tile": (TILE, TILE), "buffersize": _BUFFER}
    if "imagej" in options:  # it reads no tiles
        parts = _strips(pixels, picture.axes)
        options |= {"tile": None, "rowsperstrip": TILE}
    tifffile.imwrite(
        path,
        parts,
        shape=picture.array.shape,
        dtype=picture.array.dtype.newbyteorder("<"),
        byteorder="<",
        **options,
    )


def _strips(pixels: Pixels, axes: str) -> Iterator[bytes]:
    """The little-endian strips of all planes, from top to bottom."""
    width = pixels.shape[axes.rindex("X")]
    for part in _parts(pixels, axes, width):
        yield part.astype(part.dtype.newbyteorder("<"), copy=False).tobytes()


def _parts(pixels: Pixels, axes: str, width: int) -> Iterator[NDArray[Any]]:
    """The tiles of all planes, row by row; smaller at the right and lower edge.

    `axes` end in YX, or in YXS where samples lie together.
    """
    inner = 3 if axes.endswith("YXS") else 2
    stack, plane = pixels.shape[:-inner], pixels.shape[-inner:]
    rows = range(0, plane[0], TILE)
    columns = range(0, plane[1], width)
    samples = tuple(slice(0, size) for size in plane[2:])
    for index in np.ndindex(*stack):
        place = tuple(slice(i, i + 1) for i in index)
        for y, x in product(rows, columns):
            part = slice(y, min(y + TILE, plane[0])), slice(x, min(x + width, plane[1]))
            yield pixels[(*place, *part, *samples)].reshape(
                *(one.stop - one.start for one in (*part, *samples))
            )


def _asks_for_ome(name: str) -> bool:
    return name.lower().endswith((".ome.tif", ".ome.tiff", ".ome.btf"))


def _has_ome_axes(axes: str) -> bool:
    return (
        set(axes) <= set("TCZYXS")
        and len(set(axes)) == len(axes)
        and axes.endswith(("YX", "YXS"))
    )


def _comes_from_zarr(picture: Picture) -> bool:
    """Whether OME-TIFF would keep more of a picture than a plain file."""
    dtype, said = picture.array.dtype.name, picture.metadata.multiscale
    return (
        said is not None
        and dtype in _OME_DTYPES.split()
        and _has_ome_axes(picture.axes)
    )


def _layout(picture: Picture) -> dict[str, Any]:
    """How the pixels are stored, the same in every kind of TIFF."""
    metadata, axes = picture.metadata, picture.axes
    options: dict[str, Any] = {"photometric": "minisblack"}
    if picture.rgb:
        options["photometric"] = "rgb"
    elif metadata.inverted:
        options["photometric"] = "miniswhite"
    if axes.endswith("S"):
        options["planarconfig"] = "contig"
        extra = picture.array.shape[-1] - (3 if picture.rgb else 1)
        kind = "assocalpha" if metadata.premultiplied else "unassalpha"
        if extra and len(metadata.extra) == extra:
            options["extrasamples"] = list(metadata.extra)
        elif extra:
            options["extrasamples"] = [kind] + ["unspecified"] * (extra - 1)
    elif axes.endswith("SYX"):
        options["planarconfig"] = "separate"
    if metadata.compressed and metadata.imagej is None:
        options["compression"] = "zlib"
        dtype = picture.array.dtype
        options["predictor"] = dtype.kind in "iu" and dtype.itemsize <= 4
    if metadata.icc_profile:
        options["iccprofile"] = metadata.icc_profile
    return options


def _resolution(picture: Picture, *, unit_in_tag: bool = True) -> dict[str, Any]:
    """Tags for the pixel size: inches, centimetres or a unit named elsewhere."""
    if picture.pixel_size is None:
        return {}
    sizes: list[float] = list(picture.pixel_size)
    unit, tag = picture.unit, {"in": "INCH", "cm": "CENTIMETER"}
    if unit not in tag and unit is not None and unit_in_tag:
        converted = [convert_length(size, unit, "cm") for size in sizes]
        if None not in converted:
            sizes, unit = [size for size in converted if size is not None], "cm"
    if not all(1 / _LONGEST_RATIO < size < _LONGEST_RATIO for size in sizes):
        return {}
    kept = tag.get(unit or "", "NONE") if unit_in_tag else "NONE"
    return {"resolution": (1 / sizes[1], 1 / sizes[0]), "resolutionunit": kept}


def _new_ome(picture: Picture) -> dict[str, Any]:
    """Give tifffile what it needs to make an OME-XML document."""
    fields: dict[str, Any] = {"axes": picture.axes}
    if picture.pixel_size is not None and picture.unit is not None:
        for axis, size in zip("YX", picture.pixel_size, strict=True):
            fields[f"PhysicalSize{axis}"] = float(f"{size:.12g}")
            fields[f"PhysicalSize{axis}Unit"] = picture.unit
    fields |= _told_by_zarr(picture)
    imagej = picture.metadata.imagej or {}
    if "spacing" in imagej and picture.unit is not None:
        fields["PhysicalSizeZ"] = imagej["spacing"]
        fields["PhysicalSizeZUnit"] = picture.unit
    if "finterval" in imagej:
        fields |= {"TimeIncrement": imagej["finterval"], "TimeIncrementUnit": "s"}
    return fields


def _tell_what_is_lost(picture: Picture, name: str) -> None:
    """Warn where an image does not lie at the origin: TIFF has no words for it."""
    said = picture.metadata.multiscale
    if said is None:
        return
    places = list(zip(said.axes, said.translation, said.scale, strict=True))
    # Near it, it does: enlarged 8 times, the first pixel's centre lies 3.5 pixels off.
    if any(abs(offset) > 4 * abs(step) or step < 0 for _, offset, step in places):
        where = ", ".join(f"{axis.name} = {offset:g}" for axis, offset, _ in places)
        msg = (
            f"{name} cannot say where the image lies (at {where}) nor that an axis is "
            "mirrored; an OME-Zarr can"
        )
        warnings.warn(msg, VdsrWarning, stacklevel=3)


def _told_by_zarr(picture: Picture) -> dict[str, Any]:
    """Distances in Z and T, and names of channels, from an OME-Zarr."""
    said = picture.metadata.multiscale
    fields: dict[str, Any] = {}
    if said is None:
        return fields
    names = {"Z": "PhysicalSizeZ", "T": "TimeIncrement"}
    for letter, axis, step in zip(picture.axes, said.axes, said.scale, strict=True):
        if letter in names and axis.unit and step > 0:
            fields[names[letter]] = step
            fields[f"{names[letter]}Unit"] = normalise_unit(axis.unit)
    channels = (said.omero or {}).get("channels", [])
    labels = [channel.get("label") for channel in channels]
    if "C" in picture.axes and all(labels):
        size = picture.array.shape[picture.axes.index("C")]
        if len(labels) == size:
            fields["Channel"] = {"Name": [str(label) for label in labels]}
    return fields


def _is_imagej(picture: Picture) -> bool:
    """Whether a picture from an ImageJ file still has axes in ImageJ's order."""
    axes = picture.axes
    in_order = "".join(axis for axis in "TZCYXS" if axis in axes)
    return picture.metadata.imagej is not None and axes == in_order


def _outgrows_imagej(picture: Picture) -> bool:
    """Whether the rules of ImageJ's files end before the picture does."""
    array = picture.array
    if not _is_imagej(picture) or array.size * array.itemsize <= _CLASSIC_LIMIT:
        return False
    msg = (
        "ImageJ's own kind of TIFF ends at 4 GB: the result is an OME-TIFF file, "
        "without channel colours and labels"
    )
    warnings.warn(msg, VdsrWarning, stacklevel=3)
    return True


def _imagej(picture: Picture) -> dict[str, Any]:
    """Carry ImageJ's fields over; regions count source pixels and are dropped."""
    fields = dict(picture.metadata.imagej or {})
    regions = [fields.pop(key) for key in _IMAGEJ_REGIONS if key in fields]
    if regions:
        msg = "ImageJ's regions of interest are left out: they count source pixels"
        warnings.warn(msg, VdsrWarning, stacklevel=2)
    for derived in _NOT_KEPT_BY_IMAGEJ:
        fields.pop(derived, None)
    if "LUTs" in fields:
        fields["LUTs"] = list(np.asarray(fields["LUTs"]).reshape(-1, 3, 256))
    fields.pop("yunit", None)  # the size of both axes is in one unit
    unit = picture.unit
    if normalise_unit(str(fields.get("unit", ""))) != unit or not unit:
        fields.pop("unit", None)
    if unit and ("unit" not in fields or not str(fields["unit"]).isascii()):
        # \u00B5 stands for the micro sign: ImageJ's text is no Unicode
        fields["unit"] = unit.replace("µ", "\\u00B5").replace("Å", "\\u00C5")
    options: dict[str, Any] = {"imagej": True, "metadata": fields}
    fields["axes"] = picture.axes
    if picture.metadata.colormap is not None:
        options |= {"photometric": "palette", "colormap": picture.metadata.colormap}
    return options | _resolution(picture, unit_in_tag=False)


def _plain(picture: Picture) -> dict[str, Any]:
    """A TIFF file that says little; tifffile notes axes that have names."""
    metadata = picture.metadata
    noted = dict(metadata.shaped or {})
    if noted or not set(picture.axes) <= set("QIYXS"):
        noted["axes"] = picture.axes
    options: dict[str, Any] = {"metadata": noted or None}
    if metadata.description:
        options["description"] = metadata.description.encode()
    # a unit that stands in tifffile's note goes with bare numbers in the tags
    return options | _resolution(picture, unit_in_tag="unit" not in noted)
