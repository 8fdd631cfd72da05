"""Two layers cut to what both show, on the pixel grid of the first."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import InputError
from napari_vdsr.evaluation.grids import compare_on_grid
from napari_vdsr.images.arrays import refuse_other_layers
from napari_vdsr.images.stack import Stack
from napari_vdsr.layers.plan import level_data

if TYPE_CHECKING:
    from napari.layers import Image


class Aligned(NamedTuple):
    """Two images of one shape and place, read plane by plane: (..., Y, X[, S]).

    The second one is NaN where its layer has no pixels.
    """

    reference: Stack
    image: Stack


def aligned(reference: "Image", image: "Image") -> Aligned:
    """Cut two layers to the region in which they overlap, on the grid of the reference.

    Both have as many axes, the last two being Y and X; of multiscale layers the finest
    level is taken. Where the grids coincide, nothing is interpolated. Raises
    `InputError` when they do not overlap or cannot be compared.
    """
    refuse_other_layers(reference)
    refuse_other_layers(image)
    if reference.rgb != image.rgb or reference.ndim != image.ndim:
        raise InputError(
            f"{reference.name!r} has {_described(reference)}, {image.name!r} has "
            f"{_described(image)}: only images of one kind can be compared"
        )
    world = to_world(reference), to_world(image)
    affine = between(*world, unit_ratios(reference.units, image.units))
    pair = level_data(reference), level_data(image)
    return Aligned(*compare_on_grid(*pair, affine, rgb=bool(image.rgb)))


def _described(layer: "Image") -> str:
    return f"{layer.ndim} axes{' and colours' if layer.rgb else ''}"


def between(
    reference: NDArray[np.float64],
    image: NDArray[np.float64],
    ratios: Sequence[float],
) -> NDArray[np.float64]:
    """The affine from pixels of a reference to pixels of an image.

    Both are given as the affine from pixels to the world; `ratios` are as by
    `unit_ratios`.
    """
    scaled = np.diag([*ratios, 1.0]) @ reference
    return np.asarray(np.linalg.solve(image, scaled), np.float64)


def unit_ratios(units: Sequence[Any], others: Sequence[Any]) -> list[float]:
    """How many of the other's units one unit is, for each axis of two layers.

    1 where one of them is no length or time, as pixels are not: there is nothing to
    convert.
    """
    ratios = []
    for unit, other in zip(units, others, strict=True):
        alike = unit.dimensionality == other.dimensionality
        ratios.append(float((1 * unit).to(other).magnitude) if alike else 1.0)
    return ratios


def to_world(layer: "Image") -> NDArray[np.float64]:
    """The affine matrix from pixels of a layer to the world, (ndim + 1, ndim + 1)."""
    matrix = np.eye(layer.ndim + 1)
    origin = np.array(layer.data_to_world(np.zeros(layer.ndim)))
    for axis, step in enumerate(np.eye(layer.ndim)):
        matrix[:-1, axis] = np.array(layer.data_to_world(step)) - origin
    matrix[:-1, -1] = origin
    if not np.isfinite(matrix).all():
        raise InputError(
            f"the place of {layer.name!r} in the world is not known: its scale is "
            f"{layer.scale} and its translation {layer.translate}, and every transform "
            "has to be of finite numbers"
        )
    return matrix
