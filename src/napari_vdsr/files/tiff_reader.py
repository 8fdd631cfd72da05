"""Reading TIFF, OME-TIFF and ImageJ TIFF, with all that a file promises checked."""

import contextlib
import logging
import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_vdsr.errors import FileError, counted
from napari_vdsr.files.opening import OpenImage, check_memory, identity_of
from napari_vdsr.files.picture import Metadata, Picture, flipped_axes, planned_array
from napari_vdsr.files.tiff_metadata import (
    files_named,
    ome_fault,
    states_sizes,
    tiff_pixel_size,
    without_sizes,
)
from napari_vdsr.files.tiff_pixels import (
    Arrangement,
    TiffPixels,
    arranged,
    check_segments,
    colours_of,
    greys_of,
    segment_shape,
)

_PHOTOMETRIC = tifffile.PHOTOMETRIC
_EXTRA = {1: "assocalpha", 2: "unassalpha"}
_GREY = (_PHOTOMETRIC.MINISBLACK, _PHOTOMETRIC.MINISWHITE)
_COMPRESSION = tifffile.COMPRESSION
_NAMED = 5  # missing planes and files that a message names
_HIGHEST_RATIOS = {  # pixels for a byte, more than the format can reach
    _COMPRESSION.NONE: 8,
    _COMPRESSION.LZW: 8 * 1_400,
    _COMPRESSION.DEFLATE: 8 * 1_100,
    _COMPRESSION.ADOBE_DEFLATE: 8 * 1_100,
}
_START = 3000  # characters of a description in which its kind shows


def open_tiff(path: Path) -> OpenImage:
    """Open the first image of a TIFF file with all its planes, at full resolution.

    Colours are the last axis, whichever way the file stores them. Raises `FileError`
    when parts are missing or the colours are of a kind not known here, as far as that
    can be known before pixels are read.
    """
    tif, remarks = _opened(path)
    try:
        with _complaints_of_tifffile(path) as check:
            if not (tif.is_shaped or tif.is_imagej or tif.is_micromanager):
                len(tif.pages)  # finds a circle of pages, which would have no end
            full = (one for one in tif.series if not one.keyframe.is_reduced)
            series = next(full, tif.series[0])  # a thumbnail may come first
            check()  # a damaged header can ask for very many pixels
            if 0 in series.shape:
                raise FileError(f"{path} holds no pixels: its shape is {series.shape}")
            _check_series(path, tif, series)
            if len(tif.series) > 1:
                remarks += (
                    f"{path} holds {len(tif.series)} images of different shape or "
                    "kind: the first one that is no thumbnail is read, the others are "
                    "left out",
                )
            remarks += _set_remarks(path, tif, series)
            arrangement = _arrangement(path, series)
            size, unit = tiff_pixel_size(tif, series.keyframe)
            arrangement = _upright(tif, series.keyframe, arrangement)
            if size is not None and arrangement.turned:
                size = size[::-1]
            metadata = _metadata(tif, series.keyframe)
            if arrangement.palette is not None:  # which turns them the right way
                metadata = replace(metadata, inverted=False)
            check()
        pixels = arranged(TiffPixels(path, tif, series), arrangement)
    except BaseException:
        tif.close()
        raise
    array = planned_array(pixels.shape, pixels.dtype)
    axes, rgb = arrangement.axes, arrangement.rgb
    picture = Picture(array, axes, rgb, size, unit, metadata)

    def read() -> Picture:
        with _complaints_of_tifffile(path) as check:
            if series.dataoffset is None:
                for number, page in enumerate(series.pages):
                    check_segments(path, page, number)
            array = arrangement.applied(np.asarray(series.asarray()))
            check()
        return replace(picture, array=array)

    identity = partial(identity_of, path, _files_of(path, series))
    return OpenImage(picture, pixels, identity, read, tif.close, remarks)


def _opened(path: Path) -> tuple[tifffile.TiffFile, tuple[str, ...]]:
    """Open a file; the pages of one whose OME-XML is damaged are those of any TIFF."""
    tif = tifffile.TiffFile(path)
    fault = "it has no pages"
    try:
        said = tif.pages.first.description
        fault = ome_fault(said) if tif.is_ome or "<OME " in said[:_START] else ""
    finally:
        if fault:
            tif.close()
    if not fault:
        return tif, ()
    remark = (
        f"{path}: its OME-XML is damaged ({fault}), so the pages are read as they lie "
        "in the file, and what it says of axes and sizes is left out"
    )
    return tifffile.TiffFile(path, is_ome=False), (remark,)


@contextlib.contextmanager
def _complaints_of_tifffile(path: Path) -> Iterator[Callable[[], None]]:
    """Give a function that raises the errors that tifffile has only logged.

    tifffile reads what is left of a damaged file, fewer planes for instance, and says
    so in its log alone.
    """
    complaints: list[str] = []
    thread = threading.get_ident()

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.levelno >= logging.ERROR and record.thread == thread:
                complaints.append(record.getMessage())

    logger, collector = logging.getLogger("tifffile"), Collector()
    logger.addHandler(collector)

    def check() -> None:
        if complaints:
            raise FileError(
                f"cannot read {path}: damaged or cut short ({complaints[0]})"
            )

    try:
        yield check
    finally:
        logger.removeHandler(collector)


