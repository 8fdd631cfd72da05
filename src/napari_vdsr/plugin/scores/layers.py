"""Layers as the panel sees them: snapshots, which ones fit, and those that it adds."""

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np

from napari_vdsr.errors import InputError
from napari_vdsr.evaluation.grids import Overlap, overlap_of
from napari_vdsr.layers import LayerPlan, plan_layer, result_layer
from napari_vdsr.layers.aligned import between, to_world, unit_ratios
from napari_vdsr.layers.plan import level_data
from napari_vdsr.layers.result import Provenance, described
from napari_vdsr.memory import free_memory
from napari_vdsr.plugin.jobs import sentence
from napari_vdsr.plugin.settings import FieldError
from napari_vdsr.plugin.words import format_bytes
from napari_vdsr.version import __version__

if TYPE_CHECKING:
    from napari.layers import Image
    from numpy.typing import NDArray


_LARGEST = 1e9  # bytes; larger arrays are read only when that is asked for


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What a worker thread needs to know of a layer."""

    layer: "ref[Image]"
    name: str
    data: Any  # the finest level, (..., Y, X[, S])
    rgb: bool  # the last axis holds colours
    world: "NDArray[np.float64]"  # pixels to world, (ndim + 1, ndim + 1)
    labels: tuple[str, ...]  # of the axes, without colours
    units: tuple[Any, ...]  # of the world, for each axis

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the axes without colours."""
        return tuple(self.data.shape[: len(self.labels)])


def take_snapshot(layer: "Image") -> Snapshot:
    """Store data and geometry of a layer without reading its pixels.

    Raises FieldError when it is no image of numbers with Y and X as the last axes.
    """
    try:
        plan, world = plan_layer(layer, 1), to_world(layer)
    except InputError as error:
        raise FieldError("layer", sentence(error)) from error
    if plan.yx != (layer.ndim - 2, layer.ndim - 1):
        raise FieldError(
            "layer",
            f"The last two axes of '{layer.name}' are not Y and X, as its labels say: "
            "only planes of Y and X are compared.",
        )
    return Snapshot(
        ref(layer),
        layer.name,
        level_data(layer),
        bool(layer.rgb),
        world,
        tuple(str(label) for label in layer.axis_labels),
        tuple(layer.units),
    )


def check_pair(reference: Snapshot, image: Snapshot) -> Overlap:
    """The overlap of two layers, without reading their pixels.

    Raises FieldError when they cannot be compared; it says why and how to align them.
    """
    pair = f"'{image.name}' and the reference '{reference.name}'"
    if image.rgb != reference.rgb:
        raise FieldError(
            "layers",
            f"One of {pair} has colours, the other has none: choose layers of one "
            "kind, or split the colours (right click on the layer).",
        )
    if len(image.shape) != len(reference.shape):
        raise FieldError(
            "layers",
            f"{pair} have {len(image.shape)} and {len(reference.shape)} axes: compare "
            "stacks with stacks and planes with planes (right click on a layer, "
            "Split Stack).",
        )
    try:
        affine = affine_between(reference, image)
        return overlap_of(reference.shape, image.shape, affine)
    except InputError as error:
        raise FieldError(
            "layers",
            f"{pair} cannot be compared: {error}. Align them by scale and translate "
            "(right click on a layer, or layer.scale and layer.translate in the "
            "console) until they cover the same place.",
        ) from error


def affine_between(reference: Snapshot, image: Snapshot) -> "NDArray[np.float64]":
    """The affine from pixels of the reference to those of the image."""
    ratios = unit_ratios(reference.units, image.units)
    return between(reference.world, image.world, ratios)


def fits_in_memory(data: Any) -> bool:
    """Whether an array is in memory and not very large."""
    return type(data) is np.ndarray and data.nbytes <= _LARGEST


def fingerprint(data: Any) -> int | None:
    """A checksum of the pixels; None for what is lazy, on disk or very large."""
    if not fits_in_memory(data):
        return None
    return zlib.crc32(np.ascontiguousarray(data).view(np.uint8).reshape(-1).data)


def check_memory(image: Snapshot) -> None:
    """Raise FieldError for a layer that is lazy and larger than the free memory.

    For work that needs more than a few planes at a time.
    """
    data = image.data
    if isinstance(data, np.ndarray):
        return
    free = free_memory()
    size = prod(data.shape) * np.dtype(data.dtype).itemsize
    if size > free:
        raise FieldError(
            "layer",
            f"'{image.name}' has {format_bytes(size)}, and {format_bytes(free)} of "
            "memory are free: take a part of it, such as what is in view, and measure "
            "that.",
        )


