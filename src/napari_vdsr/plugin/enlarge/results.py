"""Shows results in the viewer, exactly over their sources."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from weakref import ref

from napari.layers import Image
from napari.utils.notifications import show_warning

from napari_vdsr.layers import plan_layer, result_layer
from napari_vdsr.layers.plan import level_data
from napari_vdsr.layers.result import layer_beside
from napari_vdsr.plugin.enlarge.compare import Comparison
from napari_vdsr.plugin.enlarge.work import Extra, Result
from napari_vdsr.plugin.viewer import add_quietly
from napari_vdsr.plugin.words import plain_name

if TYPE_CHECKING:
    from napari.components import ViewerModel


class Results:
    """Adds the layers of results to a viewer, and pairs them with their sources."""

    def __init__(self, viewer: "ViewerModel", comparison: Comparison) -> None:
        self._viewer = viewer
        self._comparison = comparison
        self._preview: Any = lambda: None  # the layer of the last one
        self._previewing = False
        self._first = True

    def start(self, preview: bool) -> None:
        """Expect the results of another run, or of a preview."""
        self._previewing, self._first = preview, True

    def show(self, result: Result, link: bool) -> Iterator[None]:
        """Show a result, in steps between which the viewer may draw."""
        if self._first:  # the last comparison stays until there is something new
            self._first = False
            self._comparison.start()
        if self._previewing and self._renew_preview(result, link):
            return
        layers, source = self._viewer.layers, result.task.layer
        old = self._preview()
        if old is not None and old in layers:
            layers.remove(old)
            yield
        try:
            for layer in new_layers(result):
                yield
                if self._previewing:
                    layer.name = f"preview of {plain_name(source.name)}"
                    self._preview = ref(layer)
                # The sources stay selected, so that Run enlarges them again.
                add_quietly(self._viewer, layer, above=source)
                yield
        except StaleSourceError as error:
            show_warning(str(error))
            return
        self._comparison.add(result.task, layer, link)

    def _renew_preview(self, result: Result, link: bool) -> bool:
        """Show another part in the layer of the last preview, if it fits.

        A new layer takes napari much longer.
        """
        layer = self._preview()
        if layer is None or layer not in self._viewer.layers:
            return False
        try:
            (made,) = new_layers(result)
        except StaleSourceError:
            return False
        if (layer.ndim, layer.rgb) != (made.ndim, made.rgb):
            return False
        for name in ("data", "scale", "translate", "rotate", "shear", "affine"):
            setattr(layer, name, getattr(made, name))
        layer.metadata = made.metadata
        layer.name = f"preview of {plain_name(result.task.layer.name)}"
        self._comparison.add(result.task, layer, link)
        return True


class StaleSourceError(Exception):
    """The source's data have another shape now, so the result no longer fits."""


def new_layers(result: Result) -> Iterator[Image]:
    """Make the layers of a result one by one, the enlarged one last.

    Raises StaleSourceError when the source was given data of another shape.
    """
    source = result.task.layer
    data = level_data(source)
    if data is not result.task.data and data.shape != result.task.data.shape:
        raise StaleSourceError(
            f"'{source.name}' was given other data while it was enlarged: "
            "press Run again for a result that fits."
        )
    for extra in result.extras:
        yield _extra_layer(result, extra)
    yield result_layer(
        source,
        result.task.plan,
        result.data,
        name=result.name,
        provenance=result.provenance,
    )


def _extra_layer(result: Result, extra: Extra) -> Image:
    source, plan = result.task.layer, result.task.plan
    if extra.kind == "consistency":  # it lies on the source's own grid
        plan = replace(plan_layer(source, 1), samples=0)
    return layer_beside(
        source,
        plan,
        extra.data,
        extra.kind,
        name=result.name,
        provenance=result.provenance,
    )
