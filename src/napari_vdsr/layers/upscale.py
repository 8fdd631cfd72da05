"""One layer in, one layer out."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from napari_vdsr.imaging.geometry import Factor
from napari_vdsr.layers.compute import compute_plan
from napari_vdsr.layers.levels import enlarged_levels
from napari_vdsr.layers.plan import is_lazy, level_data, levels_of, plan_layer
from napari_vdsr.layers.result import provenance, result_layer, result_name
from napari_vdsr.options import RunOptions
from napari_vdsr.progress import Progress

if TYPE_CHECKING:
    from napari.layers import Image


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
) -> "Image":
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
        Model, device, precision, tile and intensity_range, as for
        `napari_vdsr.upscale`.

    Returns
    -------
    napari.layers.Image
        With the source's transforms, contrast limits, colormap, units and axis
        labels; how it came about is in its ``metadata["napari-vdsr"]``.

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
) -> "Image":
    """`upscale_layer` with the options in one."""
    plan = plan_layer(
        layer,
        factor,
        level=level,
        region=region,
        **geometry,
    )
    # Imported late: it brings torch, which bad arguments need not wait for.
    from napari_vdsr.inference.settings import with_range

    options = with_range(options.loaded(progress), level_data(layer, level))
    pixels: Any
    if region is None and is_lazy(layer):
        pixels = enlarged_levels(plan, levels_of(layer)[level:], options)
    else:
        from napari_vdsr.inference.upscaler import Upscaler

        upscaler = Upscaler(options)
        pixels = compute_plan(plan, level_data(layer, level), upscaler, progress)
        options = upscaler.options
    return result_layer(
        layer,
        plan,
        pixels,
        name=result_name(layer.name, plan.plane_factors, options.load().name),
        provenance=provenance(layer, plan, options),
    )
