"""Noise, detail and values of an image of any size, from parts of it."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import InputError, VdsrError
from napari_vdsr.evaluation.detail import SamplingReport, sampling_of
from napari_vdsr.evaluation.history import history_of
from napari_vdsr.evaluation.image_report import ImageReport, instrument_of
from napari_vdsr.evaluation.noise import NoiseEstimate, noise_of
from napari_vdsr.images.find import opened
from napari_vdsr.images.stack import Stack
from napari_vdsr.imaging.intensities import FULL_RANGE, fill_gaps
from napari_vdsr.imaging.resample import Instrument

Place = tuple[tuple[int, ...], slice, slice]  # index of a plane, rows and columns

_EDGE = 512  # pixels of a window
_ALONG = 3  # windows along an axis of a plane, and planes of a stack
_GRID = 8  # windows begin at multiples of it: the blocks of JPEG
_SECONDS = 3.0  # after which no further window is read
_TASKS = 1000  # of dask, that a window may need: nobody knows how long each takes
UNREADABLE = "a part of the image cannot be read: "  # how such a trouble begins
_BYTES = 2**28  # of the chunks that a window lies in


@dataclass(frozen=True, eq=False)
class Windows:
    """Parts of an image, and what could not be read of it."""

    parts: list[NDArray[Any]]  # all of one shape (Y, X[, S])
    colour: bool  # whether they hold colours
    plane_shape: tuple[int, int]  # of the image
    instrument: Instrument | None = None  # as the file says
    # Why there are fewer parts than wanted.
    troubles: tuple[str, ...] = field(default=())


def windows_of(image: Any, axes: str | None = None, rgb: bool | None = None) -> Windows:
    """Read up to nine parts of an array, layer or file, spread over it.

    Raises InputError and FileError where the image cannot be used at all. Chunks that
    are damaged or too large are skipped.
    """
    with opened(image, rgb=rgb, axes=axes, kept=0, warn=False) as stack:
        parts, troubles = _read(stack)
    instrument = instrument_of(stack.ome)
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


_GREEN = 1
_SMALLEST = 32  # pixels
_GAPS = 0.05  # of a part; more NaN than that would change its spectrum

Found = TypeVar("Found")


def describe_image(
    image: Any, *, axes: str | None = None, rgb: bool | None = None
) -> ImageReport:
    """Describe an image before it is enlarged.

    Its noise, how fine its detail is compared with its pixels, what was done to it
    before, which model is meant for it and whether enlarging can help at all. It takes
    a few seconds at most: of large images and stacks, up to nine parts of 512 x 512
    pixels are examined; of colours, noise and values are those of green.

    The rules, of which the first that holds decides:

    1. Constant images and what looks like a mask, labels or a drawing: enlarging
       cannot help.
    2. The detail is coarser than the pixels already: enlarging adds pixels, not detail.
    3. Noise of 1 % of the range or more at mid intensity, noise that cannot be told
       from fine detail, or an image that is neither in colour nor of 8 bits: the models
       for microscopes, ``vdsr20-scanner`` and ``vdsr20-camera``. Which of the two is
       not in the pixels: OME metadata may tell, otherwise you have to choose.
    4. Other pictures, in colour or of 8 bits: ``vdsr20``, for images that software has
       made smaller.

    Parameters
    ----------
    image : napari Image layer, array, torch.Tensor or path
        Any real dtype; arrays of numpy, dask or zarr. Of a multiscale layer the finest
        level is taken.
    axes : str, optional
        As for `upscale`.
    rgb : bool, optional
        Whether the last axis holds colours. Needed for arrays whose last axis has 3 or
        4 pixels when `axes` is not given; files and layers know.

    Returns
    -------
    ImageReport
        With a line in `summary` and the model in `model`. What cannot be told of a
        constant, small, saturated or damaged image is said in `unknown`.

    Raises
    ------
    InputError
        When it is no image of real numbers, or the axes do not fit it.
    FileError
        When a file cannot be opened.

    Examples
    --------
    >>> import numpy as np
    >>> report = describe_image(np.full((64, 64), 7, dtype="uint8"))
    >>> report.helps, report.reason
    (False, 'it is constant: there is nothing to enlarge')
    """
    windows = windows_of(image, axes, rgb)
    unknown = list(windows.troubles)

    def told(what: str, look: Callable[[], Found]) -> Found | None:
        try:
            with np.errstate(over="raise", invalid="raise", divide="raise"):
                return look()
        except (ArithmeticError, np.linalg.LinAlgError):
            unknown.append(f"{what}: its values are too large to compute with")
        except InputError as error:
            unknown.append(f"{what}: {error}")
        return None

    planes = windows.parts
    if windows.colour:  # measured values; luminance would mix three
        planes = [part[..., _GREEN] for part in windows.parts]
    history = noise = sampling = None
    if planes:
        history = told("nothing can be told", lambda: history_of(planes))
    if history is not None:
        noise = told("its noise cannot be told", lambda: noise_of(planes))
        sampling = told(
            "how fine its detail is cannot be told", lambda: _sampling(windows, noise)
        )
    return ImageReport(
        noise=noise,
        sampling=sampling,
        history=history,
        colour=windows.colour,
        instrument=windows.instrument,
        pixels=sum(plane.size for plane in planes),
        unknown=tuple(unknown),
    )


def _sampling(windows: Windows, noise: NoiseEstimate | None) -> SamplingReport:
    height, width = windows.plane_shape
    if min(height, width) < _SMALLEST:
        raise InputError(
            f"the image has {height} x {width} pixels, and {_SMALLEST} x {_SMALLEST} "
            "are the least"
        )
    grey = map(_grey, windows.parts)
    parts = [part for each in grey if (part := _without_gaps(each)) is not None]
    return replace(sampling_of(parts), estimate=noise)


def _without_gaps(part: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """A part whose few NaN are filled from around; None with infinities or many NaN."""
    missing = np.isnan(part).mean()
    if np.isinf(part).any() or missing > _GAPS:
        return None
    filled, _ = fill_gaps(part, max(part.shape)) if missing else (part, None)
    return np.asarray(filled)


def _grey(part: NDArray[Any]) -> NDArray[np.float64]:
    values = part.astype(np.float64)
    grey: NDArray[np.float64] = (
        values @ np.array(FULL_RANGE) if part.ndim == 3 else values
    )
    return grey
