"""Loss, learning rate, clipping and the running mean of the weights."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_vdsr.inference.torch_engine import keep_llvm_apart
from napari_vdsr.training.config import Stage, TrainingConfig

_FLOOR = 2e-3  # half a grey level of 255: smaller errors do not matter
_CHARBONNIER = 1e-3  # below this the loss is quadratic, above it grows linearly


def loss_of(
    result: Tensor, truth: Tensor, enlarged: Tensor, config: TrainingConfig
) -> Tensor:
    """Loss of results, given the truth and the enlarged images they were made from.

    All are float32 from 0 to 1, of shape (N, C, H, W).
    """
    if config.loss == "mse":
        return functional.mse_loss(result, truth)
    if config.loss == "euclidean":
        return (result - truth).square().sum() / (2 * len(result))
    if config.loss == "l1":
        return functional.l1_loss(result, truth)
    if config.loss == "relative":
        return (_rms(result - truth) / _rms(enlarged - truth)).mean()
    return torch.sqrt((result - truth) ** 2 + _CHARBONNIER**2).mean()


def _rms(error: Tensor) -> Tensor:
    """Root mean square of each patch, with a floor below which it does not matter."""
    return torch.sqrt(error.square().mean(dim=(1, 2, 3)) + _FLOOR**2)


def make_optimiser(network: nn.Module, config: TrainingConfig) -> torch.optim.Optimizer:
    """Make the optimiser, fused for speed; its rate is set before every step."""
    keep_llvm_apart()
    parameters = list(network.parameters())
    decay = config.weight_decay
    fused = parameters[0].device.type in ("cuda", "cpu")
    if config.optimiser == "sgd":
        return torch.optim.SGD(
            parameters,
            lr=1.0,
            momentum=config.betas[0],
            weight_decay=decay,
            fused=fused,
        )
    kind = torch.optim.AdamW if config.optimiser == "adamw" else torch.optim.Adam
    return kind(parameters, lr=1.0, betas=config.betas, weight_decay=decay, fused=fused)


def stage_at(config: TrainingConfig, step: int) -> tuple[Stage, int]:
    """Find the stage of a step, and the steps of that stage before it."""
    for stage in config.stages:
        if step < stage.steps:
            return stage, step
        step -= stage.steps
    raise IndexError(f"step {step} lies beyond the last stage")


def learning_rate(config: TrainingConfig, step: int) -> float:
    """Learning rate of a step, counted over all stages."""
    stage, within = stage_at(config, step)
    if within < stage.warm_up:
        return stage.learning_rate * (within + 1) / stage.warm_up
    done = within / stage.steps
    if config.schedule == "constant":
        return stage.learning_rate
    if config.schedule == "steps":
        return stage.learning_rate * 0.1 ** math.floor(4 * done)
    return stage.learning_rate * 0.5 * (1 + math.cos(math.pi * done))


def clip(network: nn.Module, config: TrainingConfig, rate: float) -> Tensor:
    """Clip the gradients, given the learning rate of this step.

    Returns their norm before; it is not finite when any gradient is not.
    """
    parameters = list(network.parameters())
    largest = config.clip_norm if config.clip_norm is not None else math.inf
    norm = nn.utils.clip_grad_norm_(parameters, largest)
    if config.clip_rate is not None:
        nn.utils.clip_grad_value_(parameters, config.clip_rate / rate)
    return norm


@torch.no_grad()
def average(
    means: list[Tensor], network: nn.Module, config: TrainingConfig, step: int
) -> None:
    """Move the running means towards the weights, more quickly at the beginning.

    `means` are in the order of the network's parameters, and changed in place.
    """
    decay = min(config.ema, (1 + step) / (10 + step))
    torch._foreach_lerp_(means, list(network.parameters()), 1 - decay)
