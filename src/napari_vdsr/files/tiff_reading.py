"""Reading TIFF, OME-TIFF and ImageJ TIFF."""

import contextlib
import logging
import math
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_vdsr.errors import FileError, VdsrWarning
from napari_vdsr.files.ome import ome_pixel_size
from napari_vdsr.files.picture import Metadata, Picture
from napari_vdsr.files.units import normalise_unit

__all__ = ["read_tiff"]

_PHOTOMETRIC = tifffile.PHOTOMETRIC
_GREY = (_PHOTOMETRIC.MINISBLACK, _PHOTOMETRIC.MINISWHITE)
_TAG_UNITS = {tifffile.RESUNIT.INCH: "in", tifffile.RESUNIT.CENTIMETER: "cm"}


def read_tiff(path: Path) -> Picture:
    """Read the first image of a TIFF file, all its planes and levels of detail one.

    Parameters
    ----------
    path : Path
        A TIFF file.

    Returns
    -------
    Picture
        Colours stand in the last axis, whichever way the file stores them.

    Raises
    ------
    FileError
        When parts are missing or the colours are of a kind not known here.
    """
    with _complaints_of_tifffile(path) as check, tifffile.TiffFile(path) as tif:
        series = tif.series[0]
        check()  # a damaged header can ask for very many pixels
        if len(tif.series) > 1:
            msg = (
                f"{path} holds {len(tif.series)} images of different shape or kind: "
                "the first one is read, the others are left out"
            )
            warnings.warn(msg, VdsrWarning, stacklevel=3)
        page = series.keyframe
        array, axes, rgb = _with_colours_last(path, series, page)
        size, unit = _pixel_size(tif, page)
        metadata = _metadata(tif, page)
        check()
    return Picture(array, axes, rgb, size, unit, metadata)


@contextlib.contextmanager
def _complaints_of_tifffile(path: Path) -> Iterator[Callable[[], None]]:
    """Give a function that raises the errors that tifffile has only logged.

    tifffile goes on with what is left of a damaged file, fewer planes for instance,
    and says so in its log alone.
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
            msg = f"cannot read {path}: damaged or cut short ({complaints[0]})"
            raise FileError(msg)

    try:
        yield check
    finally:
        logger.removeHandler(collector)


def _with_colours_last(
    path: Path, series: tifffile.TiffPageSeries, page: Any
) -> tuple[NDArray[Any], str, bool]:
    """Read the intensities; expand palettes and move colours to the last axis."""
    array, axes = np.asarray(series.asarray()), series.axes
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if array.size == 0:
        msg = f"{path} holds no pixels: its shape is {array.shape}"
        raise FileError(msg)
    if not {"Y", "X"} <= set(axes):
        msg = f"{path} has axes {axes}: there is no image plane (Y, X) in it"
        raise FileError(msg)
    photometric = page.photometric
    if photometric == _PHOTOMETRIC.PALETTE:
        # ImageJ's palettes only colour intensities; elsewhere they are the colours.
        if page.parent.is_imagej:
            return array, axes, False
        return _expanded(array, page.colormap), axes + "S", True
    is_colour = photometric == _PHOTOMETRIC.RGB or (
        photometric == _PHOTOMETRIC.YCBCR
        and page.compression == tifffile.COMPRESSION.JPEG  # decoded to RGB
    )
    if not is_colour and photometric not in _GREY:
        msg = (
            f"{path} has {photometric.name} colours: convert it to grey or RGB "
            "with the program that wrote it"
        )
        raise FileError(msg)
    rgb = is_colour and "S" in axes and array.shape[axes.index("S")] in (3, 4)
    if rgb:
        array = np.moveaxis(array, axes.index("S"), -1)
        axes = axes.replace("S", "") + "S"
    return array, axes, rgb


def _expanded(array: NDArray[Any], colormap: NDArray[np.uint16]) -> NDArray[Any]:
    """Look colours up in a palette, whose 16 bits often hold 8-bit values."""
    colours: NDArray[Any] = colormap
    for step in (257, 256):
        if not (colormap % step).any():
            colours = (colormap // step).astype(np.uint8)
    expanded: NDArray[Any] = colours.T[array]
    return expanded


def _pixel_size(
    tif: tifffile.TiffFile, page: Any
) -> tuple[tuple[float, float] | None, str | None]:
    """Size of a pixel in Y and X with its unit, or two Nones."""
    if tif.is_ome and tif.ome_metadata:
        found = ome_pixel_size(tif.ome_metadata)
        if found is not None:
            return found
    tag = page.tags.get("ResolutionUnit")
    unit = _TAG_UNITS.get(tag.value if tag else tifffile.RESUNIT.INCH)
    if tif.is_imagej:
        unit = normalise_unit((tif.imagej_metadata or {}).get("unit"))
    elif "unit" in _shaped(tif):
        unit = normalise_unit(_shaped(tif)["unit"])
    sizes = [_size(page.tags.get(name)) for name in ("YResolution", "XResolution")]
    if 0 in sizes or (unit is None and sizes == [1, 1]):
        return None, None
    return (sizes[0], sizes[1]), unit


def _size(tag: Any) -> float:
    """Size of a pixel from a resolution tag; 0 when it says nothing."""
    if tag is None or not isinstance(tag.value, tuple) or 0 in tag.value:
        return 0.0
    size = tag.value[1] / tag.value[0]
    return float(size) if math.isfinite(size) else 0.0


def _shaped(tif: tifffile.TiffFile) -> dict[str, Any]:
    """What tifffile noted about the first image of a file of its own."""
    noted = tif.shaped_metadata
    return dict(noted[0]) if noted else {}


def _metadata(tif: tifffile.TiffFile, page: Any) -> Metadata:
    """Everything that must survive beside axes and pixel size."""
    shaped = _shaped(tif)
    for derived in ("shape", "axes", "truncated"):
        shaped.pop(derived, None)
    plain = not (tif.is_ome or tif.is_imagej or page.is_shaped)
    extra = page.extrasamples
    return Metadata(
        ome=tif.ome_metadata if tif.is_ome else None,
        imagej=tif.imagej_metadata if tif.is_imagej else None,
        shaped=shaped or None,
        description=(page.description or None) if plain else None,
        icc_profile=page.iccprofile,
        colormap=page.colormap if tif.is_imagej else None,
        inverted=page.photometric == _PHOTOMETRIC.MINISWHITE,
        premultiplied=tifffile.EXTRASAMPLE.ASSOCALPHA in extra,
        compressed=page.compression != tifffile.COMPRESSION.NONE,
    )
