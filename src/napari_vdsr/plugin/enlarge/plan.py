"""What Run would do: which parts of which layers become which results."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.components import Dims
from napari.layers import Image, Layer, Shapes
from numpy.typing import NDArray

from napari_vdsr.files.picture import convert_length, normalise_unit
from napari_vdsr.layers import LayerPlan, plan_layer
from napari_vdsr.layers.plan import Region, is_lazy, level_data, levels_of
from napari_vdsr.plugin.enlarge.settings import PIXEL_SIZE, Settings
from napari_vdsr.plugin.settings import FieldError, blame

Parts = Sequence[Region | None]

PREVIEW_EDGE = 128  # source pixels
_LEAST = 8  # source pixels of a preview; less shows nothing


@dataclass(frozen=True, eq=False)
class Task:
    """One result that is to be made."""

    layer: Image
    levels: list[Any]  # pixels when the task was planned, the finest level first
    region: Region | None  # in source pixels; None for all
    plan: LayerPlan

    @property
    def data(self) -> Any:
        """The finest level."""
        return self.levels[0]

    @property
    def lazy(self) -> bool:
        """Whether the result is computed as it is looked at."""
        return self.region is None and is_lazy(self.layer)

    @property
    def pixels(self) -> int:
        """Pixels that Run itself makes, colours counted once."""
        return 0 if self.lazy else self.plan.pixels


@dataclass(frozen=True, eq=False)
class Batch:
    """All that one run does, and what it leaves out."""

    tasks: list[Task]  # at least one
    left_out: list[str]  # a sentence with the reason for each layer

    @property
    def pixels(self) -> int:
        """Pixels that Run itself makes, colours counted once."""
        return sum(task.pixels for task in self.tasks)


def plan_batch(
    layers: Sequence[Layer],
    settings: Settings,
    dims: Dims,
    shapes: Layer | None = None,
) -> Batch:
    """Plan what Run would do; `shapes` is the layer for the area of that name.

    Raises FieldError when a field is wrong.
    """

    def parts_of(layer: Image) -> Parts:
        if settings.area == "view":
            return [region_in_view(layer, dims)]
        if settings.area == "rectangles":
            return regions_of_shapes(layer, shapes)
        return [None]

    return plan_tasks(layers, settings, parts_of)


def plan_preview(layers: Sequence[Layer], settings: Settings, dims: Dims) -> Batch:
    """Plan a preview of the first layer that fits; the area does not matter.

    Raises FieldError when a field is wrong.
    """
    batch = plan_tasks(layers, settings, lambda layer: [preview_region(layer, dims)])
    return Batch(batch.tasks[:1], [])


def plan_tasks(
    layers: Sequence[Layer],
    settings: Settings,
    parts_of: Callable[[Any], Parts],
) -> Batch:
    """Plan all results; layers that do not fit are left out if another one fits.

    `parts_of` gives the regions of an image layer, None for all of it. Raises
    FieldError when a setting is wrong or no layer fits.
    """
    if not layers:
        raise FieldError(
            "layer",
            "No layer is selected: open an image, or select one in the layer list.",
        )
    with blame(""):
        _ = settings.scaling_in(()), settings.options  # raise where they are wrong
    tasks: list[Task] = []
    errors: list[FieldError] = []
    left_out = []
    for layer in layers:
        try:
            tasks += _tasks_of(layer, settings, parts_of)
        except FieldError as error:
            errors.append(error)
            left_out.append(_left_out(layer, error))
    if not tasks:
        # A wrong setting comes first: with another one a layer may fit.
        raise min(errors, key=lambda error: error.field == "layer")
    return Batch(tasks, left_out)


def _tasks_of(
    layer: Layer, settings: Settings, parts_of: Callable[[Any], Parts]
) -> list[Task]:
    # First without a factor, to tell errors of the layer from those of the factor.
    with blame("layer"):
        yx = plan_layer(layer, factor=1).yx
    units = [str(layer.units[axis]) for axis in yx]
    scaling: dict[str, Any] = settings.scaling_in(units)
    tasks = []
    for region in parts_of(layer):
        with blame("factor"):
            plan = plan_layer(layer, **scaling, region=region)
        if plan.plane_factors == (1.0, 1.0):
            typed = settings.factor == PIXEL_SIZE
            another = "a smaller pixel size" if typed else "a factor above 1"
            raise FieldError(
                "factor", f"'{layer.name}' would stay as it is: choose {another}."
            )
        tasks.append(Task(layer, levels_of(layer), region, plan))
    return tasks


def _left_out(layer: Layer, error: FieldError) -> str:
    name, reason = f"'{layer.name}'", str(error)
    return f"Left out: {reason}" if name in reason else f"Left out: {name}. {reason}"


# The part of a layer


def region_in_view(layer: Image, dims: Dims) -> Region:
    """The part of the current plane that the canvas shows, in pixels of level 0.

    Raises FieldError when the display is 3-D, shows other axes or nothing of the layer.
    """
    yx = plan_layer(layer, factor=1).yx
    displayed = {axis - dims.ndim + layer.ndim for axis in dims.displayed}
    if dims.ndisplay != 2 or displayed != set(yx):
        raise FieldError(
            "area",
            f"The viewer does not show planes of '{layer.name}' as they are "
            "enlarged: switch to the 2-D display, or choose the whole layer.",
        )
    sizes = level_data(layer).shape[: layer.ndim]
    point = layer.world_to_data(dims.point)
    parts = [slice(round(c), round(c) + 1) for c in point]
    zoom = layer.downsample_factors[layer.data_level] if layer.multiscale else 1
    low, high = layer.corner_pixels * zoom
    step = np.broadcast_to(zoom, len(sizes))
    for axis in yx:
        parts[axis] = slice(int(low[axis]), int(np.ceil(high[axis] + step[axis])))
    return _within(layer, parts, sizes, "in view")


def preview_region(layer: Image, dims: Dims) -> Region:
    """The middle of what is in view, at most `PREVIEW_EDGE` pixels high and wide.

    Raises FieldError as `region_in_view`, and when next to nothing is in view.
    """
    parts = list(region_in_view(layer, dims))
    sizes = level_data(layer).shape[: layer.ndim]
    for axis in plan_layer(layer, factor=1).yx:
        part = parts[axis]
        extent = part.stop - part.start
        if extent < min(_LEAST, sizes[axis]):
            raise FieldError(
                "area",
                f"Next to nothing of '{layer.name}' is in view: move it into the view "
                "for a preview.",
            )
        if extent > PREVIEW_EDGE:
            start = part.start + (extent - PREVIEW_EDGE) // 2
            parts[axis] = slice(start, start + PREVIEW_EDGE)
    return tuple(parts)


def regions_of_shapes(layer: Image, shapes: Layer | None) -> list[Region]:
    """The bounding boxes of all shapes of a Shapes layer, in pixels of the image.

    The Shapes layer may have any transform; axes that it lacks are taken in full.
    Raises FieldError without a Shapes layer, or when a shape lies outside the image.
    """
    if shapes is None or not len(shapes.data):
        raise FieldError(
            "area",
            "There are no shapes: add a Shapes layer and draw some, "
            "or choose another area.",
        )
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


def _in_pixels(
    vertices: NDArray[np.float64], shapes: Shapes, layer: Image
) -> NDArray[np.float64]:
    """Vertices of a shape in pixels of a layer, for the axes that both have."""
    world = [np.asarray(shapes.data_to_world(vertex)) for vertex in vertices]
    count = min(shapes.ndim, layer.ndim)
    points = np.zeros((len(world), layer.ndim))
    points[:, -count:] = [point[-count:] for point in world]
    points[:, -count:] *= _unit_ratios(shapes, layer, count)
    pixels = np.array([layer.world_to_data(point) for point in points])
    return pixels[:, -count:]


def _unit_ratios(shapes: Shapes, layer: Image, count: int) -> list[float]:
    """The units of the last axes of a Shapes layer in those of an image."""
    pairs = zip(shapes.units[-count:], layer.units[-count:], strict=True)
    ratios = []
    for theirs, ours in pairs:
        names = normalise_unit(str(theirs)) or "", normalise_unit(str(ours)) or ""
        ratio = convert_length(1.0, *names)
        ratios.append(1.0 if ratio is None else ratio)  # as napari draws them
    return ratios


def _within(layer: Image, parts: list[slice], sizes: Any, where: str) -> Region:
    """The parts cut to the layer's borders; FieldError if nothing is left."""
    cut = tuple(
        slice(max(0, part.start), min(int(size), part.stop))
        for part, size in zip(parts, sizes, strict=True)
    )
    if any(part.stop <= part.start for part in cut):
        raise FieldError(
            "area",
            f"Nothing of '{layer.name}' is {where}: move there, or choose all of it.",
        )
    return cut