def _arrangement(path: Path, series: tifffile.TiffPageSeries) -> Arrangement:
    """Find out what the axes and colours of an image are to be."""
    page: Any = series.keyframe
    axes, shape = series.axes, series.shape
    if not {"Y", "X"} <= set(axes):
        raise FileError(f"{path} has axes {axes}: there is no image plane (Y, X) in it")
    as_stored = tuple(range(len(axes)))
    photometric = page.photometric
    if photometric == _PHOTOMETRIC.PALETTE:
        # ImageJ's palettes only colour intensities; elsewhere they are the colours.
        if page.parent.is_imagej:
            return Arrangement(axes, as_stored)
        palette = colours_of(page.colormap)
        return Arrangement(axes + "S", as_stored, rgb=True, palette=palette)
    is_colour = photometric == _PHOTOMETRIC.RGB or (
        photometric == _PHOTOMETRIC.YCBCR
        and page.compression == tifffile.COMPRESSION.JPEG  # decoded to RGB
    )
    if not is_colour and photometric not in _GREY:
        raise FileError(
            f"{path} has {photometric.name} colours: convert it to grey or RGB "
            "with the program that wrote it"
        )
    if is_colour and "S" in axes and shape[axes.index("S")] > 4:
        raise FileError(
            f"{path} has RGB colours and {shape[axes.index('S')] - 3} more samples a "
            "pixel, which cannot be told apart from channels: store them as images of "
            "their own"
        )
    inverted = photometric == _PHOTOMETRIC.MINISWHITE
    table = greys_of(page.bitspersample, page.dtype, inverted=inverted)
    if not is_colour or "S" not in axes or shape[axes.index("S")] not in (3, 4):
        return Arrangement(axes, as_stored, palette=table)
    samples = axes.index("S")
    order = (*(axis for axis in as_stored if axis != samples), samples)
    letters = "".join(axes[axis] for axis in order)
    return Arrangement(letters, order, rgb=True, palette=table)


def _upright(tif: Any, page: Any, stored: Arrangement) -> Arrangement:
    """Turn an image as its tag Orientation says; OME and ImageJ do not use it."""
    tag = page.tags.get("Orientation")
    orientation = int(tag.value) if tag is not None else 1
    if tif.is_ome or tif.is_imagej or not 2 <= orientation <= 8:
        return stored
    y, x = stored.axes.index("Y"), stored.axes.index("X")
    order = list(stored.order)
    if orientation >= 5:
        order[y], order[x] = order[x], order[y]
    flipped = flipped_axes(orientation, y, x)
    return replace(stored, order=tuple(order), flipped=flipped, turned=orientation >= 5)


def _metadata(tif: tifffile.TiffFile, page: Any) -> Metadata:
    """Everything that must survive beside axes and pixel size."""
    noted = tif.shaped_metadata  # by tifffile itself, for each image
    shaped = dict(noted[0]) if noted else {}
    for derived in ("shape", "axes", "truncated"):
        shaped.pop(derived, None)
    shaped = {
        key: without_sizes(value) if isinstance(value, str) else value
        for key, value in shaped.items()
        if without_sizes(key)
    }
    description = page.description or None
    if description and ("<OME " in description or states_sizes(tif, description)):
        description = None
    plain = not (tif.is_ome or tif.is_imagej or page.is_shaped)
    extra = page.extrasamples
    return Metadata(
        ome=tif.ome_metadata if tif.is_ome else None,
        imagej=_of_imagej(tif) if tif.is_imagej else None,
        shaped=shaped or None,
        description=description if plain else None,
        icc_profile=page.iccprofile,
        colormap=page.colormap if tif.is_imagej else None,
        inverted=page.photometric == _PHOTOMETRIC.MINISWHITE,
        extra=tuple(_EXTRA.get(int(kind), "unspecified") for kind in extra),
        premultiplied=tifffile.EXTRASAMPLE.ASSOCALPHA in extra,
        compressed=page.compression != tifffile.COMPRESSION.NONE,
    )


def _of_imagej(tif: Any) -> dict[str, Any]:
    """The fields of ImageJ; of its notes those that hold for the result as well."""
    said = dict(tif.imagej_metadata or {})
    if isinstance(said.get("Info"), str):
        said["Info"] = without_sizes(said["Info"])
    return said


