"""Loss, learning rate, clipping and the running mean of the weights."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_vdsr.training.config import Stage, TrainingConfig

_FLOOR = 2e-3  # an error of half a grey level in 255 is as good as none
_CHARBONNIER = 1e-3  # below this the loss is quadratic, above it grows linearly


def loss_of(
    result: Tensor, truth: Tensor, enlarged: Tensor, config: TrainingConfig
) -> Tensor:
    """Say how far results are from the truth.

    Parameters
    ----------
    result, truth, enlarged : Tensor of float32, shape (N, C, H, W)
        What the network made, what it should have made and what it made it from;
        from 0 to 1.
    config : TrainingConfig
        The choices made.

    Returns
    -------
    Tensor
        One number.
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
    """Root of the mean square of each patch, and of what does not matter."""
    return torch.sqrt(error.square().mean(dim=(1, 2, 3)) + _FLOOR**2)


def make_optimiser(network: nn.Module, config: TrainingConfig) -> torch.optim.Optimizer:
    """Make the optimiser; fused, all weights are updated in one go.

    Parameters
    ----------
    network : Module
        The network in question.
    config : TrainingConfig
        The choices made.

    Returns
    -------
    torch.optim.Optimizer
        Its learning rate is set before every step.
    """
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
    """Find the stage that a step belongs to.

    Parameters
    ----------
    config : TrainingConfig
        The choices made.
    step : int
        From 0 to below ``config.steps``.

    Returns
    -------
    stage : Stage
    within : int
        Steps of this stage before this one.
    """
    for stage in config.stages:
        if step < stage.steps:
            return stage, step
        step -= stage.steps
    raise IndexError(f"step {step} lies beyond the last stage")


def learning_rate(config: TrainingConfig, step: int) -> float:
    """Learning rate of a step.

    Parameters
    ----------
    config : TrainingConfig
        The choices made.
    step : int
        Counted over all stages.

    Returns
    -------
    float

    Examples
    --------
    >>> config = TrainingConfig(stages=(Stage(100, 0.1),), schedule="steps")
    >>> [round(learning_rate(config, step), 4) for step in (0, 25, 50, 75)]
    [0.1, 0.01, 0.001, 0.0001]
    """
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
    """Keep gradients within bounds.

    Parameters
    ----------
    network : Module
        With gradients.
    config : TrainingConfig
        The choices made.
    rate : float
        Learning rate of this step.

    Returns
    -------
    Tensor
        Norm of the gradient before; not finite when any of it is not.
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
    """Let the running means follow the weights.

    Parameters
    ----------
    means : list of Tensor
        In the order of the network's parameters; changed in place.
    network : Module
        The network in question.
    config : TrainingConfig
        The choices made.
    step : int
        The means follow more quickly at the beginning.
    """
    decay = min(config.ema, (1 + step) / (10 + step))
    torch._foreach_lerp_(means, list(network.parameters()), 1 - decay)
