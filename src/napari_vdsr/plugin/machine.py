"""The devices of this machine, found out in the background."""

from collections.abc import Callable
from functools import partial
from importlib import import_module

from qtpy.QtCore import QObject

from napari_vdsr.plugin.background import Finder
from napari_vdsr.plugin.settings import WAIT, FieldError


class Devices(Finder[list[str]]):
    """The devices of this machine; calls back once they are known.

    Asking for them imports torch, which takes seconds: the panel does not wait. Nor
    does it for a `module` that it will need.
    """

    torch = True

    def __init__(
        self,
        parent: QObject,
        callback: Callable[[], object],
        module: str = "napari_vdsr.inference.device",
    ) -> None:
        super().__init__(parent, callback)
        self.names = ["cpu"]  # the first is the one that "auto" takes
        self.known = False
        self._problem = ""  # why nothing can run, such as torch not importing
        self.start(partial(_devices, module))

    @property
    def usable(self) -> bool:
        """Whether torch has been imported, so that something can run."""
        return self.known and not self._problem

    def check(self) -> None:
        """Raise FieldError when nothing can run here, or it is not yet known."""
        if not self.known:
            raise FieldError("", WAIT)
        if self._problem:
            raise FieldError("device", self._problem)

    def resolved(self, device: str) -> str:
        """The device that a name means, such as "auto"; FieldError for none."""
        self.check()
        if device == "auto":
            return self.names[0]
        for name in self.names:
            if device in (name, name.split(":")[0]):
                return name
        raise FieldError(
            "device", f"This machine has no device '{device}': choose another."
        )

    def take(self, found: list[str]) -> bool:
        """Keep their names."""
        self.names, self.known = found, True
        return True

    def failed(self, error: Exception) -> bool:
        """Such as a torch that cannot be imported."""
        self._problem, self.known = f"No network can run here: {error}", True
        return True


def _devices(module: str) -> list[str]:
    import_module(module)
    from napari_vdsr.inference.device import available_devices

    return available_devices()
