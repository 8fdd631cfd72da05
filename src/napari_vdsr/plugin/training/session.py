"""The work of a training; call it from any thread, and again after a pause."""

import time
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from inspect import GEN_CREATED, getgeneratorstate
from typing import TYPE_CHECKING

import numpy as np

from napari_vdsr.errors import Cancelled, FileError, InputError
from napari_vdsr.plugin.jobs import Job, Steady, device_unless, load_plots, sentence
from napari_vdsr.plugin.settings import blame
from napari_vdsr.plugin.training import unfinished
from napari_vdsr.plugin.training.planning import Plan, free_name
from napari_vdsr.zoo import import_model, load_model

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from napari_vdsr.network import ConvStack
    from napari_vdsr.training import (
        History,
        Report,
        Trainer,
        TrainingConfig,
        TrainingSet,
    )


_BREATH = 0.002  # seconds between reports, in which others may take the device
_PREVIEWS = 0.1  # fraction of the time that previews may take
_PREVIEW_EVERY = 1.0  # seconds at least
_EDGE = 128  # pixels of the truth in a preview, each way
_GAP = 2  # black rows between the tiles of a preview


class Session(Job):
    """A training from its images to its model, which can be paused.

    Call it in a worker thread. To continue after a pause, call `renew` and then call it
    again. The device is released between two reports, so that images can be enlarged
    during a training. Cancelling the ticker pauses the training: closing a window loses
    nothing.
    """

    less = "choose a smaller batch or smaller patches"

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan
        self.title = f"training of {plan.settings.name}"
        self.config = plan.config
        self.remarks: list[str] = []  # for the user, in order of time
        # None or empty before the first step.
        self.history: History | None = None
        self.report: Report | None = None  # the last one
        self.remaining: float | None = None  # seconds, by the last report
        self.waiting = ""  # what for, in words; mostly nothing
        self.device = self.model_name = ""  # the name is that of the finished model
        self._trainer: Trainer | None = None
        self._preview: Preview | None = None
        self._next_preview = 0.0
        self._abandoned = False

    def renew(self, wish: str = "") -> None:
        """Prepare for the next call; "stop" or "cancel" to do only that in it."""
        super().renew()
        self.results = deque(maxlen=1)  # the newest preview
        self.wish = wish
        self._steady = Steady()

    @property
    def seconds(self) -> float:
        """Spent on training so far."""
        return 0.0 if self.history is None else self.history.seconds

    @property
    def steps(self) -> int:
        """Steps done so far, as far as they are known."""
        return 0 if self.history is None else self.history.steps

    @property
    def has_learnt(self) -> bool:
        """Whether a model can be made, perhaps of what a checkpoint holds."""
        return self.steps > 0 or (self._trainer is None and self.plan.resume)

    def ask_for(self, wish: str) -> None:
        """Ask to end after the current step.

        The wish is "pause" (continue later), "stop" (make a model of the current
        weights) or "cancel" (discard).
        """
        self.wish = wish
        if self._trainer is None:
            self.ticker.cancel()
        else:
            self._trainer.stop()

    def abandon(self) -> None:
        """Leave the training in its checkpoint: nobody will continue this session."""
        self._abandoned = True
        self.ticker.cancel()
        if self.outcome == "paused":
            unfinished.leave(self.plan.settings.name)

    def work(self) -> str:
        """Train until the end or the user's wish; the outcome may be "paused", too."""
        try:
            return self._work()
        except Cancelled:
            # Before the first step there are no weights to make a model of.
            return "cancelled" if self.wish in ("cancel", "stop") else "paused"

    # Inside

    def _work(self) -> str:
        if self._trainer is None:
            self._trainer = self._prepared()
            self.history = self._trainer.history
        trainer = self._trainer
        if not (self.wish == "stop" and trainer.history.steps):
            with a_core_left():
                self._train(trainer)
        nothing_learnt = self.wish == "stop" and not trainer.history.steps
        if self.wish == "cancel" or nothing_learnt:
            return "cancelled"
        self._show(trainer, at_once=True)
        if trainer.finished or self.wish == "stop":
            self._finish(trainer)
            return "done"
        return "paused"

    def _prepared(self) -> "Trainer":
        from napari_vdsr.images.find import named
        from napari_vdsr.training import Trainer, prepare

        plan, settings, start = self.plan, self.plan.settings, None
        if settings.start_from is not None:
            self.ticker.begin("Loading the model")
            with blame("model"):
                start = load_model(settings.start_from, progress=self.ticker)
            self.config = settings.config(start.network.channels)
        with blame("held_folder"):
            folder = plan.images.held
            held = None if folder is None else named(folder)
        self.ticker.begin("Looking through the images")
        with blame("images" if plan.images.folder is None else "folder"):
            prepared = prepare(
                plan.images.what,
                self.config,
                validation=held,
                warn=False,
                progress=self.ticker,
            )
        self.remarks += [sentence(remark) for remark in prepared.remarks]
        self.ticker.begin("Starting")
        load_plots()
        checkpoint = unfinished.checkpoint_of(settings.name)
        trainer = Trainer(
            prepared,
            self.config,
            start_from=start,
            device=settings.device,
            checkpoint=checkpoint,
            resume=checkpoint if plan.resume else None,
        )
        self.device = str(trainer.device)
        if settings.preview:
            self._preview = Preview(prepared, self.config, trainer.device)
        return trainer

    def _train(self, trainer: "Trainer") -> None:
        done = trainer.history.steps
        with suppress(Cancelled):  # at least one step is done
            self.ticker.begin("Training", trainer.config.steps)
            self.ticker.update(done)
        reports = trainer.run()
        try:
            while self.wish != "cancel":
                if self.wish or self.ticker.cancelled:
                    trainer.stop()
                report = self._next(reports)
                if report is None:
                    break
                self._note(report)
                with suppress(Cancelled):
                    self.ticker.update(report.step - done)
                done = report.step
                self._show(trainer)
                time.sleep(_BREATH)
        finally:
            reports.close()

    def _next(self, reports: "Generator[Report, None, None]") -> "Report | None":
        """Do some steps, while nobody else uses the device."""
        with self._turn() as mine:
            if not mine and getgeneratorstate(reports) == GEN_CREATED:
                return None  # it would begin with a step
            try:
                return next(reports, None)
            except FileError as error:  # of the checkpoint; the training can continue
                self.message = sentence(error)
                return None

    @contextmanager
    def _turn(self) -> Iterator[bool]:
        """Hold the device, unless somebody wants this to end; says which."""

        def ends() -> bool:
            return bool(self.wish) or self.ticker.cancelled

        def say(phase: str) -> None:
            self.waiting = phase

        with device_unless(ends, self.title, say) as mine:
            self.waiting = ""
            yield mine

    def _note(self, report: "Report") -> None:
        self.remaining = self._steady(report.remaining)
        self.report = report
        if report.event is not None:
            self.remarks.append(f"Step {report.step}: {sentence(report.event)}")

    def _show(self, trainer: "Trainer", at_once: bool = False) -> None:
        """Make a preview, unless the last one was a moment ago."""
        began = time.monotonic()
        if self._preview is None or (began < self._next_preview and not at_once):
            return
        self.results.append(self._preview.picture(trainer.model().network))
        took = time.monotonic() - began
        self._next_preview = began + max(_PREVIEW_EVERY, took / _PREVIEWS)

    def _finish(self, trainer: "Trainer") -> None:
        """Add the model to the user's own."""
        model, name = trainer.model(), self.plan.settings.name
        try:
            import_model(model, name, title=f"{name}: {model.title}")
        except InputError:  # another model got this name meanwhile
            other = free_name(name)
            self.remarks.append(
                f"There is a model '{name}' by now, so this one is '{other}'."
            )
            name = other
            import_model(model, name, title=f"{name}: {model.title}")
        self.model_name = name
        self.message = ""
        unfinished.forget(self.plan.settings.name)

    def leave(self, outcome: str) -> None:
        """Release what is not needed to continue."""
        name = self.plan.settings.name
        if outcome == "paused" and not self._abandoned:
            return
        if outcome == "cancelled":
            unfinished.forget(name)
        unfinished.leave(name)
        if self._trainer is None:
            return
        from napari_vdsr.inference.device import release_memory

        device = self._trainer.device
        self._trainer = self._preview = None
        release_memory(device)


