"""What this machine offers for training, found out in the background."""

from collections.abc import Callable
from importlib import import_module
from threading import Thread

from qtpy.QtCore import QObject, QTimer

from napari_vdsr.plugin.model.settings import FieldError

_EVERY = 50  # milliseconds between two checks of the thread


class Machine:
    """Devices of this machine; asking for them imports torch, which takes seconds.

    A plain thread that touches nothing of Qt does it, so napari may be closed at any
    time. `callback` is called once in the GUI thread when all is known.
    """

    def __init__(self, parent: QObject, callback: Callable[[], None]) -> None:
        self.devices: list[str] = []  # the first is the one that "auto" takes
        self.problem = ""  # why training is impossible, such as torch not importing
        self._callback = callback
        self._thread = Thread(target=self._find_out)
        self._timer = QTimer(parent)
        self._timer.setInterval(_EVERY)
        self._timer.timeout.connect(self._look)
        self._thread.start()
        self._timer.start()

    @property
    def ready(self) -> bool:
        """Whether all is known."""
        return bool(self.devices or self.problem)

    def check(self) -> None:
        """Raise FieldError when training is impossible here, or not yet known."""
        if not self.ready:
            raise FieldError("", "Getting ready …")
        if self.problem:
            raise FieldError("device", self.problem)

    def resolved(self, device: str) -> str:
        """The device that a name means, such as "auto"; empty when there is none."""
        if device == "auto":
            return self.devices[0]
        matches = (d for d in self.devices if device in (d, d.split(":")[0]))
        return next(matches, "")

    def stop(self) -> None:
        """Call back no more."""
        self._timer.stop()

    def _find_out(self) -> None:
        """Run in the thread."""
        try:
            import_module("napari_vdsr.training")  # the panel asks it for recipes
            from napari_vdsr.inference.device import available_devices

            self.devices = available_devices()
        except Exception as error:  # such as a torch that cannot be imported
            self.problem = f"No network can be trained here: {error}"

    def _look(self) -> None:
        """Run in the GUI thread."""
        if self.ready:
            self._timer.stop()
            self._callback()
