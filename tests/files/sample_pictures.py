"""Small pictures for the tests of this folder."""

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.files import Picture


def noise(shape: tuple[int, ...], dtype: str = "uint16") -> NDArray[np.generic]:
    values = np.random.default_rng(0).random(shape) * 200
    return (values > 100) if dtype == "bool" else values.astype(dtype)


def doubled(picture: Picture) -> Picture:
    """Repeat every pixel: the geometry of an enlargement without a network."""
    array = picture.array
    for axis in "YX":
        array = array.repeat(2, picture.axes.index(axis))
    return picture.enlarged(array)