class Preview:
    """Input, prediction and truth of the middle of an image, one below the other.

    The image is not trained on if any is held out, so the preview does not show what
    was memorised. It is reduced by the first factor of the configuration.
    """

    def __init__(
        self, images: "TrainingSet", config: "TrainingConfig", device: "torch.device"
    ) -> None:
        import torch

        from napari_vdsr.training.config import source_pixels
        from napari_vdsr.training.degrade import Degradation, degrade, whole_axis
        from napari_vdsr.training.validate import middle

        dataset = images.validation or images.images
        plane = dataset.parts[0].read()[0]
        factor = config.factors[0]
        kind = Degradation.of(config, config.main_sampling)
        values = middle(plane, _EDGE * source_pixels(kind.sampling))
        y, x = (whole_axis(size, factor, kind) for size in values.shape[2:])
        self._start, self._truth = degrade(
            values[..., : y.size, : x.size],
            (y, x),
            config,
            torch.tensor([plane.limits]),
            torch.Generator().manual_seed(config.seed),
        )
        self._device = device

    def picture(self, network: "ConvStack") -> "NDArray[np.float32]":
        """Draw the output of a network on the CPU, which is left unchanged.

        The picture has shape (Y, X) or (Y, X, 3) and intensities from 0 to 1.
        """
        import torch

        with torch.no_grad():
            made = network.to(self._device)(self._start.to(self._device)).cpu()
        gap = torch.zeros_like(made[..., :_GAP, :])
        rows = torch.cat([self._start, gap, made, gap, self._truth], dim=2)[0]
        picture = rows.clamp(0, 1).nan_to_num().permute(1, 2, 0).numpy()
        return np.ascontiguousarray(picture if len(rows) == 3 else picture[..., 0])


@contextmanager
def a_core_left() -> "Iterator[None]":
    """Compute with one thread less, so that the viewer need not wait for a core.

    Threads that share an operation wait for the slowest of them: one that the viewer
    interrupts delays all others.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(max(1, before - 1))
    try:
        yield
    finally:
        torch.set_num_threads(before)
