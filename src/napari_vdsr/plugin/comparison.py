"""Before and after: switches between sources and their results."""

from typing import TYPE_CHECKING
from weakref import ref

from napari_vdsr.plugin.lineage import made_of

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image


_LINKED = ("contrast_limits", "gamma")
_COVERING = ("translucent", "translucent_no_depth", "opaque")


class Comparison:
    """Pairs of source and result in one viewer.

    Layers are held weakly: removing one from the viewer frees it.
    """

    def __init__(self, viewer: "ViewerModel") -> None:
        self._viewer = viewer
        self._pairs: list[tuple[ref[Image], ref[Image], bool]] = []
        self._seen: list[tuple[ref[Image], bool]] = []

    @property
    def pairs(self) -> list[tuple["Image", "Image", bool]]:
        """(source, result, whether it covers all of the source), if still shown."""
        found = [(source(), result(), whole) for source, result, whole in self._pairs]
        return [
            (source, result, whole)
            for source, result, whole in found
            if source is not None
            and result is not None
            and source in self._viewer.layers
            and result in self._viewer.layers
        ]

    def start(self) -> None:
        """Forget the pairs of the last run."""
        self._pairs.clear()

    def add(self, source: "Image", result: "Image", whole: bool, link: bool) -> None:
        """Add a pair and show the result; `link` shares contrast limits and gamma.

        `whole`: the result covers all of the source.
        """
        self._pairs.append((ref(source), ref(result), whole))
        if link and source in self._viewer.layers:
            self._viewer.layers.link_layers([source, result], _LINKED)
        self.show(after=True)
        # Layers below would show through a result that is not opaque.
        if whole and (result.blending not in _COVERING or result.opacity < 1):
            for other in [source, *made_of(source, self._viewer.layers)]:
                other.visible = other is result

    def show(self, after: bool) -> None:
        """Show the results, or only the sources without anything made of them.

        Showing the results restores the visibility of all other layers.
        """
        self._put_back()
        if not after:
            self._show_only_sources()
            return
        for _, result, _ in self.pairs:
            result.visible = True

    def _show_only_sources(self) -> None:
        sources = list(dict.fromkeys(source for source, _, _ in self.pairs))
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

    def link(self, linked: bool) -> None:
        """Share the source's contrast limits and gamma with the result, or stop it."""
        for source, result, _ in self.pairs:
            if linked:
                result.contrast_limits = source.contrast_limits
                result.gamma = source.gamma
                self._viewer.layers.link_layers([source, result], _LINKED)
            else:
                self._viewer.layers.unlink_layers([source, result], _LINKED)
