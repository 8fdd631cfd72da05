"""Descriptions of layers, computed in the background."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary, ref

from napari.layers import Image, Layer
from qtpy.QtCore import QObject

from napari_vdsr.evaluation.description import describe_image
from napari_vdsr.evaluation.image_report import ImageReport
from napari_vdsr.layers.plan import levels_of
from napari_vdsr.layers.provenance import Provenance
from napari_vdsr.plugin.background import Background
from napari_vdsr.plugin.words import shorten_name


class Words(NamedTuple):
    """A line for the panel, and the full text for its tooltip."""

    line: str
    details: str = ""


class Describer:
    """Describes one layer at a time, and each only once until its data change.

    `callback` is called in the GUI thread when more is known.
    """

    def __init__(self, parent: QObject, callback: Callable[[], object]) -> None:
        self._callback: Callable[[], object] | None = callback
        self._known: WeakKeyDictionary[Image, Words] = WeakKeyDictionary()
        self._followed: WeakKeyDictionary[Image, bool] = WeakKeyDictionary()
        self._in_work: Any = lambda: None
        self._background: Background[ImageReport] = Background(parent, self._take)

    @property
    def busy(self) -> bool:
        """Whether it is looking at a layer."""
        return self._background.busy

    def words_on(self, layers: Sequence[Layer]) -> Words:
        """What is known of the first image; starts finding it out if nothing is."""
        image = next((layer for layer in layers if isinstance(layer, Image)), None)
        if image is None or self._callback is None:
            return Words("")
        words = self._known.get(image)
        if words is None and _is_lazy_result(image):
            words = Words("Enlarged already, as it is viewed: choose its source")
        if words is None:
            self._look_at(image)
            words = Words("Looking at the image …")
        if len(layers) == 1:
            return words
        return Words(f"'{shorten_name(image.name)}': {words.line}", words.details)

    def stop(self) -> None:
        """Call back no more."""
        self._callback = None
        for layer in self._followed:
            layer.events.data.disconnect(self._data_changed)
        self._followed.clear()

    def _look_at(self, layer: Image) -> None:
        if self.busy:
            return  # the caller is called back, and asks again
        if layer not in self._followed:
            layer.events.data.connect(self._data_changed)
            self._followed[layer] = True
        self._in_work = ref(layer)
        pixels, rgb = levels_of(layer)[0], bool(layer.rgb)
        self._background.start(partial(describe_image, pixels, rgb=rgb))

    def _data_changed(self, event: Any) -> None:
        """Forget the description of the old data."""
        self._known.pop(event.source, None)
        if self._in_work() is event.source:
            self._in_work = lambda: None

    def _take(self, found: ImageReport | Exception) -> None:
        layer = self._in_work()
        if layer is not None:
            self._known[layer] = _in_words(found)
        if self._callback is not None:
            self._callback()


def _is_lazy_result(layer: Image) -> bool:
    """Whether looking at a layer would run a network, perhaps beside a run."""
    made = Provenance.read(layer) is not None
    return made and hasattr(levels_of(layer)[0], "dask")


def _in_words(found: ImageReport | Exception) -> Words:
    if isinstance(found, Exception):
        return Words(f"Cannot say anything about the image: {found}")
    return Words(found.summary, found.to_text())
