"""Parts of an image of any size, spread over it, and read within bounds."""

import math
import re
import time
from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import VdsrError
from napari_vdsr.images.find import opened
from napari_vdsr.images.stack import Stack
from napari_vdsr.imaging.resample import Instrument

Place = tuple[tuple[int, ...], slice, slice]  # index of a plane, rows and columns

_EDGE = 512  # pixels of a window
_ALONG = 3  # windows along an axis of a plane, and planes of a stack
_GRID = 8  # windows begin at multiples of it: the blocks of JPEG
_SECONDS = 3.0  # after which no further window is read
_TASKS = 1000  # of dask, that a window may need: nobody knows how long each takes
UNREADABLE = "a part of the image cannot be read: "  # how such a trouble begins
_BYTES = 2**28  # of the chunks that a window lies in


class Windows(NamedTuple):
    """Parts of an image, and what could not be read of it."""

    parts: list[NDArray[Any]]  # all of one shape (Y, X[, S])
    colour: bool  # whether they hold colours
    plane_shape: tuple[int, int]  # of the image
    instrument: Instrument | None  # as the file says
    troubles: tuple[str, ...]  # why there are fewer parts than wanted


def windows_of(image: Any, axes: str | None = None, rgb: bool | None = None) -> Windows:
    """Read up to nine parts of an array, layer or file, spread over it.

    Raises InputError and FileError where the image cannot be used at all. Chunks that
    are damaged or too large are skipped.
    """
    with opened(image, rgb=rgb, axes=axes, kept=0, warn=False) as stack:
        parts, troubles = _read(stack)
    instrument = _instrument_of(stack.ome)
    return Windows(parts, stack.rgb, stack.plane_shape, instrument, tuple(troubles))


def _read(image: Stack) -> tuple[list[NDArray[Any]], list[str]]:
    """Read windows until time is up; give them and what went wrong."""
    parts: list[NDArray[Any]] = []
    lost: list[str] = []
    places = list(_places(image))
    end = time.monotonic() + _SECONDS
    for number, place in enumerate(places):
        if number and time.monotonic() > end:
            rest = f"{number} of {len(places)}"
            return parts, [*lost, f"reading is slow: only {rest} parts were looked at"]
        tasks = image.tasks(*place)
        if tasks > _TASKS:
            lost.append(
                f"a part of the image takes {tasks:,} steps to compute: save the image "
                "first, and describe what was saved"
            )
            continue
        if _bytes_behind(image, place) > _BYTES:
            lost.append(
                "a part of the image cannot be read without a large one: store it in "
                "smaller chunks"
            )
            continue
        try:
            parts.append(image.window(*place))
        except (VdsrError, MemoryError) as error:
            lost.append(f"{UNREADABLE}{error}")
    return parts, list(dict.fromkeys(lost))


def _places(image: Stack) -> Iterator[Place]:
    """Where windows are: nine in one plane, or three in each of three planes."""
    height, width = image.plane_shape
    planes = list(_planes(image.stack))
    places = list(product(_starts(height), _starts(width)))
    for number, plane in enumerate(planes):
        for place, (y, x) in enumerate(places):
            # In a stack, each plane is read in other places.
            row, column = divmod(place, _ALONG)
            if len(places) >= len(planes) > 1 and (row + column - number) % len(planes):
                continue
            rows = slice(y, min(y + _EDGE, height))
            yield plane, rows, slice(x, min(x + _EDGE, width))


def _planes(sizes: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Up to three planes of a stack, spread over it."""
    last = math.prod(sizes) - 1
    for flat in sorted({round(at) for at in np.linspace(0, last, _ALONG)}):
        yield tuple(int(index) for index in np.unravel_index(flat, sizes or (1,)))[
            : len(sizes)
        ]


def _starts(size: int) -> list[int]:
    """Where windows begin along an axis; they do not overlap."""
    count = max(1, min(_ALONG, size // _EDGE))
    last = max(size - _EDGE, 0)
    middle = [last / 2] if count == 1 else np.linspace(0, last, count)
    return [int(start) // _GRID * _GRID for start in middle]


def _bytes_behind(image: Stack, place: Place) -> float:
    """Bytes of the chunks that hold a window: what has to be read for it."""
    if not image.chunks or len(image.chunks) != len(image.shape):
        return 0.0
    plane, *window = place
    parts = [*(slice(at, at + 1) for at in plane), *window]
    count = float(image.dtype.itemsize) * (3 if image.rgb else 1)
    for size, chunk, part in zip(image.shape, image.chunks, parts, strict=False):
        count *= _pixels_behind(size, chunk, part.start, part.stop)
    return count


def _pixels_behind(
    size: int, chunk: int | tuple[int, ...], start: int, stop: int
) -> float:
    """Pixels of the chunks along an axis that hold a range of it."""
    if not isinstance(chunk, tuple):
        return float(min(-(-stop // chunk) * chunk, size) - start // chunk * chunk)
    edges = np.concatenate([[0], np.cumsum(chunk)])
    if np.isnan(edges).any():  # dask does not know
        return float(size)
    first = float(edges[np.searchsorted(edges, start, "right") - 1])
    return float(edges[np.searchsorted(edges, stop)]) - first


# https://www.openmicroscopy.org/Schemas/Documentation/Generated/OME-2016-06/ome_xsd.html
_SCANNERS = {
    "LaserScanningConfocalMicroscopy",
    "MultiPhotonMicroscopy",
    "SecondHarmonicGenerationImaging",
    "FluorescenceLifetime",
    "STED",
    "LCM",
}
_CAMERAS = {
    "WideField",
    "SpinningDiskConfocal",
    "TotalInternalReflection",
    "TIRF",
    "SPIM",
    "BrightField",
}
_MODE = re.compile(r"AcquisitionMode\s*=\s*[\"'](\w+)[\"']")


def _instrument_of(ome: str | None) -> Instrument | None:
    """Read the instrument off the OME-XML of a file; None when it does not tell.

    >>> _instrument_of('<Channel ID="Channel:0" AcquisitionMode="WideField"/>')
    'camera'
    """
    modes = set(_MODE.findall(ome or ""))
    if modes and modes <= _SCANNERS:
        return "scanner"
    return "camera" if modes and modes <= _CAMERAS else None
