"""Layers that the panel adds: maps, images of a score, and all side by side."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from weakref import ref

from napari.layers import Image, Layer

from napari_vdsr.layers import plan_layer, result_layer
from napari_vdsr.layers.provenance import Provenance, described
from napari_vdsr.plugin.scores.work import LayerScore
from napari_vdsr.plugin.viewer import add_quietly
from napari_vdsr.version import __version__

if TYPE_CHECKING:
    from numpy.typing import NDArray


def difference_layer(
    layer: Image,
    data: "NDArray[Any]",
    *,
    name: str,
    kind: str,
    limit: float,
    first: Sequence[int] | None = None,
) -> Image:
    """Show differences (..., Y, X) on the pixels of a layer: pale for none.

    `data` and `limit`, which gets the deepest colours, are in units of the layer.
    `kind` goes to the metadata; `first` is the layer's pixel of the first difference.
    """
    starts = first or (0,) * layer.ndim
    plan = replace(
        plan_layer(layer, 1),
        samples=0,
        wanted=tuple(
            slice(start, start + size)
            for start, size in zip(starts, data.shape, strict=True)
        ),
    )
    made = Provenance(kind, {"name": layer.name})
    shown = result_layer(layer, plan, data, name=name, provenance=made)
    shown.colormap = "PiYG"
    shown.gamma = 1.0
    shown.contrast_limits_range = (-4 * limit, 4 * limit)
    shown.contrast_limits = (-limit, limit)
    shown.opacity = 1.0
    shown.blending = "translucent"
    shown.visible = True  # also where the layer below is hidden, as in our samples
    return shown


def coarser_layer(
    layer: Image, data: "NDArray[Any]", factor: int, *, name: str, **details: Any
) -> Image:
    """Show the reduced image of a layer on the same outer edges.

    The layer was cut to a multiple of the factor; `details` go to the metadata.
    """
    plan = plan_layer(layer, 1)
    sizes = data.shape[: layer.ndim]
    plan = replace(
        plan,
        full_shape=sizes,
        wanted=tuple(slice(0, size) for size in sizes),
        factors=tuple(
            1 / factor if axis in plan.yx else 1.0 for axis in range(layer.ndim)
        ),
        samples=data.shape[-1] if layer.rgb else 0,
    )
    told = {"reduced by": factor, **details}
    made = Provenance("reduced", {"name": layer.name}, details=told)
    shown = result_layer(layer, plan, data, name=name, provenance=made)
    shown.visible = True
    return shown


def finer_layer(
    layer: Image,
    data: "NDArray[Any]",
    low: Image,
    factor: int,
    *,
    name: str,
    method: str,
) -> Image:
    """Show an enlargement of the reduced layer `low` on the pixels of the truth.

    `layer` is the truth. The metadata name `low` as the source, as for any result;
    `method` is what enlarged it.
    """
    sizes = data.shape[: layer.ndim]
    parts = tuple(slice(0, size) for size in sizes)
    plan = replace(
        plan_layer(layer, 1),
        wanted=parts,
        samples=data.shape[-1] if layer.rgb else 0,
    )
    made = Provenance(
        source=described(low, low.data.shape[: low.ndim]),
        factor=(factor, factor),
        region=tuple((part.start, part.stop) for part in parts),
        details={"version": __version__, "model": method},
    )
    shown = result_layer(layer, plan, data, name=name, provenance=made)
    shown.visible = True
    return shown


_FULL_COLOUR = 0.1  # of the data range: the difference shown in full colour


class ErrorMaps:
    """One map for each pair of layers."""

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._known: dict[tuple[int, int], ref[Any]] = {}

    def show(self, truth: Image, layer: Image, compared: LayerScore) -> None:
        """Add the map of a comparison, if it has one, or update the existing layer."""
        if compared.error_map is None or truth not in self._viewer.layers:
            return
        limit = _FULL_COLOUR * compared.score.psnr.data_range.value or 1.0
        shown = difference_layer(
            truth,
            compared.error_map,
            name=f"{layer.name} − {truth.name}",
            kind="error map",
            limit=limit,
        )
        key = id(truth), id(layer)
        known = self._known.get(key, lambda: None)()
        if known is not None and known in self._viewer.layers:
            known.data = shown.data
            for name in ("scale", "translate", "rotate", "shear", "affine"):
                setattr(known, name, getattr(shown, name))
            return
        add_quietly(self._viewer, shown)
        self._known[key] = ref(shown)


_FONT = 8  # points, so that long names fit a cell


class Tiling:
    """Shows some layers in the cells of a grid, and hides the others meanwhile."""

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._layers: list[ref[Layer]] = []
        self._hidden: list[ref[Layer]] = []
        self._on = False

    @property
    def ready(self) -> bool:
        """Whether there is anything to show side by side."""
        return len(self._present()) > 1

    def take(self, layers: Sequence[Layer]) -> None:
        """Choose what is shown side by side, in reading order."""
        if self._on:
            self.show(False)
        self._layers = [ref(layer) for layer in layers]

    def show(self, on: bool) -> None:
        """Show the layers side by side, or restore the view."""
        # The grid moved to the canvas with napari 0.9.
        grid = getattr(self._viewer, "canvas", self._viewer).grid
        if not on:
            if self._on:
                grid.enabled = False
                for layer in self._alive(self._hidden):
                    layer.visible = True
                for layer in self._present():
                    _label(layer, False)
            self._on, self._hidden = False, []
            return
        shown = self._present()
        others = [
            layer
            for layer in self._viewer.layers
            if layer.visible and not any(layer is one for one in shown)
        ]
        self._hidden += [ref(layer) for layer in others]
        for layer in others:
            layer.visible = False
        for layer in shown:
            layer.visible = True
            _label(layer, True)
        grid.stride = 1
        grid.shape = (-1, -1)
        grid.enabled = self._on = True
        self._viewer.reset_view()

    def forget(self) -> None:
        """Release all layers."""
        self._layers, self._hidden, self._on = [], [], False

    def _present(self) -> list[Layer]:
        return [x for x in self._alive(self._layers) if x in self._viewer.layers]

    @staticmethod
    def _alive(kept: list[ref[Layer]]) -> list[Layer]:
        found = [layer() for layer in kept]
        return [layer for layer in found if layer is not None]


def _label(layer: Layer, on: bool) -> None:
    """Show the name of a layer in its cell, or hide it again."""
    overlay = getattr(layer, "name_overlay", None)  # new in napari 0.7
    if overlay is not None:
        overlay.font_size = _FONT if on else type(overlay)().font_size
        overlay.visible = on
