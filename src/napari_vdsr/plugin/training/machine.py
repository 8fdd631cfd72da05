"""How long trainings take on this machine, found out in the background."""

from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject

from napari_vdsr.errors import VdsrError
from napari_vdsr.plugin.background import Finder
from napari_vdsr.plugin.jobs import device_unless
from napari_vdsr.plugin.training.planning import Plan
from napari_vdsr.plugin.training.session import a_core_left
from napari_vdsr.zoo import load_model

if TYPE_CHECKING:
    from napari_vdsr.training.run import Pace


class Paces(Finder[tuple[Hashable, "Pace | None"]]):
    """How long trainings take on this machine; calls back when more is known."""

    torch = True

    def __init__(self, parent: QObject, callback: Callable[[], object]) -> None:
        super().__init__(parent, callback)
        self._known: dict[Hashable, Pace | None] = {}  # None where there is none yet

    def seconds(self, plan: Plan) -> float | None:
        """Expected seconds of a training; None, and finds it out, when unknown."""
        key = self._key(plan)
        if key not in self._known and not self.busy:
            self._known[key] = None  # and so it stays where it cannot be told
            self.start(lambda: (key, _pace(plan, lambda: self.stopped)))
        pace = self._known.get(key)
        return None if pace is None else pace.seconds(plan.config, plan.held_out)

    def learn(self, plan: Plan, steps: int, seconds: float) -> None:
        """Remember how long a training took."""
        from napari_vdsr.training.run import Pace

        if seconds > 0:
            self._known[self._key(plan)] = Pace(seconds / steps)

    def _key(self, plan: Plan) -> Hashable:
        """What the time of a step depends on."""
        config = plan.config.with_steps(len(plan.config.stages))  # the fewest
        one = replace(config, validate_every=1, checkpoint_every=1)
        return plan.device, plan.settings.start_from, one

    def take(self, found: "tuple[Hashable, Pace | None]") -> bool:
        """Keep the pace of a training."""
        key, pace = found
        self._known[key] = pace
        return True


def _pace(plan: Plan, stopped: Callable[[], bool]) -> "Pace | None":
    """Run in a thread; None for what Start will meet and report."""
    from napari_vdsr.training.run import rehearse

    start = None
    try:
        with device_unless(stopped, "estimate of a training"), a_core_left():
            if stopped():
                return None
            if plan.settings.start_from is not None and plan.model_is_here:
                start = load_model(plan.settings.start_from)
            return rehearse(plan.config, start, plan.settings.device)
    except (VdsrError, RuntimeError):
        return None
