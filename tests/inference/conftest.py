"""Small models for tests of the inference, quick to run."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
import torch

from napari_vdsr.network import SRCNN, VDSR, ConvStack
from napari_vdsr.zoo import Model


def small_network(depth: int = 4, **options: object) -> VDSR:
    """Give a network with a residual as large as that of a trained one."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(depth)
        network = VDSR(depth, features=6, **options)  # type: ignore[arg-type]
        for layer in network.layers:
            if layer.bias is not None:
                torch.nn.init.uniform_(layer.bias, -0.1, 0.1)
    return network.requires_grad_(False)


def as_model(network: ConvStack) -> Model:
    """Give a model that is kept ready, as one from a file is."""
    return Model(network.requires_grad_(False), "small", sha256=str(uuid4()))


@pytest.fixture(autouse=True)
def _the_same_random_numbers() -> Iterator[None]:
    """So that a test with a tolerance passes each time, or fails each time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.fixture(scope="session")
def model() -> Model:
    """Give an affine-equivariant model of four layers."""
    return as_model(small_network())


@pytest.fixture(scope="session")
def paper_model() -> Model:
    """Give a model with biases, which has to know the intensity range."""
    return as_model(small_network(bias=True, first_padding="zeros"))


@pytest.fixture(scope="session")
def colour_model() -> Model:
    """Give a model that looks at R, G and B and adds one residual."""
    return as_model(small_network(channels=3, bias=True, first_padding="zeros"))


@pytest.fixture(scope="session")
def srcnn() -> Model:
    """Give a model that makes the image itself."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return as_model(SRCNN((9, 1, 5), (6, 4)))
