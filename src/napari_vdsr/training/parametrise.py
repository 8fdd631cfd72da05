"""Filters that sum to zero by construction, while they are trained and after."""

from collections.abc import Mapping
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from napari_vdsr.errors import InputError
from napari_vdsr.network import SRCNN, VDSR, ConvStack, network_from_state
from napari_vdsr.training.config import TrainingConfig
from napari_vdsr.zoo.model import Model


class _ZeroMean(nn.Module):
    """Subtracts from every filter its mean."""

    def forward(self, weight: Tensor) -> Tensor:
        return weight - weight.mean(dim=(2, 3), keepdim=True)


def empty_network(config: TrainingConfig) -> ConvStack:
    """Make the network that a configuration describes, with its first weights.

    Parameters
    ----------
    config : TrainingConfig
        Its seed decides the weights.

    Returns
    -------
    ConvStack
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        if config.variant == "srcnn-915":
            return SRCNN((9, 1, 5))
        if config.variant == "srcnn-955":
            return SRCNN((9, 5, 5))
        if config.variant == "equivariant":
            return VDSR(config.depth)
        return VDSR(
            config.depth, channels=config.channels, bias=True, first_padding="zeros"
        )


def first_network(config: TrainingConfig, start_from: Model | None) -> ConvStack:
    """Give the network before the first step.

    Parameters
    ----------
    config : TrainingConfig
        The choices made.
    start_from : Model, optional
        Whose weights to begin with; left as it is.

    Returns
    -------
    ConvStack

    Raises
    ------
    InputError
        When the model takes other channels than the configuration says.
    """
    if start_from is None:
        return empty_network(config)
    network = deepcopy(start_from.network)
    if network.channels != config.channels:
        takes = {1: "luminance", 3: "colours"}
        raise InputError(
            f"{start_from.name} takes {takes[network.channels]}, but variant "
            f"{config.variant!r} takes {takes[config.channels]}: choose the variant "
            "that fits the model"
        )
    return network


def keep_equivariant(network: ConvStack) -> None:
    """Make sure that training an equivariant network leaves it equivariant.

    Parameters
    ----------
    network : ConvStack
        Changed in place: whatever values the optimiser gives to the first layer,
        the filters in use sum to zero. Networks with biases stay as they are.
    """
    if network.equivariant:
        parametrize.register_parametrization(
            next(network.layers), "weight", _ZeroMean(), unsafe=True
        )


def plain_network(state: Mapping[str, Tensor]) -> ConvStack:
    """Make an ordinary network from the values that were trained.

    Parameters
    ----------
    state : mapping of str to Tensor
        State of a network that `keep_equivariant` has seen or not.

    Returns
    -------
    ConvStack
        On the CPU in float32, ready for inference.
    """
    plain = {}
    for name, value in state.items():
        layer, *_, kind = name.split(".")
        tensor = value.detach().cpu()
        if kind == "original":
            exact = tensor.double()
            tensor = (exact - exact.mean(dim=(2, 3), keepdim=True)).float()
            kind = "weight"
        plain[f"{layer}.{kind}"] = tensor
    return network_from_state(plain)
