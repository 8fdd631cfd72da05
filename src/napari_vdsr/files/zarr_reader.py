"""Reading OME-Zarr images and plain zarr arrays, part by part."""

import hashlib
import json
import math
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from napari_vdsr.errors import FileError
from napari_vdsr.files.ngff import OWN, VersionError, axis_letters, parse_image
from napari_vdsr.files.opening import OpenImage, reordered, state_of
from napari_vdsr.files.picture import Axis, Metadata, Multiscale, Picture, planned_array
from napari_vdsr.files.zarr_chunks import (
    MARKS,
    Chunks,
    ZarrPixels,
    is_zarr,
    root_of_zip,
    zarr_library,
)

_XARRAY = "_ARRAY_DIMENSIONS"


def open_zarr(path: Path, *, axes_told: bool = False) -> OpenImage:
    """Open the finest level of an OME-Zarr image (0.4 or 0.5), or a plain zarr array.

    The axes of a plain array go by its dimension names where Y and X are among them;
    otherwise the last two are Y and X. `axes_told` says that the user names them.
    """
    zarr = zarr_library()
    if path.is_file():
        store, root = _zip_store(zarr, path)
        try:
            image = _image(path, zarr.open(store, mode="r", path=root), axes_told)
        except BaseException:
            store.close()
            raise
        return replace(image, close=store.close)
    if not is_zarr(path):
        raise FileError(
            f"{path} is no zarr: there is no zarr.json, .zgroup or .zarray in it"
        )
    return _image(path, zarr.open(str(path), mode="r"), axes_told)


def _zip_store(zarr: Any, path: Path) -> tuple[Any, str]:
    """A zip file as a store, and where in it the zarr lies."""
    with zipfile.ZipFile(path) as file:
        names = file.namelist()
    root = root_of_zip(names)
    if not any(f"{root}{mark}" in names for mark in MARKS):
        raise FileError(f"{path} is a zip file without a zarr in it: unpack it first")
    return zarr.storage.ZipStore(path, mode="r"), root.rstrip("/")


def _image(path: Path, node: Any, axes_told: bool) -> OpenImage:
    """The image of a group or an array."""
    zarr = zarr_library()
    attributes = dict(node.attrs)
    if isinstance(node, zarr.Array):
        above = _described_above(path) if path.is_dir() else None
        if above is not None:
            letters = axis_letters(above.axes)
            _check_axes(path, letters, node)
            return _opened(path, node, letters, above, attributes)
        letters = _plain_axes(node)
        if not axes_told:
            _refuse_doubt(path, letters, node.shape)
        return _opened(path, node, letters, None, attributes)
    found = parse_image(str(path), attributes, partial(_size, node))
    if found is None:
        return _first_of(path, node, attributes)
    array = node[found.path] if found.path in node else None
    if not isinstance(array, zarr.Array):
        raise FileError(
            f"cannot read {path}: its metadata list a level {found.path}, and there is "
            "no such array in it"
        )
    axes = axis_letters(found.multiscale.axes)
    _check_axes(path, axes, array)
    multiscale, remarks = found.multiscale, list(found.remarks)
    if multiscale.omero is not None and "C" in axes:
        count, size = len(multiscale.omero["channels"]), array.shape[axes.index("C")]
        if count != size:
            multiscale = replace(multiscale, omero=None)
            remarks.append(
                f"{path} describes {count} channels (omero) and has {size}: what it "
                "says of them is left out"
            )
    image = _opened(path, array, axes, multiscale, attributes)
    own = attributes.get(OWN)  # what this program noted about a result of its own
    if "C" in axes and isinstance(own, Mapping) and "S" in str(own.get("axes", "")):
        image = _with_colours(image)
    several = len(attributes.get("ome", attributes)["multiscales"])
    if several > 1:
        remarks.append(
            f"{path} describes {several} images: the first one, {found.path}, is read, "
            "the others are left out"
        )
    return replace(image, remarks=(*remarks, *image.remarks))


def _with_colours(image: OpenImage) -> OpenImage:
    """The same image with its channels, which are colours, as the last axis."""
    axes = image.picture.axes.replace("C", "S")
    order = (*(i for i, axis in enumerate(axes) if axis != "S"), axes.index("S"))
    if image.picture.array.shape[order[-1]] not in (3, 4):
        return image
    picture = replace(image.picture, axes=axes, rgb=True).reordered(order)
    return replace(
        image,
        picture=picture,
        pixels=reordered(image.pixels, order),
        read=lambda: replace(picture, array=image.read().array.transpose(order)),
    )


def _size(group: Any, name: str) -> float:
    """Pixels of an array; a level that is missing is not passed over in silence."""
    try:
        return float(math.prod(group[name].shape))
    except (KeyError, AttributeError):
        return math.inf


