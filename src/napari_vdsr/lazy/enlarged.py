"""An enlarged image whose blocks are computed where they are sliced."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.files.opening import Pixels
from napari_vdsr.inference.upscaler import Upscaler
from napari_vdsr.progress import Progress


class EnlargedPixels:
    """An enlarged image that is computed where it is sliced.

    Parameters
    ----------
    pixels : Pixels
        The source.
    axes : str
        A different letter for each of its axes; S for colours.
    order : sequence of int
        Which axis of the source comes first, second and so on in the result.
    plane_shape : tuple of int
        Y and X of the result.
    upscaler : Upscaler
        With which model, where and how.
    progress : Progress, optional
        Told of every tile, in output pixels.

    Attributes
    ----------
    shape : tuple of int
        Of the result.
    dtype : numpy.dtype
        Of the source, and so of the result.
    """

    def __init__(
        self,
        pixels: Pixels,
        axes: str,
        order: Sequence[int],
        plane_shape: tuple[int, int],
        upscaler: Upscaler,
        progress: Progress | None = None,
    ) -> None:
        self._pixels = pixels
        self._axes = axes
        self._order = tuple(order)
        self._plane_shape = plane_shape
        self._upscaler = upscaler
        self._progress = progress
        sizes = dict(zip(axes, pixels.shape, strict=True))
        sizes |= dict(zip("YX", plane_shape, strict=True))
        self._letters = "".join(axes[axis] for axis in order)
        self.shape = tuple(sizes[letter] for letter in self._letters)
        self.dtype: np.dtype[Any] = np.dtype(pixels.dtype)

    def __getitem__(self, region: tuple[slice, ...]) -> NDArray[Any]:
        """The pixels of one slice for each axis, without steps."""
        parts = dict(zip(self._letters, region, strict=True))
        plane = "YXS" if "S" in parts else "YX"
        if "S" in parts:  # colours are enlarged together
            samples, parts["S"] = parts["S"], slice(0, self._size_of_samples)
        out = np.empty([part.stop - part.start for part in parts.values()], self.dtype)
        stack = [letter for letter in self._letters if letter not in plane]
        moved = out.transpose([self._letters.index(one) for one in (*stack, *plane)])
        sizes = [parts[letter].stop - parts[letter].start for letter in stack]
        for index in np.ndindex(*sizes):
            place = {
                letter: parts[letter].start + i
                for letter, i in zip(stack, index, strict=True)
            }
            self._upscaler.region(
                _Plane(self._pixels, self._axes, place),
                self._plane_shape,
                (parts["Y"], parts["X"]),
                out=moved[index],
                progress=self._progress,
            )
        if "S" in parts:
            kept = [slice(None)] * len(self._letters)
            kept[self._letters.index("S")] = samples
            out = out[tuple(kept)]
        return out

    @property
    def _size_of_samples(self) -> int:
        return self.shape[self._letters.index("S")]


class _Plane:
    """One plane of the source, shape (Y, X) or (Y, X, S)."""

    def __init__(self, pixels: Pixels, axes: str, place: dict[str, int]) -> None:
        self._pixels = pixels
        self._axes = axes
        self._place = place
        self._own = [letter for letter in axes if letter not in place]
        letters = "YXS" if "S" in self._own else "YX"
        sizes = dict(zip(axes, pixels.shape, strict=True))
        self._order = [self._own.index(letter) for letter in letters]
        self.shape = tuple(sizes[letter] for letter in letters)
        self.dtype: np.dtype[Any] = np.dtype(pixels.dtype)

    def __getitem__(self, region: tuple[slice, slice]) -> NDArray[Any]:
        parts: dict[str, int | slice] = {
            **self._place,
            "Y": region[0],
            "X": region[1],
            "S": slice(0, self.shape[-1]),
        }
        pixels = np.asarray(self._pixels[tuple(parts[axis] for axis in self._axes)])
        return pixels.transpose(self._order)
