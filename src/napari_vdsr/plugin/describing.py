"""What images are like, found out in the background, and once for all panels."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

from napari.layers import Image

from napari_vdsr.evaluation.image_report import ImageReport, describe_image
from napari_vdsr.images.open_any import instrument_in
from napari_vdsr.layers.plan import levels_of
from napari_vdsr.layers.result import Provenance
from napari_vdsr.plugin.background import Finder

Found = ImageReport | Exception | None  # None until it is known

_MOST = 5  # layers of several that are looked at


class _Look:
    """A look at an image; of several threads that call it, the first one looks."""

    def __init__(self, describe: Callable[[], ImageReport]) -> None:
        self.found: Found = None
        self._describe, self._one_at_a_time = describe, Lock()

    def __call__(self) -> None:
        with self._one_at_a_time:
            if self.found is None:
                try:
                    self.found = self._describe()
                except Exception as error:  # for the panel to say
                    self.found = error


# Of the data that layers have now, whichever panel asked first.
_looks: WeakKeyDictionary[Image, _Look] = WeakKeyDictionary()


def _forget(event: Any) -> None:
    _looks.pop(event.source, None)


class Describer(Finder[None]):
    """Tells a panel what images are like."""

    def look_at(self, layer: Image) -> Found:
        """What is known of a layer; None, and begins to find it out, if nothing is.

        Nothing is found out of lazy results.
        """
        if is_lazy_result(layer):
            return None
        if layer not in _looks:
            layer.events.data.connect(_forget)
            pixels, rgb, path = levels_of(layer)[0], bool(layer.rgb), layer.source.path
            _looks[layer] = _Look(partial(_describe, pixels, rgb, path))
        look = _looks[layer]
        if look.found is None and not self.busy:  # then the panel asks again
            self.start(look)
        return look.found

    def look_at_all(self, layers: Sequence[Image]) -> dict[str, Found]:
        """The same of the first layers, by name: each look takes a second or more."""
        return {layer.name: self.look_at(layer) for layer in layers[:_MOST]}

    def take(self, found: None) -> bool:
        """It is kept for all panels already."""
        return True


def _describe(pixels: Any, rgb: bool, path: str | None) -> ImageReport:
    """Describe the pixels of a layer, and the instrument by the file it comes from."""
    report = describe_image(pixels, rgb=rgb)
    return replace(report, instrument=instrument_in(path)) if path else report


def is_lazy_result(layer: Image) -> bool:
    """Whether looking at a layer would run a network, perhaps beside a run."""
    made = Provenance.read(layer) is not None
    return made and hasattr(levels_of(layer)[0], "dask")