def _described_above(path: Path) -> Multiscale | None:
    """What the image that an array is a level of says about it, if it is one."""
    zarr = zarr_library()
    for folder in path.absolute().parents[:2]:
        if not is_zarr(folder):
            continue
        node = zarr.open(str(folder), mode="r")
        level = path.absolute().relative_to(folder).as_posix()
        try:
            found = parse_image(str(path), dict(node.attrs), level.__eq__)
        except VersionError:  # the level is named just because of that
            return None
        if found is not None:
            return found.multiscale if found.path == level else None
    return None


def _check_axes(path: Path, axes: str, array: Any) -> None:
    if len(axes) != len(array.shape):
        raise FileError(
            f"{path} names {len(axes)} axes, but its shape is {array.shape}"
        )


def _first_of(path: Path, group: Any, attributes: Mapping[str, Any]) -> OpenImage:
    """The first image of a collection as bioformats2raw makes it."""
    ome = attributes.get("ome", attributes)
    if "plate" in ome or "well" in ome:
        kind = "plate" if "plate" in ome else "well"
        raise FileError(
            f"{path} is a {kind} of images: name one of them"
            + _such_as(path, group, ome)
        )
    if "bioformats2raw.layout" not in ome or "0" not in group:
        within = ", ".join(sorted(group.keys())) or "nothing"
        raise FileError(
            f"{path} is a zarr group without OME-Zarr metadata, with {within} in it: "
            "name an array within it, and its axes"
        )
    first = open_zarr(path / "0", axes_told=True)
    if "1" not in group:
        return first
    remark = (
        f"{path} holds several images: the first one, {path}/0, is read, the others "
        "are left out"
    )
    return replace(first, remarks=(remark, *first.remarks))


def _such_as(path: Path, group: Any, ome: Mapping[str, Any]) -> str:
    """The first image of a plate or well that exists, as the end of a sentence."""
    place, inner = "", dict(ome)
    try:
        if "plate" in inner:
            place = str(inner["plate"]["wells"][0]["path"])
            inner = dict(group[place].attrs)
            inner = inner.get("ome", inner)
        image = str(inner["well"]["images"][0]["path"])
        place = f"{place}/{image}" if place else image
        return f", such as {path}/{place}" if place in group else ""
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        return ""


def _plain_axes(array: Any) -> str:
    """Letters of the axes of an array that is no OME-Zarr image."""
    named = getattr(array.metadata, "dimension_names", None)
    names = [str(name).upper() for name in named or array.attrs.get(_XARRAY, ())]
    letters = "".join(names)
    ndim = len(array.shape)
    if len(names) != ndim or not {"Y", "X"} <= set(names):
        return "Q" * (ndim - 2) + "YX"[-ndim:]
    if len(set(letters)) == len(letters) == ndim:
        return letters
    types = {"TIME": "time", "CHANNEL": "channel"}
    return axis_letters([Axis(name, types.get(name)) for name in names])


def _refuse_doubt(path: Path, axes: str, shape: tuple[int, ...]) -> None:
    """Raise an error where the last axis of an array may as well be colours."""
    if axes.startswith("Q") and shape[-1] in (3, 4):
        raise FileError(
            f"{path} does not name its axes, and the last one of shape {shape} may be "
            "colours or X: name the axes, such as YXS or ZYX"
        )


def _opened(
    path: Path,
    array: Any,
    axes: str,
    multiscale: Multiscale | None,
    attributes: Mapping[str, Any],
) -> OpenImage:
    shape = tuple(int(size) for size in array.shape)
    if 0 in shape or not {"Y", "X"} <= set(axes):
        what = f"no pixels: its shape is {shape}"
        if 0 not in shape:
            what = f"axes {axes} of shape {shape}: there is no image plane (Y, X) in it"
        raise FileError(f"{path} has {what}")
    size, unit = None, None
    if multiscale is not None:
        size, unit = multiscale.pixel_size(axes.index("Y"), axes.index("X"))
    chunks = Chunks(path, array, complete=OWN in attributes)
    remarks = chunks.check()
    pixels = ZarrPixels(array, chunks)
    picture = Picture(
        planned_array(shape, pixels.dtype),
        axes,
        pixel_size=size,
        unit=unit,
        metadata=Metadata(multiscale=multiscale),
    )

    def identity() -> dict[str, Any]:
        metadata = json.dumps([attributes, array.metadata.to_dict()], default=str)
        return {
            "name": path.resolve().name,
            "metadata": hashlib.sha256(metadata.encode()).hexdigest(),
            **state_of(path if path.is_file() else path / array.path),
        }

    return OpenImage(
        picture,
        pixels,
        identity,
        lambda: replace(picture, array=pixels[(slice(None),) * len(shape)]),
        remarks=remarks,
    )
