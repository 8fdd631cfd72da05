"""An image as a file holds it: numbers, axes, and the size of a pixel with its unit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

AXIS_TYPES = {"T": "time", "C": "channel", "S": "channel"} | dict.fromkeys(
    "ZYX", "space"
)
"""What OME-Zarr calls the axes with a letter of their own."""

FREE_LETTERS = "QIPLHERAMVWBDFGJKNOU"
"""For axes without one."""

PixelSize = tuple[tuple[float, float] | None, str | None]
"""Height and width of a pixel with their unit, or two Nones."""


@dataclass(frozen=True)
class Axis:
    """One axis of an image.

    `type` is "time", "channel", "space" or something else, `unit` as OME-Zarr spells
    it, such as "micrometer".
    """

    name: str
    type: str | None = None
    unit: str | None = None


@dataclass(frozen=True)
class Multiscale:
    """Axes, places and channels of an image; all sequences follow its axes.

    `scale` is the distance between neighbouring pixel centres and `translation` the
    centre of the first pixel, in the unit of the axis. `omero` says how to show the
    channels: names, colours, windows of intensity.
    """

    axes: tuple[Axis, ...]
    scale: tuple[float, ...]
    translation: tuple[float, ...]
    name: str = ""
    omero: Mapping[str, Any] | None = None

    def resized(self, before: Sequence[int], after: Sequence[int]) -> "Multiscale":
        """The same image on a finer or coarser grid of the same outer edges.

        `before` and `after` are the pixels of every axis.

        Examples
        --------
        >>> one = Multiscale((Axis("x"),), (0.5,), (10.0,))
        >>> finer = one.resized([4], [8])
        >>> finer.scale, finer.translation
        ((0.25,), (9.875,))
        """
        ratios = [old / new for old, new in zip(before, after, strict=True)]
        scale = [step * ratio for step, ratio in zip(self.scale, ratios, strict=True)]
        places = zip(self.translation, self.scale, ratios, strict=True)
        translation = [place + step * (ratio - 1) / 2 for place, step, ratio in places]
        return replace(self, scale=tuple(scale), translation=tuple(translation))

    def pixel_size(self, y: int, x: int) -> PixelSize:
        """Height and width of a pixel with their unit; Nones where they are unknown.

        Both are in the unit of `y`. Without any unit, 1 × 1 says nothing.
        """
        height, width = abs(self.scale[y]), abs(self.scale[x])
        units = [normalise_unit(self.axes[axis].unit) for axis in (y, x)]
        if units == [None, None]:
            return (None if height == width == 1 else (height, width)), None
        return plane_size((height, width), units)

    def ordered(self, order: Sequence[int]) -> "Multiscale":
        """The image with its axes in another order."""
        return replace(
            self,
            axes=tuple(self.axes[axis] for axis in order),
            scale=tuple(self.scale[axis] for axis in order),
            translation=tuple(self.translation[axis] for axis in order),
        )


def flipped_axes(orientation: int, y: int, x: int) -> tuple[int, ...]:
    """Which of Y and X run the other way where EXIF or TIFF says this orientation.

    It is 1 to 8; from 5 on Y and X have changed places first.
    """
    turned = {y: (3, 4, 7, 8), x: (2, 3, 6, 7)}
    return tuple(axis for axis, which in turned.items() if orientation in which)


def planned_array(shape: Sequence[int], dtype: Any) -> NDArray[Any]:
    """An array for a picture without pixels: it has a shape and takes no memory."""
    return np.broadcast_to(np.zeros((), dtype), tuple(shape))


@dataclass(frozen=True, eq=False)
class Metadata:
    """What else a file said, kept so that the result can say it too."""

    ome: str | None = None  # the OME-XML document
    imagej: Mapping[str, Any] | None = None
    shaped: Mapping[str, Any] | None = None  # tifffile's notes, without shape and axes
    description: str | None = None
    icc_profile: bytes | None = None
    colormap: NDArray[np.uint16] | None = None  # of ImageJ, shape (3, 256)
    inverted: bool = False  # the smallest value stands for white
    extra: tuple[str, ...] = ()  # kinds of the samples beside colours, as in TIFF
    premultiplied: bool = False  # the colours are multiplied by alpha already
    compressed: bool = False
    multiscale: Multiscale | None = None


def as_shown(
    array: NDArray[Any], metadata: Metadata, samples: int | None
) -> NDArray[Any]:
    """Pixels where black is 0 and colours are not multiplied by alpha.

    For files that cannot say it otherwise, and to look at the pixels of those that do.
    `samples` is the axis of colours and alpha.
    """
    if array.dtype.kind not in "iu":
        return array
    highest = np.iinfo(array.dtype).max
    if metadata.inverted:
        array = ~array  # the lowest value becomes the highest one
    if (
        metadata.premultiplied
        and samples is not None
        and array.shape[samples] in (2, 4)
    ):
        colours, alpha = np.split(array, [array.shape[samples] - 1], axis=samples)
        factors = highest / np.maximum(alpha.astype(np.float64), 1)
        colours = np.minimum(np.rint(colours * factors), highest).astype(array.dtype)
        array = np.concatenate([colours, alpha], axis=samples)
    return array


@dataclass(frozen=True, eq=False)
class Picture:
    """An image together with what its file says about it.

    `array` has the dtype of the file; of a picture that is only planned or not yet
    read, only its shape and dtype mean something. `axes` has a letter for each axis: Y
    and X; T, C, Z; S for the samples of a pixel (colours, alpha); Q and I for axes
    without a name. `pixel_size` is height and width in `unit`, such as "µm".
    """

    array: NDArray[Any]
    axes: str
    rgb: bool = False
    pixel_size: tuple[float, float] | None = None
    unit: str | None = None
    metadata: Metadata = field(default_factory=Metadata)

    @property
    def plane_shape(self) -> tuple[int, int]:
        """Pixels in Y and X."""
        shape = self.array.shape
        return shape[self.axes.index("Y")], shape[self.axes.index("X")]

    @property
    def unique_axes(self) -> str:
        """A different letter for each axis, S for colours only: for `upscale`."""
        free = iter(FREE_LETTERS)
        letters: list[str] = []
        for letter in self.axes:
            if letter in letters or (letter == "S" and not self.rgb):
                letter = next(item for item in free if item not in self.axes)
            letters.append(letter)
        return "".join(letters)

    def reordered(self, order: Sequence[int]) -> "Picture":
        """The same picture with its axes in another order."""
        metadata = self.metadata
        if metadata.multiscale is not None:
            metadata = replace(metadata, multiscale=metadata.multiscale.ordered(order))
        return replace(
            self,
            array=self.array.transpose(order),
            axes="".join(self.axes[axis] for axis in order),
            metadata=metadata,
        )

    def enlarged(self, array: NDArray[Any]) -> "Picture":
        """The same picture with enlarged pixels, axes in the same order.

        The pixel size is divided by the factor that was really used on each axis.
        """
        result = replace(self, array=array)
        if self.metadata.multiscale is not None:
            places = self.metadata.multiscale.resized(self.array.shape, array.shape)
            metadata = replace(self.metadata, multiscale=places)
            result = replace(result, metadata=metadata)
        if self.pixel_size is None:
            return result
        sizes = zip(self.pixel_size, self.plane_shape, result.plane_shape, strict=True)
        height, width = (size * before / after for size, before, after in sizes)
        return replace(result, pixel_size=(height, width))


_METRES = {
    "km": 1e3,
    "m": 1.0,
    "dm": 1e-1,
    "cm": 1e-2,
    "mm": 1e-3,
    "µm": 1e-6,
    "nm": 1e-9,
    "pm": 1e-12,
    "Å": 1e-10,
    "in": 0.0254,
}

# Of a symbol, that of OME-Zarr first: "\u03bcm" has a Greek mu, "\\u00b5m" is ImageJ's.
_SPELLINGS = {
    "µm": "micrometer micrometre um \u03bcm \\u00b5m micron",
    "Å": "angstrom \\u00c5 å",
    "nm": "nanometer nanometre",
    "pm": "picometer picometre",
    "mm": "millimeter millimetre",
    "cm": "centimeter centimetre",
    "dm": "decimeter decimetre",
    "km": "kilometer kilometre",
    "m": "meter metre",
    "in": "inch inches",
    "s": "second",
    "ms": "millisecond",
    "µs": "microsecond",
    "ns": "nanosecond",
    "min": "minute",
    "h": "hour",
}
_SYMBOLS = {word: unit for unit, words in _SPELLINGS.items() for word in words.split()}
NGFF_UNITS = {unit: words.split()[0] for unit, words in _SPELLINGS.items()}
"""What OME-Zarr calls the units with a symbol of their own."""
_NO_LENGTH = {"", "none", "pixel", "pixels", "px", "null", "reference frame"}


def normalise_unit(unit: str | None) -> str | None:
    """The usual symbol of a unit; an unknown one as it is; None for none or pixels.

    Examples
    --------
    >>> normalise_unit("micron")
    'µm'
    """
    text = (unit or "").strip()
    if text.lower() in _NO_LENGTH:
        return None
    word = text.lower()
    return _SYMBOLS.get(word) or _SYMBOLS.get(word.removesuffix("s")) or text


def convert_length(value: float, unit: str, target: str) -> float | None:
    """A length in another unit; None when a unit is unknown.

    Units are as `normalise_unit` gives them.

    Examples
    --------
    >>> convert_length(250, "nm", "µm")
    0.25
    """
    if unit == target:
        return value
    if unit not in _METRES or target not in _METRES:
        return None
    return float(f"{value * _METRES[unit] / _METRES[target]:.15g}")


def plane_size(size: tuple[float, float], units: Sequence[str | None]) -> PixelSize:
    """Height and width of a pixel in the unit of the height, and that unit.

    Two Nones where a size is not above 0 or the units cannot be converted.
    """
    width = convert_length(size[1], units[1] or "", units[0] or "")
    if width is None or not all(0 < value < inf for value in size):
        return None, None
    return (size[0], width), units[0]
