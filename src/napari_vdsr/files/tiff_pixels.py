"""The pixels of a TIFF file by parts, with the axes that a picture has."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import ceil, prod
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_vdsr.errors import FileError
from napari_vdsr.files.opening import Sliced

_KEPT = 32_000_000  # bytes of decoded strips and tiles that are kept for the next read
_GDAL_NODATA = 42113


class TiffPixels:
    """The pixels of a TIFF series of an open file, read where they are sliced.

    Uncompressed pixels are read row by row, others strip by strip or tile by tile. A
    page that is one compressed strip can only be read whole. `shape` has the axes of
    the series, `dtype` its byte order.
    """

    def __init__(self, path: Path, tif: Any, series: tifffile.TiffPageSeries) -> None:
        self.shape = tuple(int(size) for size in series.shape)
        self.dtype: np.dtype[Any] = np.dtype(series.dtype)
        self._path = path
        self._pages = pages = series.pages
        self._keyframe: Any = series.keyframe
        self._file_dtype = self.dtype.newbyteorder(self._keyframe.parent.byteorder)
        self._file = tif.filehandle
        self._file.set_lock(True)  # it has one position for all threads
        self._offset = series.dataoffset if self._is_here(self._keyframe) else None
        frame, itemsize = self._keyframe, self.dtype.itemsize
        # Whole tiles: what is cut off at the edges of an image stays in memory.
        self._segment = _last_kept(
            lambda number, index: _decode(pages[number], index),
            prod(frame.chunks) * itemsize,
        )
        self._whole = _last_kept(
            lambda number: _of_whole_page(pages[number]), frame.size * itemsize
        )

    def region(self, parts: tuple[slice, ...]) -> NDArray[Any]:
        """The pixels of one slice for each axis, from 0 up and without steps."""
        if self._offset is not None:
            return self._rows(self._offset, self.shape, parts)
        page_ndim = len(self._keyframe.shape)
        stack, within = parts[:-page_ndim], parts[-page_ndim:]
        sizes = self.shape[:-page_ndim]
        if (*sizes, *self._keyframe.shape) != self.shape or prod(sizes) != len(
            self._pages
        ):
            raise ValueError("its pages are not the planes of its image")
        out = np.empty([part.stop - part.start for part in parts], self._file_dtype)
        for index in product(*(range(part.start, part.stop) for part in stack)):
            number = int(np.ravel_multi_index(index, sizes)) if sizes else 0
            place = tuple(i - part.start for i, part in zip(index, stack, strict=True))
            out[place] = self._of_page(number, within)
        return out

    def _rows(
        self, offset: int, shape: tuple[int, ...], parts: tuple[slice, ...]
    ) -> NDArray[Any]:
        """Part of pixels that lie in the file as they do in memory."""
        # Read and not mapped: a file that is cut short meanwhile would end the process.
        inner = len(shape)
        while inner and parts[inner - 1] == slice(0, shape[inner - 1]):
            inner -= 1
        first = max(0, inner - 1)  # from this axis on, pixels follow one another
        out = np.empty([part.stop - part.start for part in parts], self._file_dtype)
        if not out.size:
            return out
        runs = out.view(np.uint8).reshape(prod(out.shape[:first]), -1)
        strides = [out.itemsize * prod(shape[axis + 1 :]) for axis in range(len(shape))]
        places = np.full((1,), offset + parts[first].start * strides[first])
        for part, stride in zip(parts[:first], strides, strict=False):
            starts = np.arange(part.start, part.stop) * stride
            places = (places[:, None] + starts).ravel()
        for run, place in zip(runs, places.tolist(), strict=True):
            with self._file.lock:
                self._file.read_array(np.uint8, offset=place, out=run)
        return out

    def _is_here(self, page: Any) -> bool:
        """Whether a page is in the file that was opened, not in another of its set."""
        return page.parent.filehandle is self._file

    def _of_page(self, number: int, parts: tuple[slice, ...]) -> NDArray[Any]:
        page: Any = self._pages[number]
        keyframe = self._keyframe
        check_segments(self._path, page, number)
        here = self._is_here(page) and self._is_here(keyframe)
        if here and keyframe.is_final:
            return self._rows(page.dataoffsets[0], keyframe.shape, parts)
        if here and keyframe.axes in ("YX", "YXS", "SYX") and keyframe.shaped[1] == 1:
            if keyframe.jpegheader is None:
                return self._of_segments(number, parts)
        return self._whole(number)[parts]

    def _of_segments(self, number: int, parts: tuple[slice, ...]) -> NDArray[Any]:
        """Part of a page from the strips or tiles that it touches."""
        named = dict(zip(self._keyframe.axes, parts, strict=True))
        rows, columns = named["Y"], named["X"]
        samples = named.get("S", slice(0, 1))
        separate = self._keyframe.axes == "SYX"
        planes, within = (samples, slice(0, 1)) if separate else (slice(0, 1), samples)
        size = rows.stop - rows.start, columns.stop - columns.start
        count = planes.stop - planes.start
        out = np.empty((count, *size, within.stop - within.start), self.dtype)
        touched = self._touched(number, planes, rows, columns)
        for segment, (plane, top, left) in touched:
            into_y, of_y = _overlap(rows, top, segment.shape[1])
            into_x, of_x = _overlap(columns, left, segment.shape[2])
            out[plane - planes.start, into_y, into_x] = segment[0, of_y, of_x, within]
        if separate:
            return out[..., 0]
        return out[0] if "S" in named else out[0, ..., 0]

    def _touched(
        self, number: int, planes: slice, rows: slice, columns: slice
    ) -> Iterator[tuple[NDArray[Any], tuple[int, int, int]]]:
        """The strips or tiles that a region touches, with plane, top row and column."""
        frame = self._keyframe
        height, width = segment_shape(frame)
        down, across = ceil(frame.imagelength / height), ceil(frame.imagewidth / width)
        wanted = product(
            range(planes.start, planes.stop),
            range(rows.start // height, ceil(rows.stop / height)),
            range(columns.start // width, ceil(columns.stop / width)),
        )
        for plane, y, x in wanted:
            segment = self._segment(number, (plane * down + y) * across + x)
            yield segment, (plane, y * height, x * width)


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
    # tifffile joins strips that follow one another
    expected = 1 if frame.is_contiguous else prod(frame.chunked)
    lost = max(0, expected - min(len(sizes), len(offsets)))
    lost += sum(not (size and at) for size, at in zip(sizes, offsets, strict=False))
    if lost:
        raise FileError(
            f"cannot read {path}: {lost} of {expected} {kind} are missing in its plane "
            f"{number}, counted from 0"
        )
    end = page.parent.filehandle.size
    cut = sum(at + size > end for size, at in zip(sizes, offsets, strict=False))
    # some codecs would not mind
    if cut and frame.compression != tifffile.COMPRESSION.NONE:
        raise FileError(
            f"cannot read {path}: it is cut short: {cut} of {expected} {kind} of its "
            f"plane {number}, counted from 0, would end behind its last byte"
        )


def segment_shape(frame: Any) -> tuple[int, int]:
    """Rows and columns of a strip or tile."""
    if frame.is_tiled:
        return frame.tilelength, frame.tilewidth
    return frame.rowsperstrip, frame.imagewidth


def _of_whole_page(page: Any) -> NDArray[Any]:
    """A page, also of another file of a set, which is closed."""
    file = page.parent.filehandle
    closed = file.closed
    if closed:
        file.open()
    try:
        return np.asarray(page.asarray())
    finally:
        if closed:
            file.close()


def _decode(page: Any, index: int) -> NDArray[Any]:
    """One strip or tile of a page, shape (1, rows, columns, samples)."""
    frame, file = page.keyframe, page.parent.filehandle
    options: dict[str, Any] = {"_fullsize": False}
    if page.jpegtables is not None:
        options["jpegtables"] = page.jpegtables
    where = [page.dataoffsets[index]], [page.databytecounts[index]], [index]
    ((data, _),) = file.read_segments(*where, lock=file.lock)
    if data is not None and len(data) < page.databytecounts[index]:
        raise ValueError(f"strip or tile {index} ends too early")
    segment, _, shape = frame.decode(data, index, **options)
    if segment is None:  # left out, and `check_segments` knows its value
        return np.full(shape, frame.nodata, frame.dtype)
    rows, columns = shape[1:3]
    decoded: NDArray[Any] = segment[:1, :rows, :columns]
    return decoded


def _overlap(wanted: slice, first: int, size: int) -> tuple[slice, slice]:
    """Where a segment and a region meet, seen from the region and the segment."""
    start, stop = max(wanted.start, first), min(wanted.stop, first + size)
    return (
        slice(start - wanted.start, stop - wanted.start),
        slice(start - first, stop - first),
    )


def _last_kept(
    read: Callable[..., NDArray[Any]], size: int
) -> Callable[..., NDArray[Any]]:
    """The same function, whose last results, of `size` bytes each, are kept."""
    return lru_cache(max(1, _KEPT // max(1, int(size))))(read)


@dataclass(frozen=True, eq=False)
class Arrangement:
    """How the axes of a file become those of a picture.

    `order` says which axis of the file comes first, second and so on. The values of the
    file are looked up in `palette`, of shape (colours, 3) or (levels,), where there is
    one. Then the axes `flipped` run the other way; `turned` says that Y and X have
    changed places.
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


