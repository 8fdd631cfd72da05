"""Lazy arrays in, lazy arrays out: nothing is computed before it is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import dask.array as da
import numpy as np
from dask.base import tokenize
from numpy.typing import NDArray

from napari_vdsr.images.arrays import refuse_no_image
from napari_vdsr.imaging.geometry import Axes, Factor, find_axes, plan_enlargement
from napari_vdsr.imaging.intensities import check_dtype, images_in
from napari_vdsr.imaging.resample import level_weights, reduced_shapes, resized_region
from napari_vdsr.inference.enlarged_array import EnlargedArray, warn_of_factors
from napari_vdsr.inference.tiles import source_span
from napari_vdsr.lazy.blocks import (
    Part,
    assembled,
    enlarged_bounds,
    make_parts,
    planes_in_block,
    stack_bounds,
    window_of,
)
from napari_vdsr.lazy.cluster import UpscaleSettings, of_distributed, upscaler_for
from napari_vdsr.lazy.graph import array_of_blocks, as_dask, unread
from napari_vdsr.options import RunOptions
from napari_vdsr.progress import Progress

_WORTH_A_LEVEL = 1.4  # times the pixels of the source along an axis


def upscale_lazy(
    image: Any,
    factor: Factor,
    options: RunOptions,
    *,
    progress: Progress | None = None,
    **geometry: Any,
) -> Any:
    """Enlarge a chunked array; `geometry` is as for `plan_enlargement`.

    No pixel is read. On a cluster, device and precision are what each worker is asked
    for. Chunks of the result begin where those of the image do and are near 512 pixels;
    each equals the same region of the whole. Progress counts the download of the model,
    if any: progress bars of dask show the rest.
    """
    array = as_dask(image)
    check_dtype(array.dtype)
    plan = plan_enlargement(array.shape, factor, **geometry)
    options = options.loaded(progress)
    images = enlarge_lazily(array, plan.axes, plan.plane_shape, options)
    return images if len(images) > 1 else images[0]


def upscale_levels(
    image: Any,
    factor: Factor = 2,
    *,
    axes: str | None = None,
    rgb: bool | None = None,
    pixel_size: Factor | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> list[Any]:
    """Enlarge a chunked array for a viewer: the result and coarser levels below it.

    A viewer computes a few blocks of these, where it would compute all of a single
    lazy array.

    Parameters
    ----------
    image : dask, zarr or h5py array
        Of any real dtype and number of axes. No pixel of it is read.
    factor, axes, rgb, pixel_size, progress, **options
        As for `napari_vdsr.upscale`.

    Returns
    -------
    list of dask.array.Array
        The enlarged image, the image itself, and means of it over 2 × 2, 4 × 4 …
        pixels until 512 in Y and X are left, for
        ``viewer.add_image(levels, multiscale=True, contrast_limits=…)``. For factors
        well above 2 there are interpolated levels before the image.

    Raises
    ------
    InputError
        When the image or an argument cannot be used.
    """
    refuse_no_image(image)
    chosen = replace(RunOptions(**options), spread=False)
    geometry: dict[str, Any] = {"axes": axes, "rgb": rgb, "pixel_size": pixel_size}
    enlarged = upscale_lazy(image, factor, chosen, progress=progress, **geometry)
    found = find_axes(tuple(image.shape), axes, rgb)
    return [enlarged, *levels_below([image], found, enlarged.shape)]


@dataclass(frozen=True)
class PlaneGeometry:
    """What all blocks of one array share: Y and X of a full plane before and after."""

    axes: Axes
    shape: tuple[int, int]
    out_shape: tuple[int, int]


def enlarge_lazily(
    array: da.Array, axes: Axes, out_shape: tuple[int, int], options: RunOptions
) -> tuple[da.Array, ...]:
    """Enlarge planes of a lazy array to a given size, Y and X: the images of a run.

    What only a worker of a cluster can know is said when it computes its first block.
    """
    from napari_vdsr.inference.engine import check_options

    options = options.loaded().with_range(array)
    check_options(options)
    model, settings = options.load(), UpscaleSettings(options)
    if of_distributed("default_client") is None:  # else this machine does not matter
        upscaler_for(settings)
    planes = PlaneGeometry(axes, (array.shape[axes.y], array.shape[axes.x]), out_shape)
    factors = [new / old for new, old in zip(out_shape, planes.shape, strict=True)]
    warn_of_factors((factors[0], factors[1]), model)
    parts = _parts(array, planes, model.halo)
    name = f"vdsr-{tokenize(array.name, settings.key, planes, parts)}"
    shared = {settings.key: settings}
    arguments = planes, array.dtype
    dtype = options.result_dtype(array.dtype)
    return images_in(
        array_of_blocks(name, array, parts, enlarge_block, arguments, shared, dtype)
    )


def _parts(array: da.Array, planes: PlaneGeometry, halo: int) -> list[tuple[Part, ...]]:
    """How each axis of the result is cut, and what the parts are made from."""
    y, x, samples = planes.axes
    parts: dict[int, tuple[Part, ...]] = {}
    for place, axis in enumerate((y, x)):
        bounds = enlarged_bounds(array.chunks[axis], planes.out_shape[place])
        windows = [
            source_span(
                place,
                planes.shape,
                planes.out_shape,
                slice(*pair),
                halo,
                gaps=array.dtype.kind == "f",  # only reading would tell where
            )
            for pair in pairwise(bounds)
        ]
        parts[axis] = make_parts(bounds, windows, array.chunks[axis])
    # Of small planes a block holds several, as far as chunks of the source do.
    most = planes_in_block(_largest(parts[y]), _largest(parts[x]))
    for axis in reversed(range(array.ndim)):
        if axis == samples:
            parts[axis] = make_parts([0, array.shape[axis]], None, array.chunks[axis])
        elif axis not in parts:
            bounds = stack_bounds(array.chunks[axis], most)
            parts[axis] = make_parts(bounds, None, array.chunks[axis])
            most = max(1, most // _largest(parts[axis]))
    return [parts[axis] for axis in range(array.ndim)]


def _largest(parts: Sequence[Part]) -> int:
    return max(int(part.out.stop - part.out.start) for part in parts)


def enlarge_block(
    settings: UpscaleSettings,
    planes: PlaneGeometry,
    dtype: np.dtype[Any],
    parts: Sequence[Part],
    chunks: Sequence[Any],
) -> NDArray[Any]:
    """Enlarge one block, exactly as it is in the whole enlarged array.

    `parts` says for each axis which block it is and what it is made from, `chunks` are
    the chunks of the source that they name.
    """
    full = [part.window.stop for part in parts]
    full[planes.axes.y], full[planes.axes.x] = planes.shape
    first = [part.window.start for part in parts]
    window = window_of(assembled(chunks, parts, dtype), first, full)
    upscaler = upscaler_for(settings)
    made = settings.options.result_dtype(window.dtype)
    enlarged = EnlargedArray(
        window, planes.axes, planes.out_shape, upscaler, dtype=made
    )
    return enlarged[tuple(part.out for part in parts)]


def levels_below(
    levels: Sequence[Any], axes: Axes, shape: tuple[int, ...]
) -> list[Any]:
    """What a viewer shows in place of an enlarged image when zoomed out.

    `levels` are the image and its own coarser levels, `shape` that of the enlarged
    image. Gives interpolated levels where the factor is well above 2, then `levels`,
    then as many reduced ones as are needed for a view of the whole. Nothing is
    computed: a viewer could not wait for the whole image to be enlarged.
    """
    own = [
        level if isinstance(level, np.ndarray) else as_dask(level)
        for level in levels
        if tuple(level.shape) != shape  # as it is for factor 1
    ]
    between = _levels_between(as_dask(levels[0]), axes, shape)
    return [*between, *own, *_reduced_levels(levels[-1], axes)]


def _levels_between(
    image: da.Array, axes: Axes, shape: tuple[int, ...]
) -> list[da.Array]:
    """Interpolated levels of half the pixels each, from the result to the source.

    Without them a viewer would compute up to 64 times the pixels that it shows, until
    the source has enough of them.
    """
    levels: list[da.Array] = []
    least = image.shape[axes.y], image.shape[axes.x]
    sizes = shape[axes.y], shape[axes.x]
    while True:
        y, x = (
            max(low, (size + 1) // 2) for low, size in zip(least, sizes, strict=True)
        )
        if max(y / least[0], x / least[1]) < _WORTH_A_LEVEL:
            return levels
        sizes = y, x
        levels.append(_resized(image, image.chunks, axes, sizes))


def _reduced_levels(image: Any, axes: Axes) -> list[da.Array]:
    """Lazy levels above an image; empty where it is small enough itself."""
    levels: list[da.Array] = []
    # What is no dask array is read where it is reduced: its pixels are not kept.
    lazy = as_dask(image)
    below = lazy if isinstance(image, da.Array) else unread(image)
    chunks = lazy.chunks
    for shape in reduced_shapes(tuple(below.shape), axes):
        below = _resized(below, chunks, axes, (shape[axes.y], shape[axes.x]))
        chunks = below.chunks
        levels.append(below)
    return levels


def _resized(
    array: da.Array,
    chunks: tuple[tuple[int, ...], ...],
    axes: Axes,
    new_sizes: tuple[int, int],
) -> da.Array:
    """Another level, in blocks that begin where these chunks do."""
    new_shape = dict(zip(axes[:2], new_sizes, strict=True))
    parts: list[tuple[Part, ...]] = []
    for axis, size in enumerate(array.shape):
        windows = None
        if axis in new_shape:
            bounds = enlarged_bounds(chunks[axis], new_shape[axis])
            windows = [
                level_weights(size, new_shape[axis], *pair)[0]
                for pair in pairwise(bounds)
            ]
        elif axis == axes.samples:
            bounds = [0, size]
        else:
            bounds = stack_bounds(chunks[axis], 1)
        parts.append(make_parts(bounds, windows, array.chunks[axis]))
    sizes = {axis: (array.shape[axis], new) for axis, new in new_shape.items()}
    name = f"resized-{tokenize(array.name, parts)}"
    return array_of_blocks(name, array, parts, _resized_block, (sizes, array.dtype))


def _resized_block(
    sizes: dict[int, tuple[int, int]],
    dtype: np.dtype[Any],
    parts: Sequence[Part],
    chunks: Sequence[Any],
) -> NDArray[Any]:
    window = assembled(chunks, parts, dtype)
    return resized_region(window, sizes, [part.out for part in parts])
