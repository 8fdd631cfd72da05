"""What this machine offers for training, found out in the background."""

from collections.abc import Callable, Hashable
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject

from napari_vdsr.errors import VdsrError
from napari_vdsr.plugin.background import Background
from napari_vdsr.plugin.jobs import device_unless
from napari_vdsr.plugin.settings import WAIT, FieldError
from napari_vdsr.plugin.training.planning import Plan
from napari_vdsr.plugin.training.session import a_core_left
from napari_vdsr.zoo import load_model

if TYPE_CHECKING:
    from napari_vdsr.training.run import Pace


class Machine:
    """Devices of this machine, and how long trainings take on them.

    Asking for devices imports torch, which takes seconds: the panel does not wait.
    `callback` is called in the GUI thread when more is known.
    """

    def __init__(self, parent: QObject, callback: Callable[[], None]) -> None:
        self.devices: list[str] = []  # the first is the one that "auto" takes
        self.problem = ""  # why training is impossible, such as torch not importing
        self._callback = callback
        self._paces: dict[Hashable, Pace | None] = {}  # None where there is none yet
        self._look: Background[list[str]] = Background(parent, self._take_devices, True)
        self._rehearsal: Background[tuple[Hashable, Pace | None]] = Background(
            parent, self._take_pace, True
        )
        self._look.start(_devices)

    @property
    def ready(self) -> bool:
        """Whether the devices are known."""
        return bool(self.devices or self.problem)

    @property
    def busy(self) -> bool:
        """Whether it is finding something out."""
        return self._look.busy or self._rehearsal.busy

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

    def seconds(self, plan: Plan) -> float | None:
        """Expected seconds of a training; None, and finds it out, when unknown."""
        key = self._key(plan)
        if key not in self._paces and not self.busy:
            self._paces[key] = None  # and so it stays where it cannot be told
            self._rehearsal.start(
                lambda: (key, _pace(plan, lambda: self._rehearsal.stopped))
            )
        pace = self._paces.get(key)
        return None if pace is None else pace.seconds(plan.config, plan.held_out)

    def learn(self, plan: Plan, steps: int, seconds: float) -> None:
        """Remember how long a training took."""
        from napari_vdsr.training.run import Pace

        if seconds > 0:
            self._paces[self._key(plan)] = Pace(seconds / steps)

    def stop(self) -> None:
        """Call back no more."""
        self._look.stop()
        self._rehearsal.stop()

    def _key(self, plan: Plan) -> Hashable:
        """What the time of a step depends on."""
        config = plan.config.with_steps(len(plan.config.stages))  # the fewest
        one = replace(config, validate_every=1, checkpoint_every=1)
        return plan.device, plan.settings.start_from, one

    def _take_devices(self, found: list[str] | Exception) -> None:
        if isinstance(found, Exception):  # such as a torch that cannot be imported
            self.problem = f"No network can be trained here: {found}"
        else:
            self.devices = found
        self._callback()

    def _take_pace(self, found: "tuple[Hashable, Pace | None] | Exception") -> None:
        if isinstance(found, Exception):
            raise found  # napari shows it
        key, pace = found
        self._paces[key] = pace
        self._callback()


def _devices() -> list[str]:
    import_module("napari_vdsr.training")  # the panel asks it for recipes
    from napari_vdsr.inference.device import available_devices

    return available_devices()


def _pace(plan: Plan, stopped: Callable[[], bool]) -> "Pace | None":
    """Run in a thread; None for what Start will meet and report."""
    from napari_vdsr.training.run import rehearse

    start = None
    try:
        with device_unless(stopped), a_core_left():
            if stopped():
                return None
            if plan.settings.start_from is not None and plan.model_is_here:
                start = load_model(plan.settings.start_from)
            return rehearse(plan.config, start, plan.settings.device)
    except (VdsrError, RuntimeError):
        return None
