"""Filters that sum to zero by construction, during training and after."""

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
    """Subtracts its mean from every filter."""

    def forward(self, weight: Tensor) -> Tensor:
        return weight - weight.mean(dim=(2, 3), keepdim=True)


def empty_network(config: TrainingConfig) -> ConvStack:
    """Make the network of a configuration; the seed decides its weights."""
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
    """Return the network before the first step, perhaps a copy of a model's.

    Raises `InputError` when the model's channels are not those of the configuration.
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
    """Keep an equivariant network equivariant while it is trained.

    Changed in place: the filters of its first layer sum to zero, whatever the optimiser
    does. Networks with biases are left unchanged.
    """
    if network.equivariant:
        parametrize.register_parametrization(
            next(network.layers), "weight", _ZeroMean(), unsafe=True
        )


def plain_network(state: Mapping[str, Tensor]) -> ConvStack:
    """Make an ordinary float32 network on the CPU from trained values.

    `state` may be that of a network changed by `keep_equivariant`.
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
