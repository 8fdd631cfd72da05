"""The work behind `napari-vdsr train`."""

import os
import shlex
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import typer

from napari_vdsr.cli.console import note, print_json, progress_bar, signals_call
from napari_vdsr.cli.models import loaded_model
from napari_vdsr.errors import FileError, InputError
from napari_vdsr.files.atomic import (
    already_there,
    bounded_name,
    check_place,
    locked,
    replacing,
)
from napari_vdsr.training import (
    BlindNoise,
    CameraNoise,
    Pairs,
    Report,
    Spot,
    Trainer,
    TrainingConfig,
    prepare,
    recipe,
)
from napari_vdsr.training.checkpoint import check_there, finished_training
from napari_vdsr.training.history import History, TrainedModel
from napari_vdsr.zoo import import_model
from napari_vdsr.zoo.porting import default_name
from napari_vdsr.zoo.user import free_path

_LINES = 10  # of progress where no bar can be seen

# Options that say more of noise of unknown strength, and the fields they change.
_BLIND = {"blind_noise": "white", "read_noise": "read_noise", "clean": "clean"}

Noise = BlindNoise | CameraNoise | None


def parse_sampling(text: str) -> str | dict[str, float]:
    """Read "scanner" or "scanner=0.7,camera=0.3"."""
    if "=" not in text and "," not in text:
        return text.strip()
    shares: dict[str, float] = {}
    for part in text.split(","):
        name, _, share = part.partition("=")
        try:
            value = float(share)
        except ValueError:
            value = -1.0
        if value < 0 or name.strip() in shares:
            raise InputError(
                f"sampling is {text!r}: give one name, or each name once with its "
                "share, as in scanner=0.7,camera=0.3"
            )
        shares[name.strip()] = value
    return shares


def noise_of(given: Mapping[str, Any], usual: Noise) -> Noise:
    """The noise that options ask for, or that of the recipe without any.

    `given` may have ``noise`` (gain, offset, read noise), or ``blind_noise``,
    ``read_noise`` and ``clean``, which change the blind noise of the recipe.
    """
    blind = {name: given[option] for option, name in _BLIND.items() if option in given}
    if "noise" in given and blind:
        raise InputError(
            "--noise is for a camera that you know, --blind-noise, --read-noise and "
            "--clean are for noise of unknown strength: give the one or the others"
        )
    if "noise" in given:
        return CameraNoise(*given["noise"])
    if not blind:
        return usual
    before = usual if isinstance(usual, BlindNoise) else None
    if before is None and "white" not in blind:
        raise InputError(
            "--read-noise and --clean say more of --blind-noise: give that as well, "
            "or a recipe that has it, such as microscope"
        )
    made = replace(before or BlindNoise(), **blind)
    return None if made.clean == 1 else made


def configured(name: str, changes: Mapping[str, Any]) -> TrainingConfig:
    """Apply options to a recipe; None leaves its value unchanged.

    `changes` are as for `recipe`, but sampling, spot and noise as typed. Raises
    `InputError` when a value is not allowed.
    """
    given = {key: value for key, value in changes.items() if value is not None}
    usual = recipe(name)
    if "sampling" in given:
        given["sampling"] = parse_sampling(given["sampling"])
    if "spot" in given:  # widths of zero switch it off
        sigma = given["spot"]
        widened = replace(usual.spot or Spot(), sigma=sigma) if any(sigma) else None
        given["spot"] = widened
    given["noise"] = noise_of(given, usual.noise)
    return recipe(name, **{k: v for k, v in given.items() if k not in _BLIND})


