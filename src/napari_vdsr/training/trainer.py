"""The training itself: a generator that any front end can drive."""

import math
import time
from collections.abc import Generator, Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from napari_vdsr.errors import FileError, VdsrError
from napari_vdsr.inference.device import is_out_of_memory, memory_errors
from napari_vdsr.inference.engine import usable_device
from napari_vdsr.inference.shield import shielded
from napari_vdsr.training.batches import Batches
from napari_vdsr.training.checkpoint import (
    Snapshot,
    check_device,
    check_same,
    damaged,
    read_checkpoint,
    write_checkpoint,
)
from napari_vdsr.training.config import TrainingConfig
from napari_vdsr.training.history import (
    Event,
    History,
    Loss,
    Report,
    TrainedModel,
    describe,
)
from napari_vdsr.training.learner import Learner, first_network, hidden_precision
from napari_vdsr.training.optimise import learning_rate, stage_at
from napari_vdsr.training.prepare import TrainingSet
from napari_vdsr.training.validate import Score, Validation
from napari_vdsr.zoo.model import Model

_OFTEN = 0.1  # seconds between reports
_ROWS = 1000  # losses in a history
_WAIT = 20  # steps that may be queued on a GPU
_PATIENCE = 3  # bad steps in a row before the last good weights are restored
_GIVE_UP = 10  # bad steps without a good stretch between them
_EXPLODED = (10.0, 100.0)  # multiples of the losses of the first network, of bicubic


