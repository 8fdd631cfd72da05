"""What Start would do, how far a training is, and how it ended, in words.

And the same training as a Python script.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import psutil

from napari_vdsr.evaluation.image_report import ImageReport
from napari_vdsr.memory import free_memory
from napari_vdsr.plugin.training.settings import FOLDER, IN_FOLDER, TrainingSettings
from napari_vdsr.plugin.words import (
    Outlook,
    call_in_words,
    format_bytes,
    format_duration,
    plain_name,
)

if TYPE_CHECKING:
    from napari_vdsr.plugin.training.planning import Facts, Plan
    from napari_vdsr.plugin.training.session import Session
    from napari_vdsr.training import Report, Score, TrainingConfig


_SHOWN = 3  # remarks shown at most

_FLOAT = 4  # bytes
_COPIES = 5  # of the weights: themselves, gradient, two running means, their average
_BESIDE = 4  # extra memory of a step, in hidden layers
_ITSELF = 100e6  # bytes that torch allocates for itself when it starts to train
_KEPT = 2  # copies of the pixels: as they were read, and on the device
_MOST = 2e9  # bytes of pixels, as `MEMORY` of the training, whose import needs torch


def foresee(plan: "Plan", seconds: float | None) -> Outlook:
    """Say what a training will do; a warning if a CPU has too little memory.

    `seconds` is the expected time, None when unknown.
    """
    free = free_memory()
    needed = memory_needed(plan.config, plan.facts, plan.images.nbytes)
    size = format_bytes(needed).replace(" ", "\u00a0")
    parts = [
        # Of itself, "layers" would be those of the viewer.
        f"{plan.facts.depth}-layer network, {plan.config.steps} steps on "
        f"{plan.images.in_words()}"
    ]
    if seconds is not None:
        about = "about " if seconds >= 1 else ""
        parts.append(f"{about}{format_duration(seconds)}".replace(" ", "\u00a0"))
    text = " · ".join([*parts, f"{size} on\u00a0{plan.device}"])
    if plan.device == "cpu" and needed > free:
        short = f"Only {format_bytes(free)} are free: choose a smaller batch or patch."
        return Outlook(f"{text}. {short}", "warning")
    return Outlook(text)


def advice_on(found: Mapping[str, ImageReport | Exception | None], plan: "Plan") -> str:
    """What to choose instead, where model or images do not go with the recipe.

    Of the images, by name, the first that is known and does not; empty if all do.
    """
    if plan.made_for:
        factors = " and ".join(f"×{factor:g}" for factor in plan.config.factors)
        return (
            f"{plain_name(plan.settings.model)} is made for {plan.made_for}, and would "
            f"be trained for {factors}: set Factors under Recipe."
        )
    for name, report in found.items():
        if isinstance(report, ImageReport) and (advice := _advice_on(report, plan)):
            return f"'{plain_name(name)}' {advice}"
    return ""


def _advice_on(report: ImageReport, plan: "Plan") -> str:
    history, sampling = report.history, report.sampling
    if history is not None and history.distinct < 2:
        return "is constant, so there is nothing to learn: choose another image."
    if history is not None and history.like_labels:
        return "looks like a mask, labels or a drawing: choose an image."
    fitting = (report.instrument,) if report.instrument else ("scanner", "camera")
    fits = plan.config.main_sampling in fitting
    choose = f"choose {' or '.join(fitting)} above"
    if report.noisy and plan.config.noise is None:
        known = report.noise is not None and report.noise.sure
        strength = f" ({report.noise_in_short})" if known else ""
        todo = [] if fits else [choose]
        if fits or not plan.noise_follows:
            todo.append("set Noise to 'of any strength' under Recipe")
        return (
            f"is noisy{strength}, but the recipe trains without noise: "
            f"{', and '.join(todo)}."
        )
    if fits:
        return ""
    if report.instrument:
        return f"comes from a {report.instrument}, as its file says: {choose}."
    if report.noisy:
        return (
            "is noisy, as images of microscopes are and those reduced by software are "
            f"not: {choose}."
        )
    if sampling is not None and sampling.verdict == "oversampled":
        return (
            "has detail coarser than its pixels, so there is little to learn: "
            f"{choose}, which use it at half its size."
        )
    return ""


def memory_needed(
    config: "TrainingConfig", facts: "Facts", nbytes: int | None
) -> float:
    """Estimate the bytes of memory that a training takes.

    The output of every hidden layer is kept until the gradient has come back to it;
    that is nearly all. `nbytes` is that of the images, None if not known.
    """
    hidden = config.batch * config.patch**2 * facts.features * _FLOAT
    weights = facts.depth * (9 * facts.features**2) * _FLOAT
    pixels = sum(size**2 for size in config.sizes) * (nbytes or 0)
    learning = hidden * (facts.depth + _BESIDE) + weights * _COPIES
    if pixels <= _MOST:
        return _ITSELF + learning + _KEPT * pixels
    # A part is read while the one before it is still held.
    return _ITSELF + learning + (_KEPT + 1) * _MOST


def shares_of_one(held: str) -> dict[str, str]:
    """What can be held out of a single image: a quarter, whatever the share is."""
    quarter = "10" if held in ("0", FOLDER) else held
    return {"nothing": "0", "a quarter of it": quarter, IN_FOLDER: FOLDER}


def meant_by(config: "TrainingConfig") -> dict[str, float]:
    """What the empty fields of numbers stand for, with this recipe."""
    from napari_vdsr.training import BlindNoise, Spot

    noise = config.noise if isinstance(config.noise, BlindNoise) else BlindNoise()
    spot = config.spot or Spot()
    return {
        "steps": config.steps,
        "depth": config.depth,
        "patch": config.patch,
        "batch": config.batch,
        "rate": config.stages[0].learning_rate,
        "white_from": noise.white[0],
        "white_to": noise.white[1],
        "read_from": noise.read_noise[0],
        "read_to": noise.read_noise[1],
        "clean": noise.clean,
        "spot_from": spot.sigma[0],
        "spot_to": spot.sigma[1],
    }


def meant_in_words(config: "TrainingConfig") -> dict[str, str]:
    """What the choice "as the recipe" stands for, with this recipe."""
    noise = "none" if config.noise is None else "of any strength"
    spot = "none" if config.spot is None else "{:g} to {:g}".format(*config.spot.sigma)
    return {
        "sampling": f"as the recipe says ({config.main_sampling})",
        "noise": f"as the recipe ({noise})",
        "spot": f"as the recipe ({spot})",
    }


def title_of(plan: "Plan") -> str:
    """What is being trained, above its progress."""
    start = plan.settings.start_from
    how = "" if start is None else f", from {plain_name(start)}"
    return f"Training '{plan.settings.name}' on {plan.images.in_words()}{how}"


def progress_words(
    report: "Report", remaining: float, device: str, memory: float, waiting: str = ""
) -> str:
    """Two lines: steps, time left, learning rate, device and its bytes in use.

    Or instead of the last three, what the training waits for.
    """
    size = format_bytes(memory)
    rate = f"learning rate {report.learning_rate:.2g}"
    return (
        f"Step {report.step} of {report.steps} · {format_duration(remaining)} left\n"
        + (f"{waiting} …" if waiting else f"{rate} · {device}, {size} in use")
    )


def remark_words(remarks: Sequence[str]) -> str:
    """The last remarks, and how many came before; empty without any."""
    before = len(remarks) - _SHOWN
    lines = [f"{before} earlier remarks"] if before > 0 else []
    return "\n".join([*lines, *remarks[-_SHOWN:]])


def memory_in_use(device: str) -> float:
    """Bytes that a training takes: of the graphics card, or of this process."""
    kind = device.split(":")[0]
    if kind in ("cuda", "xpu", "mps"):
        import torch

        library = getattr(torch, kind)
        if kind == "mps":
            return float(library.current_allocated_memory())
        return float(library.memory_reserved(device))
    return float(psutil.Process().memory_info().rss)


def news_of(session: "Session") -> str:
    """The result of a training that has ended."""
    if session.outcome == "cancelled":
        if session.wish == "stop":
            return (
                "Ended before the first step: there is no model, as nothing is learnt."
            )
        return "Discarded; nothing was kept."
    if session.outcome != "done":
        return "Failed."
    history = session.history
    scores = [] if history is None else history.scores
    gained = f": {_score_words(scores[-1], session.config.kernel)}" if scores else ""
    listed = f"'{session.model_name}' is in the list of models{gained}."
    if history is not None and history.gave_up:
        return (
            "Stopped early: the loss exploded. Choose a lower learning rate. "
            f"{listed} It has the last good weights."
        )
    return listed


def gain_words(gain: float, kernel: str) -> str:
    """A difference to plain enlargement: "0.35 dB below bicubic"."""
    side = "below" if gain < 0 else "above"
    return f"{abs(gain):.2f} dB {side} {kernel}"


def _score_words(score: "Score", kernel: str) -> str:
    """PSNR and gain of each factor."""
    figures = []
    for factor, psnr in score.psnr.items():
        gain = gain_words(psnr - score.enlarged[factor], kernel)
        words = f"{factor.replace('x', '×')} {psnr:.2f} dB".replace(" ", "\u00a0")
        figures.append(f"{words}, {gain}")
    return "; ".join(figures)


def as_script(plan: "Plan") -> str:
    """Write a program that does what Start would do, for napari's console.

    It also runs in a script with a viewer.
    """
    images, settings = plan.images, plan.settings
    changes = _changes(plan.config, settings)
    lines = [
        "import napari_vdsr",
        f"from napari_vdsr.training import {_names(changes)}",
    ]
    lines += ["from napari_vdsr.zoo import import_model", ""]
    if images.folder is None:
        names = [f"viewer.layers[{layer.name!r}]" for layer in images.layers]
        lines = ["import napari", *lines, "viewer = napari.current_viewer()"]
        lines += [f"images = {call_in_words('', names, '[]')}"]
    else:
        lines += [f"images = {str(images.folder)!r}"]
    words = [f"{name}={value!r}" for name, value in changes.items()]
    lines += [f"config = {call_in_words('recipe', [repr(settings.recipe), *words])}"]
    arguments = ["images", "config=config"]
    if settings.start_from is not None:
        arguments.append(f"start_from={settings.start_from!r}")
    if images.held is not None:
        arguments.append(f"validation={str(images.held)!r}")
    if settings.device != "auto":
        arguments.append(f"device={settings.device!r}")
    lines += [f"model = {call_in_words('napari_vdsr.train', arguments)}"]
    lines += [f"import_model(model, {settings.name!r})"]
    return "\n".join(lines) + "\n"


def _changes(config: "TrainingConfig", settings: TrainingSettings) -> dict[str, Any]:
    """Keywords for `recipe` that give this configuration."""
    from napari_vdsr.training import recipe

    made = settings.changes
    plain = recipe(settings.recipe, **made)
    for item in fields(config):
        value = getattr(config, item.name)
        if value != getattr(plain, item.name):
            made[item.name] = value
    return made


def _names(changes: dict[str, Any]) -> str:
    """What a script has to import for these changes of a recipe."""
    kinds = {type(value).__name__ for value in changes.values()}
    return ", ".join([*sorted(kinds & {"BlindNoise", "Spot"}), "recipe"])
