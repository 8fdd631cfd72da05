"""Two images brought into one order of axes, by the names that files give them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.images.stack import Stack

_CHANNELS = "C"


def matched(reference: Stack, image: Stack) -> tuple[Stack, Stack]:
    """Bring two images of files into one order of axes, that of the reference.

    Axes of one plane that the other image lacks are left out, and three or four
    channels are colours if the other image has colours. Without names of axes, as in
    arrays, nothing is changed.
    """
    if reference.axes is None or image.axes is None:
        return reference, image
    if reference.rgb != image.rgb:
        reference, image = _coloured(reference), _coloured(image)
    one, other = _axes_of(reference, image), _axes_of(image, reference)
    shared = [letter for letter in one if letter in other]
    # What has another name in the other image, Z for T say, keeps its order.
    rest = iter([letter for letter in other if letter not in shared])
    ordered = [letter if letter in shared else next(rest, "") for letter in one]
    ordered += list(rest)
    return _arranged(reference, one), _arranged(
        image, [each for each in ordered if each]
    )


def _axes_of(image: Stack, other: Stack) -> list[str]:
    """The axes of an image without those of one plane that nothing corresponds to."""
    assert image.axes is not None and other.axes is not None
    sizes = dict(zip(image.axes, image.stack, strict=True))
    return [
        letter for letter, size in sizes.items() if size > 1 or letter in other.axes
    ]


def _coloured(image: Stack) -> Stack:
    """Take channels as colours, if they can be and the image has none."""
    assert image.axes is not None
    at = image.axes.find(_CHANNELS)
    if image.rgb or at < 0 or image.stack[at] not in (3, 4):
        return image
    order = [axis for axis in range(len(image.stack)) if axis != at]
    axes = image.axes.replace(_CHANNELS, "")
    return Stack(_Arranged(image, order, at), True, name=image.name, axes=axes)


def _arranged(image: Stack, letters: list[str]) -> Stack:
    assert image.axes is not None
    if letters == list(image.axes):
        return image
    order = [image.axes.index(letter) for letter in letters]
    pixels = _Arranged(image, order)
    return Stack(pixels, image.rgb, name=image.name, axes="".join(letters))


class _Arranged:
    """The planes of an image whose leading axes come in another order."""

    def __init__(self, image: Stack, order: list[int], colours: int | None = None):
        self._image, self._order, self._colours = image, order, colours
        last = image.shape[len(image.stack) :]
        if colours is not None:
            last = (*last, image.stack[colours])
        self.shape = (*(image.stack[axis] for axis in order), *last)
        self.dtype = image.dtype

    def __getitem__(self, index: tuple[int, ...]) -> NDArray[Any]:
        at = [0] * len(self._image.stack)
        for axis, number in zip(self._order, index, strict=True):
            at[axis] = number
        if self._colours is None:
            return self._image[tuple(at)]
        planes = []
        for channel in range(self.shape[-1]):
            at[self._colours] = channel
            planes.append(self._image[tuple(at)])
        return np.stack(planes, axis=-1)
