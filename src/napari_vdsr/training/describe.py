"""What the file of a trained model says about itself."""

import json

from napari_vdsr.training.config import TrainingConfig
from napari_vdsr.training.history import History
from napari_vdsr.training.prepare import TrainingSet
from napari_vdsr.zoo.model import Model

__all__ = ["describe"]


def describe(
    config: TrainingConfig,
    images: TrainingSet,
    history: History,
    start_from: Model | None,
) -> dict[str, str]:
    """Say how a model was trained, in the words that models carry.

    Parameters
    ----------
    config : TrainingConfig
        The choices made.
    images : TrainingSet
        The sets in use.
    history : History
        So far.
    start_from : Model, optional
        The model begun from.

    Returns
    -------
    dict of str to str
        With ``title``, ``description``, ``factors`` and ``source`` for the model's
        card, ``kernel``, by which images are to be enlarged for it, and
        ``training``: settings, scores and events as JSON.
    """
    factors = ", ".join(f"{factor:g}" for factor in config.factors)
    srcnn = config.variant.startswith("srcnn")
    kind = "SRCNN" if srcnn else f"VDSR, {config.depth} layers"
    if start_from is not None:
        title = f"{start_from.title or start_from.name}, fine-tuned"
        begun = f"Fine-tuned from {start_from.name}"
    else:
        title, begun = f"{kind}, trained here", "Trained from scratch"
    domain = images.domain
    leaning = "" if domain is None else f" and {domain.images} of their domain"
    parts = [
        f"{begun} in {history.steps} steps on {images.images.images} images{leaning}, "
        f"factors {factors}."
    ]
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
    training = {
        "config": config.to_json(),
        "images": images.images.images,
        "digest": images.digest,
        "scores": [score._asdict() for score in history.scores[-1:]],
        "events": [list(event) for event in history.events],
        "steps": history.steps,
        "seconds": round(history.seconds, 1),
    }
    if start_from is not None:
        training["start_from"] = {"name": start_from.name, "sha256": start_from.sha256}
    return {
        "title": title,
        "description": " ".join(parts),
        "factors": factors,
        "kernel": config.kernel,
        "source": "trained with napari-vdsr",
        "training": json.dumps(training),
    }
