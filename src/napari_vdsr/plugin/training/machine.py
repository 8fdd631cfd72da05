"""What this machine offers for training, found out in the background."""

from collections.abc import Callable
from importlib import import_module
from threading import Thread

from qtpy.QtCore import QObject, QTimer

from napari_vdsr.plugin.model.settings import FieldError

_EVERY = 50  # milliseconds between two looks at the thread


class Machine:
    """Devices of this machine; asking for them imports torch, which takes seconds.

    It is a plain thread that touches nothing of Qt, so that napari may be closed at
    any time.

    Parameters
    ----------
    parent : QObject
        Whose end ends the looking.
    callback : callable
        Called in the GUI thread, once, when all is known.

    Attributes
    ----------
    devices : list of str
        The one that "auto" takes first; empty until they are known.
    problem : str
        Why nothing can be trained here, such as a torch that cannot be imported;
        empty when all is well.
    """

    def __init__(self, parent: QObject, callback: Callable[[], None]) -> None:
        self.devices: list[str] = []
        self.problem = ""
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
        """Make sure that something can be trained here.

        Raises
        ------
        FieldError
            When that is not known yet, or not the case.
        """
        if not self.ready:
            raise FieldError("", "Getting ready …")
        if self.problem:
            raise FieldError("device", self.problem)

    def resolved(self, device: str) -> str:
        """The device that a name means.

        Parameters
        ----------
        device : str
            As in the settings.

        Returns
        -------
        str
            Empty when there is none such.
        """
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
