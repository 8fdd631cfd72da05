"""What Start would do and how much memory that takes."""

from typing import TYPE_CHECKING

from napari_vdsr.plugin.model.estimate import Outlook, format_bytes
from napari_vdsr.plugin.training.facts import Facts
from napari_vdsr.plugin.training.images import Images

if TYPE_CHECKING:
    from napari_vdsr.training import TrainingConfig


_FLOAT = 4  # bytes
_COPIES = 5  # of the weights: themselves, gradient, two running means, their average
_BESIDE = 4  # extra memory of a step, in hidden layers
_ITSELF = 100e6  # bytes that torch allocates for itself when it starts to train
_KEPT = 2  # copies of the pixels: as they were read, and on the device
_MOST = 2e9  # bytes of pixels, as `MEMORY` of the training, whose import needs torch


def foresee(
    images: Images, config: "TrainingConfig", facts: Facts, device: str, free: float
) -> Outlook:
    """Say what a training will do; a warning if a CPU has too little memory.

    `device` is where it will run, `free` the free memory in bytes.
    """
    needed = memory_needed(config, facts, images.nbytes)
    size = format_bytes(needed).replace(" ", "\u00a0")
    text = (
        f"{facts.depth} layers, {config.steps} steps on {images.in_words()} · "
        f"about\u00a0{size} on\u00a0{device}"
    )
    if device == "cpu" and needed > free:
        short = f"Only {format_bytes(free)} are free: choose a smaller batch or patch."
        return Outlook(f"{text}. {short}", "warning")
    return Outlook(text)


def memory_needed(config: "TrainingConfig", facts: Facts, nbytes: int | None) -> float:
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
