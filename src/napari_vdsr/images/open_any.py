"""An image from an array, a file or a napari layer: opened, or parts of it read."""

import io
import math
import re
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import FileError, InputError, VdsrError, VdsrWarning
from napari_vdsr.files.opening import OpenImage, Sliced, reordered
from napari_vdsr.files.picture import as_shown
from napari_vdsr.images.arrays import as_array, is_xarray
from napari_vdsr.images.stack import Stack, check_kind, is_small, stack_of
from napari_vdsr.imaging.geometry import find_axes, letters_of
from napari_vdsr.imaging.resample import Instrument


class Packed(NamedTuple):
    """An encoded image in a pack."""

    pack: Path
    entry: str


@contextmanager
def opened(
    image: Any,
    name: str = "image",
    rgb: bool | None = None,
    *,
    axes: str | None = None,
    kept: float | None = None,
    warn: bool = True,
) -> Iterator[Stack]:
    """Open an array, a file or a napari layer, to be read plane by plane.

    Of a multiscale layer the finest level is taken. `rgb` is for arrays; files and
    layers know. `axes` are as for `upscale`: Y, X and colours may be anywhere. Up to
    `kept` bytes are read at once. Without `warn` the caller has to show the remarks of
    the stack. Raises InputError when it is no image of real numbers, and FileError when
    a file cannot be read.
    """
    if isinstance(image, str) and not image:
        raise InputError(f"the {name} is an empty name: write that of a file")
    if isinstance(image, OpenImage):
        yield _of_file(image, name, axes, kept)
        return
    if is_xarray(image):
        axes, image = axes or letters_of(image.dims, rgb), image.data
    if isinstance(image, Packed):
        array = _decoded(image)
        yield Stack(array, array.ndim == 3, name=name, kept=kept)
    elif isinstance(image, str | Path):
        from napari_vdsr.files import open_image

        with open_image(image, axes_told=axes is not None, warn=False) as file:
            for remark in file.remarks if warn else ():
                warnings.warn(remark, VdsrWarning, stacklevel=4)
            yield _of_file(file, name, axes, kept)
    elif is_layer(image):
        data = image.data[0] if getattr(image, "multiscale", False) else image.data
        axes = axes or letters_of(getattr(image, "axis_labels", ()))
        if axes is not None and image.rgb and len(axes) < len(data.shape):
            axes += "S"
        yield _of_array(data, name, axes, bool(image.rgb), kept)
    else:
        yield _of_array(image, name, axes, rgb, kept)


def _of_file(
    file: OpenImage,
    name: str,
    axes: str | None,
    kept: float | None,
) -> Stack:
    check_kind(file.pixels, name)
    letters = axes or file.picture.unique_axes
    small = is_small(file.pixels, kept) or not _can_be_sliced(file)
    pixels = file.read().array if small else file.pixels
    found = find_axes(pixels.shape, letters)
    order, colours = found.moved_last(len(letters)), found.samples is not None
    planes, said = reordered(pixels, order), file.picture.metadata
    if said.inverted or said.premultiplied:
        # A result in a format that stores pixels as they are shown could not be
        # compared otherwise.
        stored, samples = planes, -1 if colours else None
        planes = Sliced(
            stored.shape,
            stored.dtype,
            lambda parts: as_shown(stored[parts], said, samples),
            stored.chunks,
        )
    return Stack(
        planes,
        colours,
        name=name,
        axes="".join(letters[axis] for axis in order[: -3 if colours else -2]),
        kept=kept,
        remarks=file.remarks,
        ome=file.picture.metadata.ome,
    )


def _of_array(
    image: Any,
    name: str,
    axes: str | None,
    rgb: bool | None,
    kept: float | None,
) -> Stack:
    if axes is None:
        return stack_of(image, name, rgb, kept=kept)
    pixels = as_array(image, name)
    found = find_axes(tuple(int(size) for size in pixels.shape), axes, rgb)
    planes = reordered(pixels, found.moved_last(len(pixels.shape)))
    return stack_of(planes, name, found.samples is not None, kept=kept)


def _can_be_sliced(file: OpenImage) -> bool:
    """Whether parts of a file can be read; not if pages of a TIFF are no planes."""
    try:
        file.pixels[(slice(0, 0),) * len(file.pixels.shape)]  # reads no pixel
    except VdsrError:
        return False
    return True


def _decoded(image: Packed) -> NDArray[Any]:
    from PIL import Image, UnidentifiedImageError

    try:
        with np.load(image.pack) as pack:
            data = pack[image.entry].tobytes()
        with Image.open(io.BytesIO(data)) as picture:
            colours = picture.mode not in ("L", "I;16", "I", "F")
            return np.asarray(picture.convert("RGB") if colours else picture)
    except Exception as error:  # damaged images make the decoders raise anything
        unknown = isinstance(error, UnidentifiedImageError)
        reason = "it is no image of a known format" if unknown else error
        raise FileError(
            f"{image.entry} in {image.pack} cannot be read: {reason}"
        ) from error


def is_layer(image: object) -> bool:
    """Whether it looks like a napari Image layer; napari is not loaded for that."""
    # The rarest first: arrays of some dtypes raise when their data are asked for.
    return all(hasattr(image, name) for name in ("rgb", "scale", "name", "data"))


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


def instrument_in(path: str | Path) -> Instrument | None:
    """What a file says of the microscope; None also where it cannot be opened."""
    from napari_vdsr.files import open_image

    try:
        with open_image(path, warn=False) as file:
            return _instrument_of(file.picture.metadata.ome)
    except VdsrError:
        return None


def _instrument_of(ome: str | None) -> Instrument | None:
    """Read the instrument off the OME-XML of a file; None when it does not tell.

    >>> _instrument_of('<Channel ID="Channel:0" AcquisitionMode="WideField"/>')
    'camera'
    """
    modes = set(_MODE.findall(ome or ""))
    if modes and modes <= _SCANNERS:
        return "scanner"
    return "camera" if modes and modes <= _CAMERAS else None
