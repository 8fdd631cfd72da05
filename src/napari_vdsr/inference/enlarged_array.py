"""Enlarged images: computed where they are sliced, or whole.

torch is imported only when something is computed: lazy arrays are made without it.
"""

import warnings
from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import VdsrWarning
from napari_vdsr.files.opening import as_slices, checked_pixels
from napari_vdsr.images.arrays import in_memory, on_host
from napari_vdsr.imaging.geometry import Axes, Factor, plan_enlargement
from napari_vdsr.imaging.intensities import check_dtype, images_in, refuse_infinities
from napari_vdsr.inference.tiles import LARGEST_SINGLE_FACTOR, Region
from napari_vdsr.options import RunOptions
from napari_vdsr.progress import Progress
from napari_vdsr.zoo.model import Model

if TYPE_CHECKING:
    from torch import Tensor


class Enlarger(Protocol):
    """What enlarges a region of a plane: an `Upscaler`, or bicubic interpolation."""

    def region(
        self,
        plane: Any,
        out_shape: tuple[int, int],
        region: Region,
        /,
        *,
        out: NDArray[Any],
        progress: Progress | None,
    ) -> object:
        """Write a region of the enlarged plane into `out`."""


class EnlargedArray:
    """An enlarged image whose regions are computed, plane by plane, when sliced.

    `source` is any array that can be sliced (numpy, dask, zarr, a file that is read
    by parts); of it only the pixels that a region needs are read. `order` says which
    axis of the source comes first, second and so on here, and `wanted` which part of
    the enlarged image this array is. `dtype` is that of the source, or one of
    `with_spread` for an ensemble. `progress` counts output pixels.
    """

    def __init__(
        self,
        source: Any,
        axes: Axes,
        plane_shape: tuple[int, int],
        enlarger: Enlarger,
        *,
        order: Sequence[int] | None = None,
        wanted: Sequence[slice] | None = None,
        dtype: np.dtype[Any] | None = None,
        progress: Progress | None = None,
    ) -> None:
        self._source = source
        self._axes = axes
        self._plane_shape = plane_shape
        self._enlarger = enlarger
        self._progress = progress
        full = [int(size) for size in source.shape]
        full[axes.y], full[axes.x] = plane_shape
        self._order = tuple(order or range(len(full)))
        parts = [slice(0, full[axis]) for axis in self._order]
        parts[: len(wanted or ())] = wanted or ()
        self._first = [part.start for part in parts]
        self.shape = tuple(part.stop - part.start for part in parts)
        self.dtype: np.dtype[Any] = np.dtype(dtype or source.dtype)

    @property
    def pixels(self) -> int:
        """Number of pixels, colours counted once."""
        samples = self._axes.samples
        colours = 1 if samples is None else self.shape[self._order.index(samples)]
        return prod(self.shape) // colours

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """The pixels of an index or a slice (without a step) for each axis."""
        items = () if key is Ellipsis else key if isinstance(key, tuple) else (key,)
        wanted, kept = as_slices(items, self.shape)
        parts = [
            slice(first + part.start, first + part.stop)
            for first, part in zip(self._first, wanted, strict=True)
        ]
        return self._region(parts)[kept]

    def _region(self, parts: Sequence[slice]) -> NDArray[Any]:
        """A region in coordinates of the whole enlarged image, axes as here."""
        of_source = dict(zip(self._order, parts, strict=True))
        y, x, samples = self._axes
        colours = slice(None)
        if samples is not None:  # they are enlarged together
            colours = of_source[samples]
            of_source[samples] = slice(0, int(self._source.shape[samples]))
        sizes = [of_source[axis].stop - of_source[axis].start for axis in self._order]
        out = np.empty(sizes, self.dtype)
        planes_last = self._axes.moved_last(len(parts))
        stack = planes_last[: -2 if samples is None else -3]
        planes = out.transpose([self._order.index(axis) for axis in planes_last])
        for index in np.ndindex(planes.shape[: len(stack)]):
            place = {
                a: of_source[a].start + i for a, i in zip(stack, index, strict=True)
            }
            self._enlarger.region(
                _SourcePlane(self._source, self._axes, place),
                self._plane_shape,
                (of_source[y], of_source[x]),
                out=planes[index],
                progress=self._progress,
            )
        if samples is None:
            return out
        kept = [slice(None)] * len(parts)
        kept[self._order.index(samples)] = colours
        return out[tuple(kept)]


