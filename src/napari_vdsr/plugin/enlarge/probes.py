"""How fast models run here and what they must know, found out in the background."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from qtpy.QtCore import QObject

from napari_vdsr.errors import VdsrError
from napari_vdsr.plugin.background import Finder
from napari_vdsr.plugin.enlarge.plan import Task
from napari_vdsr.plugin.enlarge.settings import Settings
from napari_vdsr.plugin.jobs import device_in_use, ready_upscaler
from napari_vdsr.plugin.settings import FieldError
from napari_vdsr.plugin.words import plain_name
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


class Prober(Finder["Probe | None"]):
    """Speeds and needs of models; calls back when more is known."""

    torch = True

    def __init__(self, parent: QObject, callback: Callable[[], object]) -> None:
        super().__init__(parent, callback)
        self._speeds = Speeds()
        self._needing_range: set[str] = set()
        self._tried: set[Key] = set()
        self._probing: Settings | None = None

    def want(self, settings: Settings, card: Card | None) -> None:
        """Find out about these settings, unless that was done already.

        `card` is that of the model, as far as it is known: one that has to be fetched
        is not measured.
        """
        here = is_file_name(settings.model) or (card is not None and card.here)
        if here and not self.busy and _key(settings) not in self._tried:
            self._tried.add(_key(settings))
            self._probing = settings
            self.start(partial(probe, settings))

    def seconds(self, settings: Settings, pixels: float) -> float | None:
        """Expected seconds for a number of output pixels; None when unknown."""
        return self._speeds.seconds(_key(settings), pixels)

    def learn(self, settings: Settings, pixels: float, seconds: float) -> None:
        """Store how long a run took, without loading or waiting."""
        self._speeds.learn(_key(settings), pixels, seconds)

    def needs_range(self, model: str) -> bool:
        """Whether a model is known to need black and white."""
        return model in self._needing_range

    def check(self, tasks: Sequence[Task], settings: Settings) -> None:
        """Raise FieldError where an intensity range is missing."""
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

    def take(self, found: "Probe | None") -> bool:
        """Keep what was measured; try again later where the device was in use."""
        settings = self._probing
        assert settings is not None
        if found is None:
            self._tried.discard(_key(settings))
            return False
        self.learn(settings, found.pixels, found.seconds)
        if found.needs_range:
            self._needing_range.add(settings.model)
        return True


def _key(settings: Settings) -> Key:
    return settings.model, settings.device, settings.precision, settings.ensemble


@dataclass(frozen=True)
class Probe:
    """What was found out."""

    pixels: int = 0  # output pixels of the measurement; 0 when it failed
    seconds: float = 0.0  # that they took
    needs_range: bool = False  # the model has to know black and white


def probe(settings: Settings) -> Probe | None:
    """Measure how fast the settings run; None while somebody else has the device."""
    if not device_in_use.acquire(blocking=False):
        return None
    try:
        plane = np.random.default_rng(0).random((_EDGE // 2, _EDGE // 2), np.float32)
        upscaler = ready_upscaler(replace(settings.options, tile="auto"), plane)
        upscaler.region(plane, (_EDGE, _EDGE))  # the first call is always slower
        start = time.perf_counter()
        upscaler.region(plane, (_EDGE, _EDGE))
        seconds = time.perf_counter() - start
        return Probe(_EDGE**2, seconds, not upscaler.model.equivariant)
    except (VdsrError, RuntimeError):
        # Run will meet the same error and report it.
        return Probe()
    finally:
        device_in_use.release()
