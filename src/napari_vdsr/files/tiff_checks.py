"""What a TIFF file promises against what is in it, found before pixels are made up."""

import math
import os
from collections.abc import Iterator
from math import ceil, prod
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import tifffile

from napari_vdsr.errors import FileError
from napari_vdsr.files.opening import check_memory
from napari_vdsr.plain_text import counted

_COMPRESSION = tifffile.COMPRESSION
_NAMED = 5  # missing planes and files that a message names
_HIGHEST_RATIOS = {  # pixels for a byte, more than the format can reach
    _COMPRESSION.NONE: 8,
    _COMPRESSION.LZW: 8 * 1_400,
    _COMPRESSION.DEFLATE: 8 * 1_100,
    _COMPRESSION.ADOBE_DEFLATE: 8 * 1_100,
}
_GDAL_NODATA = 42113
_START = 3000  # characters of a description in which its kind shows


def check_series(path: Path, tif: Any, series: Any) -> None:
    """Raise `FileError` when planes of a series are missing or its sizes are absurd.

    tifffile would give zeros for the missing ones.
    """
    _check_sizes(path, series)
    if series.dataoffset is not None:
        if series.dataoffset == 0:
            raise FileError(f"cannot read {path}: it does not say where its pixels lie")
        return
    pages = series.pages
    missing = [number for number, page in enumerate(pages) if _is_lost(page)]
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


def set_remarks(path: Path, tif: Any, series: Any) -> tuple[str, ...]:
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
    here = [
        page
        for series in tif.series
        for page in series.pages
        if page is not None and page.parent is tif
    ]
    unused = len(tif.pages) - len({page.offset for page in here})
    if unused <= 0:
        return ()
    return (
        f"{path} holds {counted(unused, 'more page')} than its OME-XML describes: what "
        "it does not is left out",
    )


def check_segments(path: Path, page: Any, number: int) -> None:
    """Raise `FileError` when strips or tiles of a plane are missing from the file.

    Files that say which value those have (GDAL), or whose format leaves out what was
    not scanned (Philips), are taken at their word.
    """
    frame = page.keyframe
    if _GDAL_NODATA in frame.tags or frame.parent.is_philips:
        return
    sizes, offsets = page.databytecounts, page.dataoffsets
    kind = "tiles" if frame.is_tiled else "strips"
    expected = _segments(frame)
    lost = max(0, expected - min(len(sizes), len(offsets)))
    lost += sum(not (size and at) for size, at in zip(sizes, offsets, strict=False))
    if lost:
        raise FileError(
            f"cannot read {path}: {lost} of {expected} {kind} are missing in its plane "
            f"{number}, counted from 0"
        )
    end = page.parent.filehandle.size
    cut = sum(at + size > end for size, at in zip(sizes, offsets, strict=False))
    if cut and frame.compression != _COMPRESSION.NONE:  # some codecs would not mind
        raise FileError(
            f"cannot read {path}: it is cut short: {cut} of {expected} {kind} of its "
            f"plane {number}, counted from 0, would end behind its last byte"
        )


def _is_lost(page: Any) -> bool:
    """Whether tifffile stands for a plane that it did not find."""
    return page is None or tuple(page.dataoffsets[:2]) == (0,)


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


def segment_shape(frame: Any) -> tuple[int, int]:
    """Rows and columns of a strip or tile."""
    if frame.is_tiled:
        return frame.tilelength, frame.tilewidth
    return frame.rowsperstrip, frame.imagewidth


def _segments(frame: Any) -> int:
    """How many strips or tiles a plane has to have."""
    if frame.is_contiguous:
        return 1  # tifffile joins strips that follow one another
    height, width = segment_shape(frame)
    depth = frame.tiledepth if frame.is_tiled else 1
    planes = frame.samplesperpixel if frame.planarconfig == 2 else 1
    return int(
        planes
        * ceil(frame.imagedepth / max(1, depth))
        * ceil(frame.imagelength / height)
        * ceil(frame.imagewidth / width)
    )


def _lost_files(path: Path, tif: Any) -> str:
    """Which files of a set are not beside this one, as the end of a sentence."""
    named = dict.fromkeys(files_named(tif.ome_metadata))
    lost = [name for name in named if not (path.parent / name).exists()]
    if not lost:
        return ""
    more = ", …" if len(lost) > _NAMED else ""
    names = ", ".join(lost[:_NAMED])
    return f"; files of its set that are not in {path.parent}: {names}{more}"


def files_named(xml: str | None) -> Iterator[str]:
    """Names of other files that an OME-XML document says its planes are in."""
    try:
        root = ElementTree.fromstring(xml or "<none/>")
    except ElementTree.ParseError:
        return
    own = root.get("UUID")
    for item in root.iter():
        kind = item.tag.rpartition("}")[2]
        name = item.get("FileName") if kind == "UUID" else None
        if name and item.text != own:
            yield os.path.basename(name.replace("\\", "/"))


def members_of(path: Path) -> list[Path]:
    """Other files beside a TIFF file that are read with it; none if it is damaged."""
    try:
        with tifffile.TiffFile(path) as tif:
            xml = tif.ome_metadata
    except Exception:  # said when it is read
        return []
    return [path.parent / name for name in dict.fromkeys(files_named(xml))]


def files_of(path: Path, series: Any) -> list[Path]:
    """Other files that the pages of a series are in."""
    if series.dataoffset is not None:
        return []
    found = {page.parent.filehandle.path for page in series.pages if page is not None}
    return sorted(Path(name) for name in found if Path(name).name != path.name)