@dataclass(frozen=True)
class Job:
    """A training as the command line asks for it."""

    images: list[Path]
    low: Path | None  # low-resolution images of the same fields
    validation: list[Path] | None
    domain: list[Path] | None
    output: Path  # the model
    log: Path | None  # the table of losses and scores
    config: TrainingConfig
    start_from: str | None  # a model to fine-tune
    device: str
    resume: bool
    overwrite: bool
    add: bool
    as_json: bool

    @property
    def checkpoint(self) -> Path:
        """Where the state is written while training."""
        return self.output.with_name(f"{self.output.name}.checkpoint")

    def run(self) -> None:
        """Train, write and report."""
        self._check_names()
        lock = self.output.with_name(f".{bounded_name(self.output.name)}.lock")
        with locked(lock, f"another training is writing {self.output}: wait for it"):
            made = finished_training(self.output, self.checkpoint, self.config)
            if made is None or (self.overwrite and not self.resume):
                self._check_free()
                self._train()
            else:
                self._tidy_up(made)

    def _train(self) -> None:
        trainer = self._trainer()
        caught: list[int] = []

        def stop(number: int, _frame: object) -> bool:
            caught.append(number)
            trainer.stop()
            return False  # a second one ends the program at once

        with signals_call(stop):
            self._follow(trainer)
            self._write_log(trainer)
            if trainer.finished:  # a signal that comes now finds the work done
                model = self._saved(trainer)
        if not trainer.finished:
            message = (
                f"interrupted after step {trainer.history.steps} of "
                f"{self.config.steps}: the same command with --resume goes on"
            )
            note(message)
            if self.as_json:
                print_json({"error": {"type": "Interrupted", "message": message}})
            raise typer.Exit(128 + (caught or [signal.SIGINT])[0])
        note(f"{self.output}: {model.metadata['description']}")
        scores = model.history.scores
        if self.start_from is not None and scores and scores[0].step == 0:
            gain = scores[-1].mean - scores[0].mean
            note(f"on the same images, {gain:+.2f} dB over {self.start_from}")
        self._report(model.network.parameter_count, model.history)

    def _saved(self, trainer: Trainer) -> TrainedModel:
        """Write the model, after which the checkpoint is not needed any more."""
        model = trainer.model()
        try:
            model.save(self.output)
        except FileError:
            list(trainer.run())  # the last state goes into the checkpoint at least
            raise
        self._add(model.history.gave_up)
        self.checkpoint.unlink(missing_ok=True)
        return model

    def _tidy_up(self, made: History) -> None:
        """End a training that was killed between its last two steps."""
        note(
            f"{self.output} is finished: only the checkpoint was left, and it is "
            "removed now"
        )
        self._add(made.gave_up)
        self.checkpoint.unlink(missing_ok=True)
        model = loaded_model(str(self.output.absolute()))
        self._report(model.network.parameter_count, made)

    def _add(self, gave_up: bool) -> None:
        if self.add and not gave_up:
            card = import_model(self.output)
            note(f"{card.name} is among your models now")
        elif not gave_up:
            note(
                "to have it in the panels and by its name: "
                f"napari-vdsr models import {shlex.quote(str(self.output))}"
            )

    def _report(self, parameters: int, history: History) -> None:
        if self.as_json:
            told: dict[str, Any] = {
                "output": str(self.output),
                "parameters": parameters,
            }
            told["config"] = self.config.to_json()
            told["history"] = history.to_json()
            print_json(told)
        if history.gave_up:
            note(
                f"error: stopped early, after step {history.steps} of "
                f"{self.config.steps}, because the loss exploded: {self.output} has "
                "the last good weights; choose a lower learning rate"
            )
            raise typer.Exit(1)

    def _check_names(self) -> None:
        """Check before the training that its result can be written."""
        for path, suffix in ((self.output, ".safetensors"), (self.log, ".csv")):
            if path is not None and path.suffix != suffix:
                raise InputError(
                    f"{path} does not end in {suffix}: only that can be written"
                )
            if path is not None:
                check_place(path)

    def _check_free(self) -> None:
        """Check that nothing is replaced without being asked for."""
        for path in (self.output, self.log):
            goes_on = self.resume and path is self.log  # the table of all steps
            if path and os.path.lexists(path) and not (self.overwrite or goes_on):
                raise FileError(already_there(path))
        if self.add:
            free_path(default_name(self.output.stem))
        if self.resume:
            check_there(self.checkpoint)
        elif self.checkpoint.exists() and not self.overwrite:
            raise FileError(
                f"{self.checkpoint} holds a training that was interrupted: --resume "
                "goes on with it, --overwrite begins anew"
            )

    def _trainer(self) -> Trainer:
        start = None if self.start_from is None else loaded_model(self.start_from)
        images: Any = self.images
        if self.low is not None:
            images = Pairs(self.low, self.images)
        note("looking through the images")
        prepared = prepare(
            images, self.config, domain=self.domain, validation=self.validation
        )
        trainer = Trainer(
            prepared,
            self.config,
            start_from=start,
            device=self.device,
            checkpoint=self.checkpoint,
            resume=self.checkpoint if self.resume else None,
        )
        held = prepared.validation.images if prepared.validation is not None else 0
        note(
            f"images: {prepared.images.images} to learn from, {held} held out for the "
            f"score; {self.config.steps} steps on {trainer.device}, of which "
            f"{trainer.history.steps} are done"
        )
        return trainer

    def _follow(self, trainer: Trainer) -> None:
        """Show the progress until the training ends; its model is saved first then."""
        done = said = trainer.history.steps
        with progress_bar("training", "step") as bar:
            bar.reset(total=self.config.steps)
            bar.update(done)
            for report in trainer.run():
                bar.update(report.step - done)
                done = report.step
                often = done - said >= self.config.steps / _LINES
                _remark(report, always=often and not sys.stderr.isatty())
                if report.score is not None or often:
                    said = done
                if report.score is not None:
                    self._write_log(trainer)
                if trainer.finished:
                    break

    def _write_log(self, trainer: Trainer) -> None:
        if self.log is None:
            return
        try:
            with replacing(self.log, overwrite=True) as temporary:
                temporary.write_text(trainer.history.to_csv(), encoding="utf-8")
        except FileError as error:  # which is no reason to lose a training
            note(f"warning: {error}")


def _remark(report: Report, always: bool) -> None:
    """Print the event and the score of a report, if it has any, or else its loss."""
    if report.event is not None:
        note(f"warning: step {report.step}: {report.event}")
    if report.score is not None:
        figures = ", ".join(
            f"{name} {psnr:.2f} dB ({psnr - report.score.enlarged[name]:+.2f})"
            for name, psnr in report.score.psnr.items()
        )
        note(f"step {report.step}: loss {report.loss:.5f}, {figures}")
    elif always:
        note(
            f"step {report.step} of {report.steps}: loss {report.loss:.5f}, about "
            f"{report.remaining:.0f} s left"
        )