def arranged(pixels: TiffPixels, arrangement: Arrangement) -> Sliced:
    """The pixels of a file with the axes of a picture."""
    order, palette = arrangement.order, arrangement.palette
    shape, dtype = tuple(pixels.shape[axis] for axis in order), pixels.dtype
    if palette is not None:
        shape, dtype = shape + palette.shape[1:], palette.dtype

    def read(parts: tuple[slice, ...]) -> NDArray[Any]:
        wanted = dict(zip(order, parts, strict=False))
        for axis in arrangement.flipped:
            part, size = parts[axis], shape[axis]
            turned = slice(size - max(part.stop, part.start), size - part.start)
            wanted[order[axis]] = turned
        stored = tuple(wanted[axis] for axis in range(len(order)))
        found = arrangement.applied(pixels.region(stored))
        return found[..., parts[-1]] if len(parts) > len(order) else found

    return Sliced(shape, dtype.newbyteorder("="), read)


def colours_of(colormap: NDArray[np.uint16]) -> NDArray[Any]:
    """A palette as a table of colours; its 16 bits often hold 8-bit values."""
    colours: NDArray[Any] = colormap
    if colormap.max(initial=0) < 256:  # written as bytes, against the standard
        return colormap.astype(np.uint8).T
    for step in (257, 256):
        if not (colormap % step).any():
            colours = (colormap // step).astype(np.uint8)
    return colours.T


def greys_of(bits: Any, dtype: Any, *, inverted: bool) -> NDArray[Any] | None:
    """A table of what values of fewer bits than their dtype has stand for, if needed.

    No result has so few bits. Below 8 it is spread over all of uint8, as in PNG; counts
    of 12 bits, say, stay what they are, unless the smallest one is white.
    """
    if np.dtype(dtype).kind != "u" or not isinstance(bits, int) or bits > 16:
        return None
    if bits == 8 * np.dtype(dtype).itemsize or not (bits < 8 or inverted):
        return None
    levels = np.arange(2**bits)[:: -1 if inverted else 1]
    if bits < 8:
        levels = np.rint(levels * (255 / (2**bits - 1)))
    return levels.astype(dtype)
