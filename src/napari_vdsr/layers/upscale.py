"""One layer in, one layer out; and its pixels by bicubic interpolation alone."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.imaging.geometry import Factor
from napari_vdsr.imaging.intensities import images_in, into_dtype, refuse_infinities
from napari_vdsr.imaging.resample import resize_rows
from napari_vdsr.inference.enlarged_array import EnlargedArray, warn_of_factors
from napari_vdsr.layers.plan import (
    LayerPlan,
    is_lazy,
    level_data,
    levels_of,
    plan_layer,
)
from napari_vdsr.layers.result import (
    Provenance,
    layer_beside,
    result_layer,
    result_name,
)
from napari_vdsr.options import RunOptions
from napari_vdsr.progress import Progress

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_vdsr.inference.upscaler import Upscaler

_BLOCK = 512  # pixels per edge of what bicubic interpolation makes at a time


def upscale_layer(
    layer: "Image",
    factor: Factor = 2,
    *,
    axes: str | None = None,
    rgb: bool | None = None,
    pixel_size: Factor | None = None,
    level: int = 0,
    region: Sequence[slice] | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Any:
    """Enlarge a napari layer; the result lies exactly on it.

    Needs neither a viewer nor Qt, and leaves the layer as it is. Lazy (dask, zarr) and
    multiscale layers give lazy multiscale layers at once: what is in view is computed
    as somebody looks.

    Parameters
    ----------
    layer : napari.layers.Image
        The source, with any transform and any number of dimensions.
    factor, progress
        As for `napari_vdsr.upscale`.
    axes : str, optional
        One letter for each axis of the layer. By default the axes labelled "y" and
        "x", or else the last two, are enlarged.
    rgb : bool, optional
        Whether the layer is in colour, as a check: the layer itself knows.
    pixel_size : float or pair of float, optional
        Asks for pixels of this size, in world units, instead of a factor.
    level : int
        Resolution level of a multiscale layer; 0 is the finest.
    region : sequence of slice, optional
        One slice for each axis of the layer, in its pixels: only that part is made,
        at once, with the same values as it has in the whole.
    **options
        Model, device, precision, tile, intensity_range, ensemble and spread, as for
        `napari_vdsr.upscale`.

    Returns
    -------
    napari.layers.Image
        With the source's transforms, contrast limits, colormap, units and axis
        labels; how it came about is in its ``metadata["napari-vdsr"]``. With `spread`,
        a tuple of it and a layer of the spread.

    Raises
    ------
    InputError
        When the layer or an argument cannot be used.

    Examples
    --------
    >>> import numpy as np
    >>> from napari.layers import Image
    >>> source = Image(np.eye(8), scale=(0.5, 0.5))
    >>> upscale_layer(source, 2, device="cpu").scale.tolist()
    [0.25, 0.25]
    """
    return enlarged_layer(
        layer,
        factor,
        RunOptions(**options),
        axes=axes,
        rgb=rgb,
        pixel_size=pixel_size,
        level=level,
        region=region,
        progress=progress,
    )


def enlarged_layer(
    layer: "Image",
    factor: Factor,
    options: RunOptions,
    *,
    level: int = 0,
    region: Sequence[slice] | None = None,
    progress: Progress | None = None,
    **geometry: Any,
) -> Any:
    """`upscale_layer` with the options in one."""
    plan = plan_layer(layer, factor, level=level, region=region, **geometry)
    options = options.loaded(progress)
    data = level_data(layer, level)
    pixels: Any
    if region is None and is_lazy(layer):
        pixels, *others = enlarged_levels(plan, levels_of(layer)[level:], options)
    else:
        # Imported late: it brings torch, which bad arguments need not wait for.
        from napari_vdsr.inference.upscaler import Upscaler

        upscaler = Upscaler(options.with_range(data))
        pixels, *others = compute_plan(plan, data, upscaler, progress)
        options = upscaler.options
    made = Provenance.of_result(layer, plan, options)
    name = result_name(layer.name, plan.plane_factors, options.load().name)
    result = result_layer(layer, plan, pixels, name=name, provenance=made)
    if not others:
        return result
    spread = layer_beside(layer, plan, others[0], "spread", name=name, provenance=made)
    return result, spread


def compute_plan(
    plan: LayerPlan, data: Any, upscaler: "Upscaler", progress: Progress | None = None
) -> tuple[Any, ...]:
    """The images of a plan from the level that the plan was made for.

    Only what is needed is read of `data`, tile by tile. Progress is reset to the
    number of output pixels first.
    """
    if isinstance(data, np.ndarray):
        refuse_infinities(data)
    warn_of_factors(plan.plane_factors, upscaler.model)
    if progress is not None:
        progress.reset(plan.pixels)
    enlarged = EnlargedArray(
        _readable(data),
        plan.axes,
        plan.plane_shape,
        upscaler,
        wanted=plan.wanted,
        dtype=upscaler.options.result_dtype(data.dtype),
        progress=progress,
    )
    return images_in(enlarged[...])


def enlarged_levels(
    plan: LayerPlan, levels: Sequence[Any], options: RunOptions
) -> tuple[Any, ...]:
    """The levels of the result of a plan of a full layer; no pixel is computed.

    `levels` are the level that the plan was made for, and the coarser ones after it.
    """
    from napari_vdsr.lazy.graph import as_dask
    from napari_vdsr.lazy.upscale import enlarge_lazily, levels_below

    array = as_dask(levels[0])
    enlarged, *others = enlarge_lazily(array, plan.axes, plan.plane_shape, options)
    return [enlarged, *levels_below(levels, plan.axes, plan.shape)], *others


def _readable(data: Any) -> Any:
    """The array, or what gives its pixels where it is sliced."""
    if isinstance(data, np.ndarray):
        return data
    from napari_vdsr.lazy.graph import readable

    return readable(data)


def bicubic_plan(
    plan: LayerPlan, data: Any, check: Callable[[], object] = lambda: None
) -> Any:
    """Enlarge by bicubic interpolation alone; integers are rounded and clipped.

    `data` is the level that the plan was made for; planes of lazy data are made when
    they are indexed. `check` is called before every block and may raise `Cancelled`.
    """
    bicubic = _Bicubic(check)
    enlarged = EnlargedArray(
        _readable(data), plan.axes, plan.plane_shape, bicubic, wanted=plan.wanted
    )
    return enlarged[...] if isinstance(data, np.ndarray) else enlarged


class _Bicubic:
    """Bicubic interpolation in the place of an `Upscaler`."""

    def __init__(self, check: Callable[[], object]) -> None:
        self._check = check

    def region(
        self,
        plane: Any,
        out_shape: tuple[int, int],
        region: tuple[slice, slice],
        /,
        *,
        out: NDArray[Any],
        progress: Progress | None,
    ) -> None:
        """Write a region of the enlarged plane into `out`, block by block."""
        import torch

        for y in _blocks(region[0]):
            rows = resize_rows(plane.shape[0], out_shape[0], y.start, y.stop)
            for x in _blocks(region[1]):
                self._check()
                columns = resize_rows(plane.shape[1], out_shape[1], x.start, x.stop)
                values = np.einsum(
                    "ij,jk...,lk->il...",
                    rows.weights,
                    plane[rows.source, columns.source].astype(np.float64),
                    columns.weights,
                    optimize=True,
                )
                place = _shifted(y, region[0].start), _shifted(x, region[1].start)
                out[place] = into_dtype(torch.from_numpy(values), out.dtype).numpy()


def _blocks(part: slice) -> Iterator[slice]:
    for start in range(part.start, part.stop, _BLOCK):
        yield slice(start, min(start + _BLOCK, part.stop))


def _shifted(part: slice, first: int) -> slice:
    return slice(part.start - first, part.stop - first)
