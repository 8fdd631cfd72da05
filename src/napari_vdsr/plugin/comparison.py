"""Before and after: showing sources in turn with their results."""

from typing import TYPE_CHECKING
from weakref import ref

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

__all__ = ["Comparison"]

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

    def show(self, after: bool) -> None:
        """Show the results or the sources.

        Parameters
        ----------
        after : bool
            True for the results.
        """
        for source, result, whole in self.pairs:
            result.visible = after
            # A result that lets its source shine through would be seen doubly.
            seen_through = result.blending not in _COVERING or result.opacity < 1
            source.visible = not (after and whole and seen_through)

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