class Trainer:
    """A training that can be paused, stopped, cancelled and resumed.

    Iterate over `run`. To pause, iterate later; to stop, call `stop` and let the
    iteration end; to cancel, close the generator. Between two steps, `model` gives
    the network as it is.

    Parameters
    ----------
    images : TrainingSet
        From `prepare`.
    config : TrainingConfig
        From `recipe`.
    start_from : Model, optional
        Fine-tune this model instead of starting anew; it decides variant and depth.
    device : str
        "auto", "cpu", "cuda", "cuda:1", "mps", "xpu" …
    checkpoint : path, optional
        Where to write checkpoints; none are written without it.
    resume : path, optional
        A checkpoint to resume from. Images and configuration must be the same.

    Raises
    ------
    InputError
        When model, images, configuration or checkpoint do not go together.
    """

    @shielded(grad=True)
    def __init__(
        self,
        images: TrainingSet,
        config: TrainingConfig,
        *,
        start_from: Model | None = None,
        device: str = "auto",
        checkpoint: str | Path | None = None,
        resume: str | Path | None = None,
    ) -> None:
        self.config = config
        self.device = usable_device(device)
        self.history = History()
        self._images, self._start = images, start_from
        self._checkpoint = None if checkpoint is None else Path(checkpoint)
        self._step = 0
        self._slowed = 1.0
        self._bad = self._bad_before = self._bad_in_row = 0
        self._limit = math.inf
        self._batch: tuple[Tensor, Tensor] | None = None
        # Step, learning rate and loss, which may be still on its way.
        self._pending: list[tuple[int, float, Tensor]] = []
        self._row: list[float] = []
        self._recent: list[float] = []
        self._mean = math.nan
        self._stopping = False
        network = first_network(config, start_from)
        with memory_errors(self.device, "for this training", "close other programs"):
            precision = hidden_precision(config, network, self.device)
            self._learner = Learner(network, config, self.device, precision)
            self._batches = Batches(
                images.images, images.domain, config, self.device, images.memory
            )
            held = images.validation
            self._validation = (
                None if held is None else Validation(held, config, self.device)
            )
            if resume is not None:
                self._resume(Path(resume))
                self._checkpoint = self._checkpoint or Path(resume)
            self._good = self._snapshot()

    def stop(self) -> None:
        """Let `run` end after the current step, with a checkpoint."""
        self._stopping = True

    @property
    def finished(self) -> bool:
        """Whether no steps are left."""
        return self.gave_up or self._step == self.config.steps

    @property
    def gave_up(self) -> bool:
        """Whether the loss exploded and training ended with the last good weights."""
        return self.history.gave_up

    @property
    def score(self) -> Score | None:
        """The last score on the held-out images."""
        return self.history.scores[-1] if self.history.scores else None

    @shielded(grad=True)
    def model(self) -> TrainedModel:
        """Give the model as it is after the steps done so far.

        Returns
        -------
        TrainedModel
            Independent of this training.
        """
        history = deepcopy(self.history)
        metadata = describe(self.config, self._images, history, self._start)
        return TrainedModel(
            self._learner.network(),
            name="trained",
            title=metadata["title"],
            metadata=metadata,
            history=history,
        )

    def run(self) -> Generator[Report, None, None]:
        """Train until the last step, or until `stop` is called.

        Yields
        ------
        Report
            At least ten times a second if steps are that short, and with each score.

        Raises
        ------
        VdsrError
            When the memory of the device does not suffice.
        """
        self._stopping = False
        what = f"batches of {self.config.batch} patches of {self.config.patch} pixels"
        with memory_errors(self.device, f"for {what}", "choose smaller ones"):
            yield from self._steps()

    def _steps(self) -> Iterator[Report]:
        if self._step == 0:
            self._begin()
        reported = 0.0
        while not self.finished and not self._stopping:
            began = time.perf_counter()
            events, scores = len(self.history.events), len(self.history.scores)
            self._one_step()
            self._after_step()
            now = time.perf_counter()
            self.history.seconds += now - began
            new_event = len(self.history.events) > events
            new_score = len(self.history.scores) > scores
            if now - reported > _OFTEN or new_event or new_score or self.finished:
                reported = now
                yield self._report(new_score, new_event)
        events = len(self.history.events)
        self._keep(final=True)
        if len(self.history.events) > events:
            yield self._report(False, True)

    @shielded(grad=True)
    def _begin(self) -> None:
        """Measure the loss of the first batch, to recognise one that has exploded."""
        state = self._batches.generator.get_state()
        stage, _ = stage_at(self.config, 0)
        losses = self._learner.losses(*self._batches.batch(0, stage))
        self._batches.generator.set_state(state)
        pairs = zip(losses, _EXPLODED, strict=True)
        self._limit = max(loss * times for loss, times in pairs)
        if self._start is not None:
            self._score()  # what fine-tuning is to raise
        self._good = self._snapshot()

    @shielded(grad=True)
    def _one_step(self) -> None:
        stage, _ = stage_at(self.config, self._step)
        x, truth = self._batches.batch(self._step, stage)
        self._batch = x, truth
        loss = self._learner.learn(x, truth, self._step, self._slowed, self._limit)
        rate = learning_rate(self.config, self._step) * self._slowed
        self._step += 1
        self._pending.append((self._step, rate, loss))
        self.history.steps = self._step

    @shielded(grad=True)
    def _after_step(self) -> None:
        """Read losses, score and save when due."""
        step, config = self._step, self.config
        score_now = step % config.validate_every == 0 or step == config.steps
        keep_now = step % config.checkpoint_every == 0
        wait = 1 if self.device.type == "cpu" else _WAIT
        if len(self._pending) >= wait or score_now or keep_now:
            self._read_losses()
        if step == config.steps and not self.gave_up and not self._sound():
            self._return_to_good()
            text = "the loss exploded in the last step; took the last good weights"
            self.history.events.append(Event(step, text))
        if score_now or self.gave_up:
            self._score()
        if keep_now and not self.gave_up and self._sound():
            self._keep()

    def _score(self) -> None:
        if self._validation is not None:
            network = self._learner.network().to(self.device)
            self.history.scores.append(self._validation.score(network, self._step))

    def _read_losses(self) -> None:
        """Fetch losses from the device, check them and add them to the history."""
        pending, self._pending = self._pending, []
        losses = torch.stack([loss for *_, loss in pending]).tolist() if pending else []
        every = max(1, self.config.steps // _ROWS)
        for (step, rate, _), loss in zip(pending, losses, strict=True):
            if loss < self._limit:
                self._row.append(loss)
                self._recent.append(loss)
            if self._row and (step % every == 0 or step == self.config.steps):
                mean = math.fsum(self._row) / len(self._row)
                self.history.losses.append(Loss(step, mean, rate))
                self._row = []
        if all(loss < self._limit for loss in losses):
            self._bad_in_row = 0
        else:
            self._slow_down()

    def _sound(self) -> bool:
        """Whether the weights are good for the last batch.

        A loss belongs to the weights before its step, so a single step can spoil them
        without being noticed.
        """
        assert self._batch is not None
        return self._learner.losses(*self._batch)[0] < self._limit

    def _slow_down(self) -> None:
        """Lower the rate after a bad step; return to good weights after several."""
        self._bad += 1
        self._bad_in_row += 1
        if self._bad >= _GIVE_UP:
            self._return_to_good()
            self.history.gave_up = True
            then = "stopped with the last good weights; choose a lower learning rate"
        elif self._bad_in_row >= _PATIENCE:
            self._return_to_good()
            self._bad_in_row = 0
            self._slowed /= 10
            then = "went back to the last good weights, with a tenth of the rate"
        else:
            self._slowed /= 2
            then = "left the step out, went on with half the learning rate"
        self.history.events.append(Event(self._step, f"the loss exploded; {then}"))

    def _return_to_good(self) -> None:
        """Restore the last good weights; places and steps are not reset."""
        self._learner.set_state(self._good.tensors, self._good.values)

    def _report(self, new_score: bool, new_event: bool) -> Report:
        seconds = self.history.seconds
        left = self.config.steps - self._step
        if self._recent:
            self._mean = math.fsum(self._recent) / len(self._recent)
            self._recent = []
        return Report(
            self._step,
            self.config.steps,
            self._mean,
            learning_rate(self.config, self._step - 1) * self._slowed,
            seconds,
            seconds / self._step * left,
            self.history.scores[-1] if new_score else None,
            self.history.events[-1].text if new_event else None,
        )

    @shielded(grad=True)
    def _keep(self, final: bool = False) -> None:
        """Remember the state as good, and write a checkpoint if there is a path."""
        self._read_losses()
        if not final:
            self._bad = 0 if self._bad == self._bad_before else self._bad
            self._bad_before = self._bad
        snapshot = self._snapshot()
        if not final:
            self._good = snapshot
        if self._checkpoint is None:
            return
        try:
            write_checkpoint(self._checkpoint, snapshot)
        except FileError as error:
            if final and not self.finished:
                raise  # what was learned since the last checkpoint would be lost
            self.history.events.append(Event(self._step, f"no checkpoint: {error}"))

    def _snapshot(self) -> Snapshot:
        tensors, values = self._learner.state()
        tensors["generator"] = self._batches.generator.get_state()
        values |= {
            "config": self.config.to_json(),
            "images": self._images.digest,
            "start_from": "" if self._start is None else self._start.fingerprint,
            "history": self.history.to_json(),
            "step": self._step,
            "slowed": self._slowed,
            "bad": [self._bad, self._bad_before, self._bad_in_row],
            "limit": None if math.isinf(self._limit) else self._limit,
            "row": list(self._row),
        }
        return Snapshot(tensors, values)

    def _resume(self, path: Path) -> None:
        snapshot = read_checkpoint(path)
        values = snapshot.values
        try:
            mine = self._snapshot()
            check_device(path, snapshot, mine)
            check_same(path, values, mine.values)
            self._learner.check_state(snapshot.tensors, values)
            self._take(values)
            self._learner.set_state(snapshot.tensors, values)
            self._batches.generator.set_state(snapshot.tensors["generator"])
        except VdsrError:
            raise
        except (LookupError, TypeError, ValueError, RuntimeError) as error:
            if is_out_of_memory(error):
                raise
            reason = f"{type(error).__name__}: {error}"[:200]
            raise damaged(path, reason) from error

    def _take(self, values: Mapping[str, Any]) -> None:
        """Take over the plain values of a snapshot; ValueError if they cannot be."""
        self.history = History.from_json(values["history"])
        self._step, self._slowed = values["step"], values["slowed"]
        self._bad, self._bad_before, self._bad_in_row = values["bad"]
        limit = values["limit"]
        self._limit = math.inf if limit is None else limit
        self._row = values["row"]
        counts = (self._step, *values["bad"])
        possible = (
            all(type(count) is int and count >= 0 for count in counts)
            and self._step <= self.config.steps
            and self._step == self.history.steps
            and 0 < self._slowed <= 1
            and self._limit > 0
            and all(math.isfinite(loss) for loss in self._row)
        )
        if not possible:
            raise ValueError(f"step {self._step} of {self.config.steps}")
