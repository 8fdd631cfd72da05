"""Reading TIFF, OME-TIFF and ImageJ TIFF."""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_vdsr.errors import FileError
from napari_vdsr.files.ome_xml import ome_fault
from napari_vdsr.files.opening import OpenImage, identity_of
from napari_vdsr.files.picture import Metadata, Picture, flipped_axes, planned_array
from napari_vdsr.files.tiff_checks import (
    check_segments,
    check_series,
    files_of,
    set_remarks,
)
from napari_vdsr.files.tiff_region import TiffPixels
from napari_vdsr.files.tiff_sizes import states_sizes, tiff_pixel_size

_PHOTOMETRIC = tifffile.PHOTOMETRIC
_EXTRA = {1: "assocalpha", 2: "unassalpha"}
_GREY = (_PHOTOMETRIC.MINISBLACK, _PHOTOMETRIC.MINISWHITE)


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
            check_series(path, tif, series)
            if len(tif.series) > 1:
                remarks += (
                    f"{path} holds {len(tif.series)} images of different shape or "
                    "kind: the first one that is no thumbnail is read, the others are "
                    "left out",
                )
            remarks += set_remarks(path, tif, series)
            arrangement = _arrangement(path, series)
            size, unit = tiff_pixel_size(tif, series.keyframe)
            arrangement = _upright(tif, series.keyframe, arrangement)
            if size is not None and arrangement.turned:
                size = size[::-1]
            metadata = _metadata(tif, series.keyframe)
            check()
    except BaseException:
        tif.close()
        raise
    pixels = _Arranged(TiffPixels(path, tif, series), arrangement)
    picture = Picture(
        planned_array(pixels.shape, pixels.dtype),
        arrangement.axes,
        arrangement.rgb,
        size,
        unit,
        metadata,
    )

    def read() -> Picture:
        with _complaints_of_tifffile(path) as check:
            if series.dataoffset is None:
                for number, page in enumerate(series.pages):
                    check_segments(path, page, number)
            array = arrangement.applied(np.asarray(series.asarray()))
            check()
        return replace(picture, array=array)

    return OpenImage(
        picture,
        pixels,
        partial(identity_of, path, files_of(path, series)),
        read,
        tif.close,
        remarks,
    )


def _opened(path: Path) -> tuple[tifffile.TiffFile, tuple[str, ...]]:
    """Open a file; the pages of one whose OME-XML is damaged are those of any TIFF."""
    tif = tifffile.TiffFile(path)
    fault = "it has no pages"
    try:
        said = tif.pages.first.description
        fault = ome_fault(said) if tif.is_ome or "<OME " in said[:3000] else ""
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


def _arrangement(path: Path, series: tifffile.TiffPageSeries) -> "_Arrangement":
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
            return _Arrangement(axes, as_stored)
        palette = _palette(page.colormap)
        return _Arrangement(axes + "S", as_stored, rgb=True, palette=palette)
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
    if not is_colour or "S" not in axes or shape[axes.index("S")] not in (3, 4):
        return _Arrangement(axes, as_stored)
    samples = axes.index("S")
    order = (*(axis for axis in as_stored if axis != samples), samples)
    return _Arrangement("".join(axes[axis] for axis in order), order, rgb=True)


def _upright(tif: Any, page: Any, stored: "_Arrangement") -> "_Arrangement":
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


@dataclass(frozen=True, eq=False)
class _Arrangement:
    """How the axes of a file become those of a picture.

    `order` says which axis of the file comes first, second and so on. The values of the
    file are looked up in `palette`, of shape (colours, 3), where there is one. Then the
    axes `flipped` run the other way; `turned` says that Y and X have changed places.
    """

    axes: str
    order: tuple[int, ...]
    rgb: bool = False
    palette: NDArray[Any] | None = None
    flipped: tuple[int, ...] = ()
    turned: bool = False

    def applied(self, array: NDArray[Any]) -> NDArray[Any]:
        """The pixels of the file as those of the picture, in the machine's order."""
        array = array.astype(array.dtype.newbyteorder("="), copy=False)
        array = np.flip(array.transpose(self.order), self.flipped)
        return array if self.palette is None else self.palette[array]


class _Arranged:
    """The pixels of a file with the axes of a picture."""

    def __init__(self, pixels: TiffPixels, arrangement: _Arrangement) -> None:
        self._pixels = pixels
        self._arrangement = arrangement
        palette, order = arrangement.palette, arrangement.order
        self.shape = tuple(pixels.shape[axis] for axis in order)
        self.dtype = pixels.dtype.newbyteorder("=")
        if palette is not None:
            self.shape += (palette.shape[1],)
            self.dtype = palette.dtype

    def __getitem__(self, key: tuple[int | slice, ...]) -> NDArray[Any]:
        order = self._arrangement.order
        parts = [
            slice(*item.indices(size)[:2])
            if isinstance(item, slice)
            else slice(item, item + 1)
            for item, size in zip(key, self.shape, strict=True)
        ]
        for axis in self._arrangement.flipped:
            part, size = parts[axis], self.shape[axis]
            parts[axis] = slice(size - max(part.stop, part.start), size - part.start)
        stored = [slice(0)] * len(order)
        for axis, part in zip(order, parts[: len(order)], strict=True):
            stored[axis] = part
        pixels = self._arrangement.applied(self._pixels.region(tuple(stored)))
        if len(parts) > len(order):
            pixels = pixels[..., parts[-1]]
        kept = (slice(None) if isinstance(item, slice) else 0 for item in key)
        return pixels[tuple(kept)]


def _palette(colormap: NDArray[np.uint16]) -> NDArray[Any]:
    """A palette as a table of colours; its 16 bits often hold 8-bit values."""
    colours: NDArray[Any] = colormap
    if colormap.max(initial=0) < 256:  # written as bytes, against the standard
        return colormap.astype(np.uint8).T
    for step in (257, 256):
        if not (colormap % step).any():
            colours = (colormap // step).astype(np.uint8)
    return colours.T


def _shaped(tif: tifffile.TiffFile) -> dict[str, Any]:
    """What tifffile noted about the first image of a file of its own."""
    noted = tif.shaped_metadata
    return dict(noted[0]) if noted else {}


def _metadata(tif: tifffile.TiffFile, page: Any) -> Metadata:
    """Everything that must survive beside axes and pixel size."""
    shaped = _shaped(tif)
    for derived in ("shape", "axes", "truncated"):
        shaped.pop(derived, None)
    description = page.description or None
    if description and ("<OME " in description or states_sizes(tif, description)):
        description = None
    plain = not (tif.is_ome or tif.is_imagej or page.is_shaped)
    extra = page.extrasamples
    return Metadata(
        ome=tif.ome_metadata if tif.is_ome else None,
        imagej=tif.imagej_metadata if tif.is_imagej else None,
        shaped=shaped or None,
        description=description if plain else None,
        icc_profile=page.iccprofile,
        colormap=page.colormap if tif.is_imagej else None,
        inverted=page.photometric == _PHOTOMETRIC.MINISWHITE,
        extra=tuple(_EXTRA.get(int(kind), "unspecified") for kind in extra),
        premultiplied=tifffile.EXTRASAMPLE.ASSOCALPHA in extra,
        compressed=page.compression != tifffile.COMPRESSION.NONE,
    )
