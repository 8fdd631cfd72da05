"""Before and after: showing sources in turn with their results."""

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

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        That shows them.
    """

    def __init__(self, viewer: "ViewerModel") -> None:
        self._viewer = viewer
        self._pairs: list[tuple[ref[Image], ref[Image], bool]] = []
        self._seen: list[tuple[ref[Image], bool]] = []

    @property
    def pairs(self) -> list[tuple["Image", "Image", bool]]:
        """Source, result and whether that is all of the source; those still there."""
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
        """Compare one more pair, showing the result.

        Parameters
        ----------
        source, result : napari.layers.Image
            Both in the viewer.
        whole : bool
            Whether the result is of all of the source.
        link : bool
            Whether a change of contrast of one goes to the other.
        """
        self._pairs.append((ref(source), ref(result), whole))
        if link and source in self._viewer.layers:
            self._viewer.layers.link_layers([source, result], _LINKED)
        self.show(after=True)
        # A result that lets others shine through would be seen doubly.
        if whole and (result.blending not in _COVERING or result.opacity < 1):
            for other in [source, *made_of(source, self._viewer.layers)]:
                other.visible = other is result

    def show(self, after: bool) -> None:
        """Show the results, or the sources and nothing that was made of them.

        Parameters
        ----------
        after : bool
            True for the results, and everything else as it was before.
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
        """Let source and result share contrast limits and gamma, or not.

        Parameters
        ----------
        linked : bool
            True to share them; those of the source are taken.
        """
        for source, result, _ in self.pairs:
            if linked:
                result.contrast_limits = source.contrast_limits
                result.gamma = source.gamma
                self._viewer.layers.link_layers([source, result], _LINKED)
            else:
                self._viewer.layers.unlink_layers([source, result], _LINKED)
