"""What this machine offers for training, found out in the background."""

import time
from collections.abc import Callable
from importlib import import_module
from threading import Thread

from qtpy.QtCore import QObject, QTimer

from napari_vdsr.plugin.settings import WAIT, FieldError
from napari_vdsr.plugin.training.session import a_core_left

_FEATURES = 64
_EVERY = 50  # milliseconds between two checks of the thread


class Machine:
    """Devices of this machine; asking for them imports torch, which takes seconds.

    A plain thread that touches nothing of Qt does it, so napari may be closed at any
    time. `callback` is called in the GUI thread when the devices are known, and again
    with their speeds.
    """

    def __init__(self, parent: QObject, callback: Callable[[], None]) -> None:
        self.devices: list[str] = []  # the first is the one that "auto" takes
        self.speeds: dict[str, float] = {}  # products per second, forward and back
        self.problem = ""  # why training is impossible, such as torch not importing
        self._devices: list[str] = []  # as the thread finds them
        self._problem = ""
        self._callback = callback
        self._thread = Thread(target=self._find_out)
        self._timer = QTimer(parent)
        self._timer.setInterval(_EVERY)
        self._timer.timeout.connect(self._look)
        self._thread.start()
        self._timer.start()

    @property
    def ready(self) -> bool:
        """Whether the devices are known."""
        return bool(self.devices or self.problem)

    def check(self) -> None:
        """Raise FieldError when training is impossible here, or not yet known."""
        if not self.ready:
            raise FieldError("", WAIT)
        if self.problem:
            raise FieldError("device", self.problem)

    def resolved(self, device: str) -> str:
        """The device that a name means, such as "auto"; empty when there is none."""
        if device == "auto":
            return self.devices[0]
        matches = (d for d in self.devices if device in (d, d.split(":")[0]))
        return next(matches, "")

    def learn(self, device: str, products: float, seconds: float) -> None:
        """Remember how long a training took."""
        if seconds > 0:
            self.speeds[device] = products / seconds

    def stop(self) -> None:
        """Call back no more."""
        self._timer.stop()

    def _find_out(self) -> None:
        """Run in the thread."""
        try:
            import_module("napari_vdsr.training")  # the panel asks it for recipes
            from napari_vdsr.inference.device import available_devices

            self._devices = available_devices()
            self.speeds = {device: _speed(device) for device in self._devices}
        except Exception as error:  # such as a torch that cannot be imported
            self._problem = f"No network can be trained here: {error}"

    def _look(self) -> None:
        """Run in the GUI thread."""
        ended = not self._thread.is_alive()
        if ended:
            self._timer.stop()
        if ended or (self._devices and not self.ready):
            self.devices, self.problem = self._devices, self._problem
            self._callback()


def _speed(device: str) -> float:
    """Measure the products per second of a hidden layer, forward and back.

    As in training: with the same threads, and the channels of a pixel side by side.
    """
    import torch

    # No random numbers: those are the user's.
    patches, weight = (
        torch.ones(shape, device=device)
        .contiguous(memory_format=torch.channels_last)
        .requires_grad_()
        for shape in ((16, _FEATURES, 32, 32), (_FEATURES, _FEATURES, 3, 3))
    )
    done = 3.0 * patches[:, :1].numel() * weight.numel()
    best = float("inf")
    with a_core_left():
        for _ in range(5):  # the first one takes longer
            start = time.perf_counter()
            made = torch.nn.functional.conv2d(patches, weight, padding=1)
            torch.autograd.backward(made.square().mean())
            assert weight.grad is not None
            float(weight.grad.sum())  # reading a number waits for the device
            best = min(best, time.perf_counter() - start)
    return done / best
