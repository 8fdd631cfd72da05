"""An image as a file holds it: numbers, names of the axes, size of a pixel."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.files.multiscale import FREE_LETTERS, Multiscale


@dataclass(frozen=True, eq=False)
class Metadata:
    """What else a file said, kept so that the result can say it too.

    Attributes
    ----------
    ome : str, optional
        The OME-XML document of an OME-TIFF file.
    imagej : mapping, optional
        The fields of an ImageJ TIFF file.
    shaped : mapping, optional
        What tifffile noted in a file of its own, shape and axes left out.
    description : str, optional
        Free text.
    icc_profile : bytes, optional
        What the colours mean.
    colormap : ndarray of uint16, shape (3, 256), optional
        The colours that ImageJ shows intensities in.
    inverted : bool
        Whether the smallest value stands for white (TIFF).
    premultiplied : bool
        Whether the colours are multiplied by alpha already (TIFF).
    compressed : bool
        Whether the pixels were compressed (TIFF).
    multiscale : Multiscale, optional
        Axes, places and channels of an OME-Zarr image.
    """

    ome: str | None = None
    imagej: Mapping[str, Any] | None = None
    shaped: Mapping[str, Any] | None = None
    description: str | None = None
    icc_profile: bytes | None = None
    colormap: NDArray[np.uint16] | None = None
    inverted: bool = False
    premultiplied: bool = False
    compressed: bool = False
    multiscale: Multiscale | None = None


@dataclass(frozen=True, eq=False)
class Picture:
    """An image together with what its file says about it.

    Attributes
    ----------
    array : ndarray
        Intensities, in the dtype of the file. Of a picture that is only planned or
        not yet read, shape and dtype alone mean something.
    axes : str
        A letter per axis: ``Y`` and ``X``; ``T``, ``C``, ``Z``; ``S`` for the samples
        of a pixel (colours, alpha); ``Q`` and ``I`` for axes without a name.
    rgb : bool
        Whether the samples are red, green, blue and perhaps alpha.
    pixel_size : tuple of float, optional
        Height and width of a pixel, in `unit`.
    unit : str, optional
        ``"µm"``, ``"in"`` …; None where the file names none.
    metadata : Metadata
        What else the file said.
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
        """Give the same picture with its axes in another order.

        Parameters
        ----------
        order : sequence of int
            Which axis comes first, second and so on.

        Returns
        -------
        Picture
        """
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
        """Describe an enlargement of this picture.

        Parameters
        ----------
        array : ndarray
            The enlarged intensities, axes in the same order.

        Returns
        -------
        Picture
            The same metadata, with the pixel size divided by the factor that was
            really used on each axis.
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
