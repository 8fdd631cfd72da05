"""The description of a training that is kept in the file of its model."""

import json
from typing import Any

from napari_vdsr.imaging.sampling import Sampling
from napari_vdsr.plain_text import counted
from napari_vdsr.training.config import TrainingConfig
from napari_vdsr.training.history import History
from napari_vdsr.training.prepare import TrainingSet
from napari_vdsr.zoo.model import Model

_MOST_EVENTS = 100  # the header of a file has a limit

_TAKEN: dict[Sampling, str] = {
    "scanner": "taken by a scanner (confocal, two-photon, STED, SEM)",
    "camera": "taken by a camera (widefield, spinning disk)",
    "reduced": "reduced by software",
    "gaussian": "reduced by software behind a Gaussian",
}


def describe(
    config: TrainingConfig,
    images: TrainingSet,
    history: History,
    start_from: Model | None,
) -> dict[str, str]:
    """Describe how a model was trained, as metadata of its file.

    ``title``, ``description``, ``factors`` and ``source`` are for the model's card;
    ``kernel`` and ``sampling`` are those of the images it is for (no ``sampling`` for
    real pairs, where it is unknown); ``training`` is JSON of settings, scores and
    events.
    """
    kind = f"VDSR, {config.depth} layers"
    if config.variant.startswith("srcnn"):
        kind = "SRCNN"
    title = f"{kind}, trained here"
    if start_from is not None:
        title = f"{start_from.title or start_from.name}, fine-tuned"
    told = {
        "title": title,
        "description": _in_words(config, images, history, start_from),
        "factors": _factors(config),
        "kernel": config.kernel,
        "source": "trained with napari-vdsr",
        "training": json.dumps(_in_figures(config, images, history, start_from)),
    }
    if not images.images.paired:
        told["sampling"] = config.main_sampling
    return told


def _factors(config: TrainingConfig) -> str:
    return ", ".join(f"{factor:g}" for factor in config.factors)


def _trade(config: TrainingConfig) -> str:
    """The images that the model is for."""
    noise = "without" if config.noise is None else "with"
    words = f"For images {_TAKEN[config.main_sampling]}, {noise} noise."
    shares = config.samplings
    if len(shares) == 1:
        return words
    every = ", ".join(f"{share:.0%} {name}" for name, share in shares.items())
    return f"{words} Patches: {every}."


def _in_words(
    config: TrainingConfig,
    images: TrainingSet,
    history: History,
    start_from: Model | None,
) -> str:
    """A few sentences for people."""
    begun = "Trained from scratch"
    if start_from is not None:
        begun = f"Fine-tuned from {start_from.name}"
    domain = images.domain
    leaning = "" if domain is None else f" and {domain.images} of their domain"
    steps = counted(history.steps, "step")
    parts = [
        f"{begun} in {steps} on {counted(images.images.images, 'image')}{leaning}, "
        f"factors {_factors(config)}."
    ]
    if not images.images.paired:
        parts.append(_trade(config))
    if history.gave_up:
        parts.append(
            f"Stopped early, {config.steps} steps were planned: the loss exploded, and "
            "these are the last good weights."
        )
    if history.scores:
        score = history.scores[-1]
        figures = ", ".join(
            f"{name} {value:.2f} dB ({value - score.enlarged[name]:+.2f} dB)"
            for name, value in score.psnr.items()
        )
        parts.append(
            f"On held-out images (gain over {config.kernel} enlargement): {figures}."
        )
    if images.images.benchmarks:
        parts.append("Its training images include benchmark images.")
    return " ".join(parts)


def _in_figures(
    config: TrainingConfig,
    images: TrainingSet,
    history: History,
    start_from: Model | None,
) -> dict[str, Any]:
    """Plain values for programs."""
    training = {
        "config": config.to_json(),
        "images": images.images.images,
        "digest": images.digest,
        "scores": [score._asdict() for score in history.scores[-1:]],
        "events": [list(event) for event in history.events[-_MOST_EVENTS:]],
        "steps": history.steps,
        "seconds": round(history.seconds, 1),
        "gave_up": history.gave_up,
    }
    if start_from is not None:
        training["start_from"] = {"name": start_from.name, "sha256": start_from.sha256}
    return training
