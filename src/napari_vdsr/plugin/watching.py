"""Notices what happens in a viewer."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari.components import ViewerModel


_LAYER_EVENTS = ("data", "scale", "affine", "axis_labels", "units")


class ViewerWatcher:
    """Calls back when layers, their selection, the view or the theme change.

    `on_layers`: layers are added, removed, moved, renamed or selected. `on_change`:
    data or transforms of a layer, or the theme, change. `on_view`: the camera or the
    sliders move.
    """

    def __init__(
        self,
        viewer: "ViewerModel",
        *,
        on_layers: Callable[..., None],
        on_change: Callable[..., None],
        on_view: Callable[..., None],
    ) -> None:
        self._viewer = viewer
        self._on_layers = on_layers
        self._on_change = on_change
        layers = viewer.layers
        # The camera moved into the scene with napari 0.9.
        camera = getattr(viewer, "scene", viewer).camera
        self._connected: list[tuple[Any, Callable[..., None]]] = []
        for emitter, callback in (
            (layers.events.inserted, self._layers_changed),
            (layers.events.removed, self._layers_changed),
            (layers.events.reordered, on_layers),
            (layers.selection.events.changed, on_layers),
            (viewer.events.theme, on_change),
            (camera.events, on_view),
            (viewer.dims.events, on_view),
        ):
            emitter.connect(callback)
            self._connected.append((emitter, callback))
        self._watch_layers()

    def stop(self) -> None:
        """Call back no more."""
        for emitter, callback in self._connected:
            emitter.disconnect(callback)
        self._connected.clear()

    def _layers_changed(self, *_: Any) -> None:
        self._watch_layers()
        self._on_layers()

    def _watch_layers(self) -> None:
        known = {id(emitter) for emitter, _ in self._connected}
        for layer in self._viewer.layers:
            callbacks = dict.fromkeys(_LAYER_EVENTS, self._on_change)
            for name, callback in (callbacks | {"name": self._on_layers}).items():
                emitter = getattr(layer.events, name, None)
                if emitter is not None and id(emitter) not in known:
                    emitter.connect(callback)
                    self._connected.append((emitter, callback))
