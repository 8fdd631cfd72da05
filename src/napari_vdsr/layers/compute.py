"""From the array of a layer to the enlarged array, plane by plane."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.imaging.dtypes import natural_range
from napari_vdsr.layers.plan import LayerPlan
from napari_vdsr.progress import Progress

if TYPE_CHECKING:
    from napari_vdsr.inference.upscaler import Upscaler
    from napari_vdsr.zoo import Model


class LayerPlane:
    """One plane of a layer's array, read where it is sliced.

    Parameters
    ----------
    data : array-like
        numpy, dask, zarr … of any number of dimensions.
    index : sequence of int
        Where the plane lies; what it says of Y and X does not matter.
    yx : tuple of int
        The axes that make the plane, in any order.

    Attributes
    ----------
    shape : tuple of int
        Pixels in Y and X, and colours if any.
    dtype : numpy.dtype
        That of the array.
    """

    def __init__(self, data: Any, index: tuple[int, ...], yx: tuple[int, int]) -> None:
        self._data = data
        self._index = index
        self._yx = yx
        y, x = yx
        self.shape = (data.shape[y], data.shape[x], *data.shape[len(index) :])
        self.dtype = np.dtype(data.dtype)

    def __getitem__(self, region: tuple[slice, slice]) -> NDArray[Any]:
        parts: list[int | slice] = list(self._index)
        for axis, part in zip(self._yx, region, strict=True):
            parts[axis] = part
        pixels = np.asarray(self._data[tuple(parts)])
        return pixels if self._yx[0] < self._yx[1] else np.swapaxes(pixels, 0, 1)


def compute_plan(
    plan: LayerPlan,
    data: Any,
    upscaler: "Upscaler",
    progress: Progress | None = None,
) -> NDArray[Any]:
    """Make the pixels of a plan.

    Parameters
    ----------
    plan : LayerPlan
        What to make.
    data : array-like
        The level that the plan was made for. Only what is needed is read of it,
        tile by tile.
    upscaler : Upscaler
        With which model, where and how.
    progress : Progress, optional
        Told of every tile, in output pixels; reset to their number first.

    Returns
    -------
    ndarray, shape `plan.shape`

    Raises
    ------
    InputError
        When there are infinite pixels.

    Warns
    -----
    VdsrWarning
        For factors above 4 and those that the model is not made for.
    """
    from napari_vdsr.imaging.intensities import refuse_infinities
    from napari_vdsr.inference.arrays import warn_of_factors

    if isinstance(data, np.ndarray):
        refuse_infinities(data)
    warn_of_factors(plan.plane_factors, upscaler.model)
    if progress is not None:
        progress.reset(plan.pixels)
    result = np.empty(plan.shape, plan.dtype)
    for plane, out in planes_of(plan, data, result):
        upscaler.region(
            plane, plan.plane_shape, plan.plane_region, out=out, progress=progress
        )
    return result


def planes_of(
    plan: LayerPlan, data: Any, result: NDArray[Any]
) -> Iterator[tuple[LayerPlane, NDArray[Any]]]:
    """Pair every source plane with the part of the result that it fills.

    Parameters
    ----------
    plan : LayerPlan
        What is made.
    data : array-like
        The level that the plan was made for.
    result : ndarray, shape `plan.shape`
        Written to by whoever takes the pairs.

    Yields
    ------
    LayerPlane
        A whole plane of the source.
    ndarray, shape (Y, X) or (Y, X, S)
        A view of the result.
    """
    stacked = [
        slice(0, 1) if axis in plan.yx else part
        for axis, part in enumerate(plan.wanted)
    ]
    for index in np.ndindex(*(part.stop - part.start for part in stacked)):
        source = tuple(part.start + i for part, i in zip(stacked, index, strict=True))
        target: list[int | slice] = list(index)
        for axis in plan.yx:
            target[axis] = slice(None)
        out = result[tuple(target)]
        swapped = plan.yx[0] > plan.yx[1]
        yield (
            LayerPlane(data, source, plan.yx),
            np.swapaxes(out, 0, 1) if swapped else out,
        )


def intensity_range_of(
    data: Any, model: "Model", given: tuple[float, float] | None
) -> tuple[float, float] | None:
    """Black and white, for the models that have to know.

    Parameters
    ----------
    data : array-like
        The whole array, of which perhaps only a part is enlarged.
    model : Model
        Affine-equivariant ones need no range.
    given : tuple of float, optional
        What the user said.

    Returns
    -------
    tuple of float or None

    Raises
    ------
    InputError
        When the range is needed and neither given nor clear from the dtype.
    """
    if model.equivariant or given is not None:
        return given
    # Looking at all values of a lazy array would compute it all.
    known = data if isinstance(data, np.ndarray) else np.empty(0, data.dtype)
    return natural_range(known)
