"""Shows results in the viewer, exactly over their sources, and compares the two."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakKeyDictionary, ref

import numpy as np
from napari.components import ViewerModel
from napari.experimental import link_layers, unlink_layers
from napari.layers import Image
from napari.utils.notifications import show_warning

from napari_vdsr.layers import plan_layer, result_layer
from napari_vdsr.layers.plan import Region, level_data, levels_of, linear_matrix
from napari_vdsr.layers.result import METADATA_KEY, Provenance, layer_beside
from napari_vdsr.plugin.enlarge.plan import Task, region_in_view
from napari_vdsr.plugin.enlarge.work import Result
from napari_vdsr.plugin.settings import FieldError
from napari_vdsr.plugin.viewer import (
    LEFT_OF_LINE,
    add_quietly,
    insert_quietly,
    made_of,
    replace_pixels,
)
from napari_vdsr.plugin.words import plain_name

BEFORE, SPLIT, AFTER = "before", "split", "after"

_LINKED = ("contrast_limits", "gamma")
_COVERING = ("translucent", "translucent_no_depth", "opaque")


class Results:
    """Adds the layers of results to a viewer, and pairs them with their sources."""

    def __init__(self, viewer: ViewerModel) -> None:
        self.comparison = Comparison(viewer)
        self._viewer = viewer
        self._preview: Any = lambda: None  # the layer of the last one
        self._previewing = False
        self._first = True

    def start(self, preview: bool) -> None:
        """Expect the results of another run, or of a preview."""
        self._previewing, self._first = preview, True

    def show(self, result: Result, link: bool) -> Iterator[None]:
        """Show a result, in steps between which the viewer may draw."""
        layers, source = self._viewer.layers, result.task.layer
        if not _still_fits(result):
            show_warning(
                f"'{plain_name(source.name)}' was given other data while it was "
                "enlarged: press Run again for a result that fits."
            )
            return
        if self._first:  # the last comparison stays until there is something new
            self._first = False
            self.comparison.start()
        layer = self._renewed_preview(result) if self._previewing else None
        if layer is None:
            old = self._preview()
            if old is not None and old in layers:
                layers.remove(old)
                yield
            for layer in new_layers(result):
                yield
                if self._previewing:
                    layer.name = f"preview of {plain_name(source.name)}"
                    self._preview = ref(layer)
                # The sources stay selected, so that Run enlarges them again.
                add_quietly(self._viewer, layer, above=source)
                yield
        self.comparison.add(result.task, layer, link)

    def _renewed_preview(self, result: Result) -> Image | None:
        """The layer of the last preview with another part in it, if that fits."""
        layer = self._preview()
        if layer is None or layer not in self._viewer.layers:
            return None
        (made,) = new_layers(result)
        if (layer.ndim, layer.rgb) != (made.ndim, made.rgb):
            return None
        replace_pixels(layer, made)
        layer.metadata = made.metadata
        layer.name = f"preview of {plain_name(result.task.layer.name)}"
        return layer


def _still_fits(result: Result) -> bool:
    """Whether the source was given no data of another shape meanwhile."""
    data, planned = level_data(result.task.layer), result.task.data
    return data is planned or data.shape == planned.shape


def new_layers(result: Result) -> Iterator[Image]:
    """Make the layers of a result one by one, the enlarged one last."""
    source, plan = result.task.layer, result.task.plan
    told: dict[str, Any] = {"name": result.name, "provenance": result.provenance}
    for kind, pixels in result.extras.items():
        grid = plan
        if kind == "consistency":  # it lies on the source's own grid
            grid = replace(plan_layer(source, 1), samples=0)
        yield layer_beside(source, grid, pixels, kind, **told)
    yield result_layer(source, plan, result.data, **told)


# Before and after


@dataclass(eq=False)
class Pair:
    """A source, its result and, while the view is split, what lies left of the line.

    Layers are held weakly, as removing one from the viewer frees it: a call gives the
    layer, or None when it is gone.
    """

    source: Any
    result: Any
    region: Region | None  # of the source; None for all of it
    left: Any = lambda: None


class Comparison:
    """Switches between the sources and results in one viewer, or splits the view.

    For the split, a layer with the left part of the source lies over each result.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._pairs: list[Pair] = []
        # Whether layers were visible before only the sources were shown.
        self._seen: WeakKeyDictionary[Image, bool] = WeakKeyDictionary()

    @property
    def pairs(self) -> list[Pair]:
        """The pairs of which both layers are still shown."""
        return [
            pair
            for pair in self._pairs
            if self._has(pair.source()) and self._has(pair.result())
        ]

    def start(self) -> None:
        """Forget the pairs of the last run."""
        self.show(AFTER)
        self._pairs.clear()

    def add(self, task: Task, result: Image, link: bool) -> None:
        """Add a pair and show the result; `link` shares contrast limits and gamma."""
        source = task.layer
        self._pairs.append(Pair(ref(source), ref(result), task.region))
        if link and self._has(source):
            link_layers([source, result], _LINKED)
        self.show(AFTER)
        # Layers below would show through a result that is not opaque.
        opaque = result.blending in _COVERING and result.opacity == 1
        if task.plan.whole and not opaque:
            for other in [source, *made_of(source, self._viewer.layers)]:
                other.visible = other is result

    def show(self, what: str, part: float = 0.5) -> None:
        """Show the results, or only their sources, or the sources left of a line.

        Showing the results restores the visibility of all other layers. `part` is how
        far to the right the line lies, from 0 to 1.
        """
        if what == SPLIT and any(self._has(pair.left()) for pair in self._pairs):
            self._move(part)
            return
        self._put_back()
        if what == BEFORE:
            self._show_only_sources()
            return
        for pair in self.pairs:
            pair.result().visible = True
            if what == SPLIT:
                self._split(pair, part)

    def link(self, linked: bool) -> None:
        """Share the source's contrast limits and gamma with the result, or stop it."""
        for pair in self.pairs:
            source, result = pair.source(), pair.result()
            if linked:
                result.contrast_limits = source.contrast_limits
                result.gamma = source.gamma
                link_layers([source, result], _LINKED)
            else:
                unlink_layers([source, result], _LINKED)

    # Inside

    def _has(self, layer: Image | None) -> bool:
        return layer is not None and layer in self._viewer.layers

    def _show_only_sources(self) -> None:
        sources = list(dict.fromkeys(pair.source() for pair in self.pairs))
        layers = self._viewer.layers
        made = [layer for source in sources for layer in made_of(source, layers)]
        for layer in dict.fromkeys([*made, *sources]):
            self._seen[layer] = layer.visible
            layer.visible = layer in sources

    def _put_back(self) -> None:
        for layer, visible in list(self._seen.items()):
            layer.visible = visible
        self._seen.clear()
        for left in [pair.left() for pair in self._pairs]:
            if self._has(left):
                self._viewer.layers.remove(left)

    def _split(self, pair: Pair, part: float) -> None:
        layers = self._viewer.layers
        left = _left_layer(pair, self._line(pair, part))
        insert_quietly(layers, layers.index(pair.result()) + 1, left)
        link_layers([pair.source(), left], _LINKED)
        pair.left = ref(left)

    def _move(self, part: float) -> None:
        for pair in self.pairs:
            if self._has(pair.left()):
                levels = _left_levels(pair, self._line(pair, part))
                pair.left().data = levels if pair.left().multiscale else levels[0]

    def _line(self, pair: Pair, part: float) -> int:
        """The column of the source at which the line lies, within what is in view."""
        source = pair.source()
        x = plan_layer(source, factor=1).yx[1]
        first, stop = _covered(pair)[x].start, _covered(pair)[x].stop
        with suppress(FieldError):  # nothing of it is in view, or not as planes
            seen = region_in_view(source, self._viewer.dims)[x]
            if seen.start < stop and seen.stop > first:
                first, stop = max(first, seen.start), min(stop, seen.stop)
        line: int = round(first + part * (stop - first))
        return line


