"""Which layers, and which parts of them, the panel means."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from napari.layers import Image, Layer, Shapes

from napari_vdsr.plugin.model.areas import (
    preview_region,
    region_in_view,
    regions_of_shapes,
)
from napari_vdsr.plugin.model.jobs import Batch, Region, plan_jobs
from napari_vdsr.plugin.model.settings import Settings

if TYPE_CHECKING:
    from napari.components import ViewerModel


class Sources:
    """The layers of a viewer, as the panel sees them."""

    def __init__(self, viewer: "ViewerModel") -> None:
        self._viewer = viewer

    @property
    def images(self) -> list[Image]:
        """All image layers, the topmost first, as the layer list shows them."""
        return [layer for layer in self._topmost_first if isinstance(layer, Image)]

    @property
    def shapes(self) -> list[Shapes]:
        """All Shapes layers, the topmost first."""
        return [layer for layer in self._topmost_first if isinstance(layer, Shapes)]

    @property
    def _topmost_first(self) -> list[Layer]:
        # Slicing `layers` itself makes a list with events, which is slow.
        return list(self._viewer.layers)[::-1]

    @property
    def selected(self) -> list[Layer]:
        """What is selected in the layer list, bottom to top.

        Shapes layers are left out where there is something else: they mark what is to
        be enlarged.
        """
        chosen = [
            layer
            for layer in self._viewer.layers
            if layer in self._viewer.layers.selection
        ]
        return [layer for layer in chosen if not isinstance(layer, Shapes)] or chosen

    @property
    def selection_in_words(self) -> str:
        """What is selected, for the layer list of the panel."""
        return selection_in_words(self.selected)

    def named(self, name: str | None) -> list[Layer]:
        """The layer of that name; None for what is selected."""
        if name is None:
            return self.selected
        return [layer for layer in self._viewer.layers if layer.name == name]

    def batch(
        self, layers: list[Layer], shapes: str | None, settings: Settings
    ) -> Batch:
        """Plan what Run would do; `shapes` names the Shapes layer for that area.

        Raises FieldError when a field is wrong.
        """
        drawn = next((s for s in self.shapes if s.name == shapes), None)

        def parts_of(layer: Image) -> Sequence[Region | None]:
            if settings.area == "view":
                return [region_in_view(layer, self._viewer.dims)]
            if settings.area == "rectangles":
                return regions_of_shapes(layer, drawn)
            return [None]

        return plan_jobs(layers, settings, parts_of)

    def preview(self, layers: list[Layer], settings: Settings) -> Batch:
        """Plan a preview of the first layer that fits; the area does not matter.

        Raises FieldError when a field is wrong.
        """
        dims = self._viewer.dims
        batch = plan_jobs(layers, settings, lambda layer: [preview_region(layer, dims)])
        return Batch(batch.jobs[:1], [])


def selection_in_words(layers: Sequence[Layer]) -> str:
    """How a field names layers that are or were selected."""
    if len(layers) == 1:
        return f"selected: {shorten_name(layers[0].name)}"
    return f"selected: {len(layers)} layers" if layers else "selected: none"


def shorten_name(name: str, length: int = 15) -> str:
    """The beginning of a long name, so that it fits a box of `length` characters."""
    return name if len(name) <= length else f"{name[: length - 1].rstrip()}…"