@dataclass(frozen=True, eq=False)
class Origin:
    """The source of a result, and the plan and the model by which that was made."""

    source: "Image"  # still in the viewer
    data: Any
    plan: LayerPlan
    model: str


def origin_of(layer: "Image", layers: "Iterable[Image]") -> Origin | None:
    """The source that a layer's metadata name, looked for in `layers`.

    None when the layer is no result, or its source is gone or has another shape.
    """
    made = Provenance.read(layer)
    if made is None or made.region is None or made.factor is None:
        return None
    factors = made.factor[0], made.factor[-1]
    for source in _likely(layers, made):
        try:
            plan = plan_layer(source, factors)
        except InputError:  # for example a mask over the source
            continue
        wanted = tuple(slice(*part) for part in made.region)
        if len(wanted) != len(plan.wanted):
            continue
        plan = replace(plan, wanted=wanted)
        if plan.shape == tuple(level_data(layer).shape):
            return Origin(source, level_data(source), plan, made.model)
    return None


def _likely(layers: "Iterable[Image]", made: Provenance) -> "list[Image]":
    """Layers of the stored shape; first those of that name, then of that place."""
    layers = [layer for layer in layers if made.had_shape_of(layer)]
    named = [layer for layer in layers if layer.name == made.source.get("name")]
    # It may have been renamed.
    return [*named, *(layer for layer in layers if made.was_at(layer))]


def is_map(layer: "Image") -> bool:
    """Whether a layer shows an analysis, not an image to be compared."""
    made = Provenance.read(layer)
    return made is not None and made.is_map


def difference_layer(
    layer: "Image",
    data: "NDArray[Any]",
    *,
    name: str,
    kind: str,
    limit: float,
    first: Sequence[int] = (),
) -> "Image":
    """Show differences (..., Y, X) on the pixels of a layer: pale for none.

    `data` and `limit`, which gets the deepest colours, are in units of the layer.
    `kind` goes to the metadata; `first` is the layer's pixel of the first difference.
    """
    made = Provenance(kind, {"name": layer.name})
    shown = _shown_over(layer, data, made, name, first)
    shown.colormap = "PiYG"
    shown.gamma = 1.0
    shown.contrast_limits_range = (-4 * limit, 4 * limit)
    shown.contrast_limits = (-limit, limit)
    shown.opacity = 1.0
    shown.blending = "translucent"
    return shown


def coarser_layer(
    layer: "Image", data: "NDArray[Any]", factor: int, *, name: str, **details: Any
) -> "Image":
    """Show the reduced image of a layer on the same outer edges.

    The layer was cut to a multiple of the factor; `details` go to the metadata.
    """
    last_two = range(layer.ndim - 2, layer.ndim)
    factors = [1 / factor if axis in last_two else 1.0 for axis in range(layer.ndim)]
    details = {"reduced by": factor, **details}
    made = Provenance("reduced", {"name": layer.name}, details=details)
    return _shown_over(layer, data, made, name, factors=factors)


def finer_layer(
    layer: "Image",
    data: "NDArray[Any]",
    low: "Image",
    factor: int,
    *,
    name: str,
    method: str,
) -> "Image":
    """Show an enlargement of the reduced layer `low` on the pixels of the truth.

    `layer` is the truth. The metadata name `low` as the source, as for any result;
    `method` is what enlarged it.
    """
    made = Provenance(
        source=described(low, low.data.shape[: low.ndim]),
        factor=(factor, factor),
        region=tuple((0, size) for size in data.shape[: layer.ndim]),
        details={"version": __version__, "model": method},
    )
    return _shown_over(layer, data, made, name)


def _shown_over(
    layer: "Image",
    data: "NDArray[Any]",
    made: Provenance,
    name: str,
    first: Sequence[int] = (),
    factors: Sequence[float] = (),
) -> "Image":
    """Show pixels over a layer, from its pixel `first` on, and as many times as fine.

    It is visible also where the layer is hidden, as in our samples.
    """
    starts, sizes = first or (0,) * layer.ndim, data.shape[: layer.ndim]
    parts = zip(starts, sizes, strict=True)
    plan = plan_layer(layer, 1)
    plan = replace(
        plan,
        wanted=tuple(slice(start, start + size) for start, size in parts),
        factors=tuple(factors) or plan.factors,
        samples=data.shape[-1] if data.ndim > layer.ndim else 0,
    )
    shown = result_layer(layer, plan, data, name=name, provenance=made)
    shown.visible = True
    return shown
