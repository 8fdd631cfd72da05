"""Before and after: switches between sources and their results, or splits the view."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np
from napari.experimental import link_layers, unlink_layers

from napari_vdsr.layers import plan_layer
from napari_vdsr.layers.plan import levels_of, linear_matrix
from napari_vdsr.layers.provenance import METADATA_KEY, Provenance
from napari_vdsr.plugin.viewer import LEFT_OF_LINE, insert_quietly, made_of

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

    from napari_vdsr.plugin.enlarge.plan import Task


BEFORE, SPLIT, AFTER = "before", "split", "after"

_LINKED = ("contrast_limits", "gamma")
_COVERING = ("translucent", "translucent_no_depth", "opaque")


@dataclass(frozen=True)
class Pair:
    """A source and its result."""

    source: "Image"
    result: "Image"
    region: tuple[slice, ...] | None  # of the source; None for all of it
    whole: bool  # the result covers all of the source


class Comparison:
    """Pairs of source and result in one viewer.

    Layers are held weakly: removing one from the viewer frees it. For the split, a
    layer with the left part of the source lies over each result.
    """

    def __init__(self, viewer: "ViewerModel") -> None:
        self._viewer = viewer
        self._pairs: list[tuple[ref[Image], ref[Image], Any, bool]] = []
        self._seen: list[tuple[ref[Image], bool]] = []
        self._left: list[ref[Image]] = []  # one for each pair while the view is split

    @property
    def pairs(self) -> list[Pair]:
        """The pairs of which both layers are still shown."""
        shown = self._viewer.layers
        found = [(s(), r(), region, whole) for s, r, region, whole in self._pairs]
        return [
            Pair(source, result, region, whole)
            for source, result, region, whole in found
            if source is not None
            and result is not None
            and source in shown
            and result in shown
        ]

    def start(self) -> None:
        """Forget the pairs of the last run."""
        self.show(AFTER)
        self._pairs.clear()

    def add(self, task: "Task", result: "Image", link: bool) -> None:
        """Add a pair and show the result; `link` shares contrast limits and gamma."""
        source, whole = task.layer, task.plan.whole
        self._pairs.append((ref(source), ref(result), task.region, whole))
        if link and source in self._viewer.layers:
            link_layers([source, result], _LINKED)
        self.show(AFTER)
        # Layers below would show through a result that is not opaque.
        if whole and (result.blending not in _COVERING or result.opacity < 1):
            for other in [source, *made_of(source, self._viewer.layers)]:
                other.visible = other is result

    def show(self, what: str, part: float = 0.5) -> None:
        """Show the results, or only their sources, or the sources left of a line.

        Showing the results restores the visibility of all other layers. `part` is how
        far to the right the line lies, from 0 to 1.
        """
        if what == SPLIT and self._left:
            self._move(part)
            return
        self._put_back()
        if what == BEFORE:
            self._show_only_sources()
            return
        for pair in self.pairs:
            pair.result.visible = True
        if what == SPLIT:
            self._split(part)

    def link(self, linked: bool) -> None:
        """Share the source's contrast limits and gamma with the result, or stop it."""
        for pair in self.pairs:
            source, result = pair.source, pair.result
            if linked:
                result.contrast_limits = source.contrast_limits
                result.gamma = source.gamma
                link_layers([source, result], _LINKED)
            else:
                unlink_layers([source, result], _LINKED)

    # Inside

    def _show_only_sources(self) -> None:
        sources = list(dict.fromkeys(pair.source for pair in self.pairs))
        layers = self._viewer.layers
        made = [layer for source in sources for layer in made_of(source, layers)]
        for layer in dict.fromkeys([*made, *sources]):
            self._seen.append((ref(layer), layer.visible))
            layer.visible = layer in sources

    def _put_back(self) -> None:
        for known, visible in self._seen:
            layer = known()
            if layer is not None:
                layer.visible = visible
        self._seen.clear()
        for known in self._left:
            layer = known()
            if layer is not None and layer in self._viewer.layers:
                self._viewer.layers.remove(layer)
        self._left.clear()

    def _split(self, part: float) -> None:
        layers = self._viewer.layers
        for pair in self.pairs:
            left = _left_layer(pair, part)
            insert_quietly(layers, layers.index(pair.result) + 1, left)
            link_layers([pair.source, left], _LINKED)
            self._left.append(ref(left))

    def _move(self, part: float) -> None:
        for known, pair in zip(self._left, self.pairs, strict=False):
            left = known()
            if left is not None:
                levels = _left_levels(pair, part)
                left.data = levels if left.multiscale else levels[0]


def _left_layer(pair: Pair, part: float) -> "Image":
    """The layer of what lies left of the line: pixels of the source."""
    from napari.layers import Image

    source = pair.source
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
    levels = _left_levels(pair, part)
    return Image(levels if source.multiscale else levels[0], **attributes)


def _left_levels(pair: Pair, part: float) -> list[Any]:
    """The source's pixels left of the line, for each level; one column at least."""
    levels = levels_of(pair.source)
    region, x = _covered(pair), plan_layer(pair.source, factor=1).yx[1]
    edge = region[x].start + part * (region[x].stop - region[x].start)
    region[x] = slice(region[x].start, max(region[x].start + 1, round(edge)))
    finest = levels[0].shape
    return [level[tuple(map(_scaled, region, finest, level.shape))] for level in levels]


def _covered(pair: Pair) -> list[slice]:
    """The part of the source that was enlarged."""
    sizes = levels_of(pair.source)[0].shape[: pair.source.ndim]
    return list(pair.region or [slice(0, size) for size in sizes])


def _scaled(part: slice, finest: int, size: int) -> slice:
    """A part of an axis of the finest level as one of another level."""
    start = min(size - 1, part.start * size // finest)
    return slice(start, max(start + 1, round(part.stop * size / finest)))
