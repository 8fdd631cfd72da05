"""An image as a file holds it: numbers, names of the axes, size of a pixel."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.files.multiscale import FREE_LETTERS, Multiscale


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

    For files that cannot say it otherwise. `samples` is the axis of colours and alpha.
    """
    if array.dtype.kind not in "iu":
        return array
    highest = np.iinfo(array.dtype).max
    if metadata.inverted:
        array = highest - array
    if (
        metadata.premultiplied
        and samples is not None
        and array.shape[samples] in (2, 4)
    ):
        last = array.shape[samples] - 1
        colours, alpha = np.split(array, [last], axis=samples)
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