class _SourcePlane:
    """One plane of the source, shape (Y, X) or (Y, X, S), read where it is sliced."""

    def __init__(self, source: Any, axes: Axes, place: dict[int, int]) -> None:
        self._source = source
        self._axes = axes
        self._place = place
        within = [axis for axis in axes if axis is not None]
        self._order = [sorted(within).index(axis) for axis in within]
        self.shape = tuple(int(source.shape[axis]) for axis in within)
        self.dtype: np.dtype[Any] = np.dtype(source.dtype)

    def __getitem__(self, region: Region) -> NDArray[Any]:
        parts: dict[int, int | slice] = {**self._place}
        parts[self._axes.y], parts[self._axes.x] = region
        if self._axes.samples is not None:
            parts[self._axes.samples] = slice(0, self.shape[-1])
        key = tuple(parts[axis] for axis in range(len(parts)))
        sizes = [part.stop - part.start for part in key if isinstance(part, slice)]
        which = f"what is read at {_in_words(key)}"
        read = checked_pixels(self._source[key], sizes, self.dtype, which)
        return read.transpose(self._order)


def _in_words(key: tuple[int | slice, ...]) -> str:
    """An index as it is typed: [3, 0:100, 50:90]."""
    parts = (f"{p.start}:{p.stop}" if isinstance(p, slice) else str(p) for p in key)
    return f"[{', '.join(parts)}]"


def upscale_array(
    image: Any,
    factor: Factor,
    options: RunOptions,
    *,
    progress: Progress | None = None,
    **geometry: Any,
) -> Any:
    """Enlarge the Y and X axes of an array; `geometry` is as for `plan_enlargement`.

    The model is loaded only when everything else is right.
    """
    from napari_vdsr.inference.shield import shielded
    from napari_vdsr.inference.upscaler import Upscaler

    image = in_memory(image)
    check_dtype(image.dtype)
    plan = plan_enlargement(image.shape, factor, **geometry)
    with shielded():
        refuse_infinities(image)
    upscaler = Upscaler(options.loaded(progress).with_range(image))
    warn_of_factors(plan.factors, upscaler.model)
    enlarged = EnlargedArray(
        image,
        plan.axes,
        plan.plane_shape,
        upscaler,
        dtype=options.result_dtype(image.dtype),
        progress=progress,
    )
    if progress is not None:
        progress.reset(enlarged.pixels)
    first, *others = images_in(enlarged[...])
    return (first.copy(), *(each.copy() for each in others)) if others else first


def warn_of_factors(factors: tuple[float, float], model: Model) -> None:
    """Warn of a factor above 4, and of one that the model is not made for."""
    if max(factors) > 1 and not model.serves(factors):
        made = " and ".join(f"{factor:g}" for factor in model.only_factors)
        msg = (
            f"{model.name} is made for factor {made}, and not for {max(factors):g}: "
            "bicubic interpolation may be better"
        )
        warnings.warn(msg, VdsrWarning, stacklevel=3)
    if max(factors) > LARGEST_SINGLE_FACTOR:
        msg = (
            f"factor {max(factors):g} is made in two passes of "
            f"{max(factors) ** 0.5:.3g}: "
            "detail beyond x4 is extrapolated twice, so believe it less"
        )
        warnings.warn(msg, VdsrWarning, stacklevel=3)


def upscale_tensor(
    image: "Tensor", factor: Factor, options: RunOptions, **geometry: Any
) -> Any:
    """Enlarge a tensor by way of a numpy array; the result is on its device."""
    import torch

    enlarged = upscale_array(on_host(image), factor, options, **geometry)
    if not isinstance(enlarged, tuple):
        return torch.from_numpy(enlarged).to(image.device, image.dtype)
    result, spread = (torch.from_numpy(each).to(image.device) for each in enlarged)
    return result.to(image.dtype), spread