def _check_series(path: Path, tif: Any, series: Any) -> None:
    """Raise `FileError` when planes of a series are missing or its sizes are absurd.

    tifffile would give zeros for the missing ones.
    """
    _check_sizes(path, series)
    if series.dataoffset is not None:
        if series.dataoffset == 0:
            raise FileError(f"cannot read {path}: it does not say where its pixels lie")
        return
    pages = series.pages
    missing = [
        number
        for number, page in enumerate(pages)
        if page is None or tuple(page.dataoffsets[:2]) == (0,)
    ]
    within = series.keyframe.shape
    sizes, axes = series.shape[: -len(within)], series.axes[: -len(within)]
    count = prod(sizes)
    if len(pages) < count and series.shape[-len(within) :] == within:
        missing += range(len(pages), count)
    if missing:
        places = [np.unravel_index(number, sizes) for number in missing[:_NAMED]]
        named = ", ".join(
            " ".join(f"{axis} {at}" for axis, at in zip(axes, place, strict=True))
            for place in places
        )
        more = ", …" if len(missing) > _NAMED else ""
        raise FileError(
            f"cannot read {path}: {len(missing)} of {count} planes are missing "
            f"(counted from 0: {named}{more}){_lost_files(path, tif)}"
        )


def _set_remarks(path: Path, tif: Any, series: Any) -> tuple[str, ...]:
    """Tell of what belongs to an image, but is not in it.

    That are pages which the OME-XML of a file passes over, an OME-XML in another file,
    and planes that a Micro-Manager file plans, but does not hold. An acquisition that
    was stopped looks like that, and so does a part of a set whose other files are gone:
    raises `FileError` where the file names such other files.
    """
    if series.kind == "ome":
        return _ome_remarks(path, tif)
    if "BinaryOnly" in (tif.pages.first.description or "")[:_START]:
        return (
            f"{path} is a part of an OME-TIFF whose metadata are in another file: its "
            "pages are read as they lie in it, without axes and sizes",
        )
    if series.kind != "mmstack":
        return ()
    lost = _lost_files(path, tif)
    if lost:
        raise FileError(f"cannot read {path}: its set is incomplete{lost}")
    summary = (tif.micromanager_metadata or {}).get("Summary", {})
    names = ("Frames", "Positions", "Slices", "Channels")
    try:
        planned = prod(max(1, int(summary.get(name, 1))) for name in names)
    except (TypeError, ValueError):
        return ()
    if planned <= len(series.pages):
        return ()
    return (
        f"{path} holds {len(series.pages)} of the {planned} planes that its "
        "Micro-Manager summary plans: those that are there are read",
    )


def _ome_remarks(path: Path, tif: Any) -> tuple[str, ...]:
    pages = (page for series in tif.series for page in series.pages)
    here = {page.offset for page in pages if page is not None and page.parent is tif}
    unused = len(tif.pages) - len(here)
    if unused <= 0:
        return ()
    return (
        f"{path} holds {counted(unused, 'more page')} than its OME-XML describes: what "
        "it does not is left out",
    )


def _check_sizes(path: Path, series: Any) -> None:
    """Raise `FileError` for sizes that the bytes of the file cannot amount to."""
    frame = series.keyframe
    kind = "tiles" if frame.is_tiled else "strips"
    rows, columns = segment_shape(frame)
    if rows < 1 or columns < 1:
        raise FileError(
            f"cannot read {path}: damaged, its strips or tiles have "
            f"{rows} x {columns} pixels"
        )
    pixels = prod(series.shape)
    size = path.stat().st_size if path.exists() else 0
    ratio = _HIGHEST_RATIOS.get(frame.compression, math.inf)
    one_file = len(series.pages) <= len(frame.parent.pages)
    if one_file and frame.size > ratio * size:
        raise FileError(
            f"cannot read {path}: its header promises {pixels:,} pixels, which cannot "
            f"be in {size:,} bytes"
        )
    if frame.compression != _COMPRESSION.NONE:
        rows, columns = min(rows, frame.imagelength), min(columns, frame.imagewidth)
        samples = frame.samplesperpixel if frame.planarconfig == 1 else 1
        what = f"{path}, whose {kind} have {rows:,} x {columns:,} pixels,"
        check_memory(what, rows * columns * samples * frame.dtype.itemsize)


def _lost_files(path: Path, tif: Any) -> str:
    """Which files of a set are not beside this one, as the end of a sentence."""
    named = dict.fromkeys(files_named(tif.ome_metadata))
    lost = [name for name in named if not (path.parent / name).exists()]
    if not lost:
        return ""
    more = ", …" if len(lost) > _NAMED else ""
    names = ", ".join(lost[:_NAMED])
    return f"; files of its set that are not in {path.parent}: {names}{more}"


def members_of(path: Path) -> list[Path]:
    """Other files beside a TIFF file that are read with it; none if it is damaged."""
    try:
        with tifffile.TiffFile(path) as tif:
            xml = tif.ome_metadata
    except Exception:  # said when it is read
        return []
    return [path.parent / name for name in dict.fromkeys(files_named(xml))]


def _files_of(path: Path, series: Any) -> list[Path]:
    """Other files that the pages of a series are in."""
    if series.dataoffset is not None:
        return []
    found = {page.parent.filehandle.path for page in series.pages if page is not None}
    return sorted(Path(name) for name in found if Path(name).name != path.name)
