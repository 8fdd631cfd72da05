"""The part of a layer to enlarge: what is in view, or shapes drawn on it."""

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_vdsr.layers import plan_layer
from napari_vdsr.layers.plan import level_data
from napari_vdsr.plugin.model.jobs import Region
from napari_vdsr.plugin.model.settings import FieldError

if TYPE_CHECKING:
    from napari.components import Dims
    from napari.layers import Image, Layer, Shapes


Corners = np.ndarray[Any, np.dtype[np.float64]]

PREVIEW_EDGE = 128  # source pixels


def region_in_view(layer: "Image", dims: "Dims") -> Region:
    """The part of the current plane that the canvas shows, in pixels of level 0.

    Raises FieldError when the display is 3-D, shows other axes or nothing of the layer.
    """
    yx = plan_layer(layer, factor=1).yx
    displayed = {axis - dims.ndim + layer.ndim for axis in dims.displayed}
    if dims.ndisplay != 2 or displayed != set(yx):
        msg = (
            f"The viewer does not show planes of '{layer.name}' as they are "
            "enlarged: switch to the 2-D display, or choose the whole layer."
        )
        raise FieldError("area", msg)
    sizes = level_data(layer).shape[: layer.ndim]
    point = layer.world_to_data(dims.point)
    parts = [slice(round(c), round(c) + 1) for c in point]
    zoom = layer.downsample_factors[layer.data_level] if layer.multiscale else 1
    low, high = layer.corner_pixels * zoom
    step = np.broadcast_to(zoom, len(sizes))
    for axis in yx:
        parts[axis] = slice(int(low[axis]), int(np.ceil(high[axis] + step[axis])))
    return _within(layer, parts, sizes, "in view")


def preview_region(layer: "Image", dims: "Dims") -> Region:
    """The middle of what is in view, at most `PREVIEW_EDGE` pixels high and wide.

    Raises FieldError as `region_in_view`.
    """
    parts = list(region_in_view(layer, dims))
    for axis, part in enumerate(parts):
        surplus = part.stop - part.start - PREVIEW_EDGE
        if surplus > 0:
            start = part.start + surplus // 2
            parts[axis] = slice(start, start + PREVIEW_EDGE)
    return tuple(parts)


def regions_of_shapes(layer: "Image", shapes: "Layer | None") -> list[Region]:
    """The bounding boxes of all shapes of a Shapes layer, in pixels of the image.

    The Shapes layer may have any transform; axes that it lacks are taken in full.
    Raises FieldError without a Shapes layer, or when a shape lies outside the image.
    """
    if shapes is None or not len(shapes.data):
        msg = (
            "There are no rectangles: add a Shapes layer and draw some, "
            "or choose another area."
        )
        raise FieldError("area", msg)
    sizes = level_data(layer).shape[: layer.ndim]
    regions = []
    for vertices in shapes.data:
        corners = _in_pixels(np.asarray(vertices, dtype=float), shapes, layer)
        missing = layer.ndim - corners.shape[1]
        parts = [slice(0, size) for size in sizes[: max(0, missing)]]
        edges = zip(corners.min(axis=0), corners.max(axis=0), strict=True)
        # A pixel belongs to a box when its centre does; a flat axis is one plane.
        for low, high in edges:
            first = int(np.ceil(low)) if high - low >= 1 else round(low)
            parts.append(slice(first, max(first + 1, int(np.floor(high)) + 1)))
        regions.append(_within(layer, parts, sizes, "inside the shapes"))
    return regions


def _in_pixels(vertices: Corners, shapes: "Shapes", layer: "Image") -> Corners:
    """Vertices of a shape in pixels of a layer, for the axes that both have."""
    world = [np.asarray(shapes.data_to_world(vertex)) for vertex in vertices]
    count = min(shapes.ndim, layer.ndim)
    points = np.zeros((len(world), layer.ndim))
    points[:, -count:] = [point[-count:] for point in world]
    pixels = np.array([layer.world_to_data(point) for point in points])
    return pixels[:, -count:]


def _within(layer: "Image", parts: list[slice], sizes: Any, where: str) -> Region:
    """The parts cut to the layer's borders; FieldError if nothing is left."""
    cut = tuple(
        slice(max(0, part.start), min(int(size), part.stop))
        for part, size in zip(parts, sizes, strict=True)
    )
    if any(part.stop <= part.start for part in cut):
        msg = f"Nothing of '{layer.name}' is {where}: move there, or choose all of it."
        raise FieldError("area", msg)
    return cut
