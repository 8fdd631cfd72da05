"""What is found out in the background: devices, speeds, and what an image is like."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary, WeakSet, ref

import numpy as np
from napari.layers import Image, Layer
from qtpy.QtCore import QObject

from napari_vdsr.errors import VdsrError
from napari_vdsr.evaluation.image_report import ImageReport, describe_image
from napari_vdsr.layers.plan import levels_of
from napari_vdsr.layers.result import Provenance
from napari_vdsr.plugin.background import Background
from napari_vdsr.plugin.enlarge.plan import Task
from napari_vdsr.plugin.enlarge.settings import Settings
from napari_vdsr.plugin.jobs import device_in_use, ready_upscaler
from napari_vdsr.plugin.settings import FieldError
from napari_vdsr.plugin.words import Outlook, plain_name, shorten_name
from napari_vdsr.zoo import Card
from napari_vdsr.zoo.model import is_file_name

Key = tuple[str, str, str, bool]  # model, device, precision, ensemble

_EDGE = 160  # output pixels: enough for an estimate, takes a tenth of a second


class Speeds:
    """Seconds that runs take.

    Each has a start, which costs the same for all sizes, and a pace in seconds a pixel.
    """

    def __init__(self) -> None:
        self._known: dict[Key, tuple[float, float, float]] = {}  # pixels, pace, start

    def learn(self, key: Key, pixels: float, seconds: float) -> None:
        """Take a measurement in; `seconds` is without loading or waiting."""
        if pixels <= 0 or seconds <= 0:
            return
        most, pace, start = self._known.get(key, (0.0, 0.0, 0.0))
        if pixels < most / 2:  # too small to tell the pace: a tiny preview, say
            start = max(0.0, seconds - pace * pixels)
        else:
            most, pace = pixels, max(seconds - start, seconds / 2) / pixels
            start = seconds - pace * pixels
        self._known[key] = most, pace, start

    def seconds(self, key: Key, pixels: float) -> float | None:
        """Expected seconds for a number of pixels; None when nothing was measured."""
        if key not in self._known:
            return None
        _, pace, start = self._known[key]
        return start + pace * pixels


class Prober:
    """Devices, speeds and needs of models, as far as they are known.

    The first look imports torch, which takes seconds: the panel does not wait.
    `callback` is called in the GUI thread when more is known.
    """

    def __init__(self, parent: QObject, callback: Callable[[], None]) -> None:
        self.devices = ["cpu"]  # until the first look has ended
        self.problem = ""  # why nothing can run, such as torch not importing
        self._callback = callback
        self._speeds = Speeds()
        self._needing_range: set[str] = set()
        self._looked = False
        self._tried: set[Key] = set()
        self._probing: Settings | None = None
        self._background: Background[Probe] = Background(parent, self._take, torch=True)

    @property
    def busy(self) -> bool:
        """Whether it is finding something out."""
        return self._background.busy

    def want(self, settings: Settings, card: Card | None) -> None:
        """Find out about these settings, unless that was done already.

        `card` is that of the model, as far as it is known.
        """
        key = _key(settings)
        if self.busy or (self._looked and key in self._tried):
            return
        here = card is not None and card.here
        measure = here or is_file_name(settings.model)
        if measure:
            self._tried.add(key)
        elif self._looked:
            return
        self._probing = settings
        self._background.start(partial(probe_machine, settings, measure))

    def seconds(self, settings: Settings, pixels: float) -> float | None:
        """Expected seconds for a number of output pixels; None when unknown."""
        return self._speeds.seconds(_key(settings), pixels)

    def learn(self, settings: Settings, pixels: float, seconds: float) -> None:
        """Store how long a run took, without loading or waiting."""
        self._speeds.learn(_key(settings), pixels, seconds)

    def needs_range(self, model: str) -> bool:
        """Whether a model is known to need black and white."""
        return model in self._needing_range

    def stop(self) -> None:
        """Call back no more."""
        self._background.stop()

    def check(self, tasks: Sequence[Task], settings: Settings) -> None:
        """Raise FieldError where a device or an intensity range is missing."""
        if self.problem:
            raise FieldError("device", self.problem)
        kinds = {name.split(":")[0] for name in self.devices}
        device = settings.device
        if self._looked and device not in {"auto", *self.devices, *kinds}:
            raise FieldError(
                "device", f"This machine has no device '{device}': choose another."
            )
        if not self.needs_range(settings.model) or settings.intensity_range is not None:
            return
        for task in tasks:
            # The range of float arrays in memory is found from their values.
            found = task.plan.dtype.kind == "f" and isinstance(task.data, np.ndarray)
            if not found and task.plan.dtype != "uint8":
                raise FieldError(
                    "black",
                    "This model has to know black and white of "
                    f"'{plain_name(task.layer.name)}': "
                    "type them, or choose a model that follows any scale.",
                )

    def _take(self, found: "Probe | Exception") -> None:
        settings = self._probing
        assert settings is not None
        news = True
        if isinstance(found, Exception):
            self.problem = f"The network cannot run here: {found}"
        else:
            self.devices = found.devices
            if found.busy:  # tried again when somebody asks again
                self._tried.discard(_key(settings))
                news = not self._looked
            self.learn(settings, found.pixels, found.seconds)
            if found.needs_range:
                self._needing_range.add(settings.model)
        self._looked = True
        if news:
            self._callback()


def _key(settings: Settings) -> Key:
    return settings.model, settings.device, settings.precision, settings.ensemble


@dataclass(frozen=True)
class Probe:
    """What was found out."""

    devices: list[str]  # the first is the one that "auto" takes
    pixels: int = 0  # output pixels of the measurement; 0 when it failed
    seconds: float = 0.0  # that they took
    needs_range: bool = False  # the model has to know black and white
    busy: bool = False  # nothing was measured, as somebody else had the device


def probe_machine(settings: Settings, measure: bool) -> Probe:
    """List the devices and, if asked, measure how fast the settings run.

    Do not measure a model that has to be fetched.
    """
    from napari_vdsr.inference.device import available_devices

    devices = available_devices()
    if not measure:
        return Probe(devices)
    if not device_in_use.acquire(blocking=False):
        return Probe(devices, busy=True)
    try:
        return _measured(settings, devices)
    except (VdsrError, RuntimeError):
        # Run will meet the same error and report it.
        return Probe(devices)
    finally:
        device_in_use.release()


def _measured(settings: Settings, devices: list[str]) -> Probe:
    plane = np.random.default_rng(0).random((_EDGE // 2, _EDGE // 2), np.float32)
    upscaler = ready_upscaler(replace(settings.options, tile="auto"), plane)
    upscaler.region(plane, (_EDGE, _EDGE))  # the first call is always slower
    start = time.perf_counter()
    upscaler.region(plane, (_EDGE, _EDGE))
    seconds = time.perf_counter() - start
    return Probe(devices, _EDGE**2, seconds, not upscaler.model.equivariant)


# What an image is like


class Describer:
    """Describes one layer at a time, and each only once until its data change.

    `callback` is called in the GUI thread when more is known.
    """

    def __init__(self, parent: QObject, callback: Callable[[], object]) -> None:
        self._callback: Callable[[], object] | None = callback
        self._known: WeakKeyDictionary[Image, Outlook] = WeakKeyDictionary()
        self._followed: WeakSet[Image] = WeakSet()
        self._in_work: Any = lambda: None
        self._background: Background[ImageReport] = Background(parent, self._take)

    @property
    def busy(self) -> bool:
        """Whether it is looking at a layer."""
        return self._background.busy

    def words_on(self, layers: Sequence[Layer]) -> Outlook:
        """What is known of the first image; starts finding it out if nothing is."""
        image = next((layer for layer in layers if isinstance(layer, Image)), None)
        if image is None or self._callback is None:
            return Outlook("")
        words = self._known.get(image)
        if words is None and _is_lazy_result(image):
            words = Outlook("Enlarged already, as it is viewed: choose its source")
        if words is None:
            self._look_at(image)
            words = Outlook("Looking at the image …")
        if len(layers) == 1:
            return words
        return replace(words, text=f"'{shorten_name(image.name)}': {words.text}")

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
            self._followed.add(layer)
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
            self._known[layer] = (
                Outlook(f"Cannot say anything about the image: {found}")
                if isinstance(found, Exception)
                else Outlook(found.summary, details=found.to_text())
            )
        if self._callback is not None:
            self._callback()


def _is_lazy_result(layer: Image) -> bool:
    """Whether looking at a layer would run a network, perhaps beside a run."""
    made = Provenance.read(layer) is not None
    return made and hasattr(levels_of(layer)[0], "dask")
