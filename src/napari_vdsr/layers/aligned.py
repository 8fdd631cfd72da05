"""Two layers cut to what both show, on the pixel grid of the first."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import InputError
from napari_vdsr.evaluation.grids import compare_on_grid
from napari_vdsr.evaluation.stack import Stack
from napari_vdsr.layers.plan import level_data

if TYPE_CHECKING:
    from napari.layers import Image


class Aligned(NamedTuple):
    """Two images of one shape, of the same place in the world.

    Attributes
    ----------
    reference, image : Stack, shape (..., Y, X[, S])
        Read plane by plane. The image is NaN where it has not been.
    """

    reference: Stack
    image: Stack


def aligned(reference: "Image", image: "Image") -> Aligned:
    """Cut two layers to their common region, on the grid of the reference.

    Parameters
    ----------
    reference, image : napari.layers.Image
        With as many axes, the last two being Y and X. Of multiscale layers the
        finest level is taken.

    Returns
    -------
    Aligned
        Without any interpolation where the two grids coincide.

    Raises
    ------
    InputError
        When the layers do not overlap in the world or cannot be compared.
    """
    if reference.rgb != image.rgb or reference.ndim != image.ndim:
        raise InputError(
            f"{reference.name!r} has {_described(reference)}, {image.name!r} has "
            f"{_described(image)}: only images of one kind can be compared"
        )
    affine = np.linalg.solve(to_world(image), to_world(reference))
    pair = level_data(reference), level_data(image)
    return Aligned(*compare_on_grid(*pair, affine, rgb=bool(image.rgb)))


def _described(layer: "Image") -> str:
    return f"{layer.ndim} axes{' and colours' if layer.rgb else ''}"


def to_world(layer: "Image") -> NDArray[np.float64]:
    """Find the affine matrix that takes pixels of a layer to the world.

    Parameters
    ----------
    layer : napari.layers.Image
        With any transform.

    Returns
    -------
    ndarray of float64, shape (ndim + 1, ndim + 1)
    """
    matrix = np.eye(layer.ndim + 1)
    origin = np.array(layer.data_to_world(np.zeros(layer.ndim)))
    for axis, step in enumerate(np.eye(layer.ndim)):
        matrix[:-1, axis] = np.array(layer.data_to_world(step)) - origin
    matrix[:-1, -1] = origin
    return matrix
