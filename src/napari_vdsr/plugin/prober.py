"""Finds out in the background what this machine offers and how fast it is."""

from collections.abc import Callable
from functools import partial

from qtpy.QtCore import QObject

from napari_vdsr.plugin.background import Background
from napari_vdsr.plugin.model.estimate import Key, Speeds
from napari_vdsr.plugin.model.probe import Probe, probe_machine
from napari_vdsr.plugin.model.settings import Settings
from napari_vdsr.zoo import Card


class Prober:
    """Devices, speeds and needs of models, as far as they are known.

    The first look imports torch, which takes seconds: the panel does not wait.
    `callback` is called in the GUI thread when more is known.
    """

    def __init__(self, parent: QObject, callback: Callable[[], None]) -> None:
        self.devices = ["cpu"]  # until the first look has ended
        self.problem = ""  # why nothing can run, such as torch not importing
        self._callback: Callable[[], None] | None = callback
        self._speeds = Speeds()
        self._needing_range: set[str] = set()
        self._looked = False
        self._tried: set[Key] = set()
        self._probing: Settings | None = None
        self._background: Background[Probe] = Background(parent, self._take)

    @property
    def busy(self) -> bool:
        """Whether it is finding something out."""
        return self._background.busy

    def lacks(self, device: str) -> bool:
        """Whether a device is known not to exist; False before the first look."""
        kinds = {name.split(":")[0] for name in self.devices}
        return self._looked and device not in {"auto", *self.devices, *kinds}

    def want(self, settings: Settings, card: Card | None) -> None:
        """Find out about these settings, unless that was done already.

        `card` is that of the model, as far as it is known.
        """
        key = _key(settings)
        if self.busy or self._callback is None or (self._looked and key in self._tried):
            return
        measure = card is not None and card.here
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
        self._callback = None

    def _take(self, found: Probe | Exception) -> None:
        settings = self._probing
        assert settings is not None
        self._looked = True
        if isinstance(found, Exception):
            self.problem = f"The network cannot run here: {found}"
        else:
            self.devices = found.devices
            self._speeds.learn(_key(settings), found.pixels, found.seconds)
            if found.needs_range:
                self._needing_range.add(settings.model)
        if self._callback is not None:
            self._callback()


def _key(settings: Settings) -> Key:
    return settings.model, settings.device, settings.precision, settings.ensemble