def _left_layer(pair: Pair, line: int) -> Image:
    """The layer of what lies left of the line: pixels of the source."""
    source = pair.source()
    before = Provenance(LEFT_OF_LINE, {"name": source.name})
    _, attributes, _ = source.as_layer_data_tuple()
    attributes.pop("locked_data_level", None)
    first = [each.start for each in _covered(pair)]
    attributes |= {
        "name": f"before: {source.name}",
        "translate": np.asarray(source.translate) + linear_matrix(source) @ first,
        "metadata": {METADATA_KEY: before.written()},
        "visible": True,
        "opacity": 1.0,
        "blending": "translucent_no_depth",
    }
    levels = _left_levels(pair, line)
    return Image(levels if source.multiscale else levels[0], **attributes)


def _left_levels(pair: Pair, line: int) -> list[Any]:
    """The source's pixels left of a column, for each level; one column at least."""
    levels = levels_of(pair.source())
    region, x = _covered(pair), plan_layer(pair.source(), factor=1).yx[1]
    region[x] = slice(region[x].start, max(region[x].start + 1, line))
    finest = levels[0].shape
    return [level[tuple(map(_scaled, region, finest, level.shape))] for level in levels]


def _covered(pair: Pair) -> list[slice]:
    """The part of the source that was enlarged."""
    sizes = levels_of(pair.source())[0].shape[: pair.source().ndim]
    return list(pair.region or [slice(0, size) for size in sizes])


def _scaled(part: slice, finest: int, size: int) -> slice:
    """A part of an axis of the finest level as one of another level."""
    start = min(size - 1, part.start * size // finest)
    return slice(start, max(start + 1, round(part.stop * size / finest)))
