"""Images and models that several tests of this folder look at."""

import numpy as np
import pytest
import torch
from skimage import data

from napari_vdsr.network import SRCNN, VDSR
from napari_vdsr.zoo import Model


@pytest.fixture(scope="session")
def photograph():
    """Part of a grey photograph, 60 x 72 pixels."""
    return data.camera()[90:150, 200:272]


@pytest.fixture(scope="session")
def tiny():
    """A small network that follows any affine change of intensities."""
    torch.manual_seed(0)
    return Model(VDSR(depth=2, features=4), "tiny")


@pytest.fixture(scope="session")
def biased():
    """A small network with biases, which must know black and white."""
    torch.manual_seed(1)
    network = VDSR(depth=3, features=4, bias=True, first_padding="zeros")
    for layer in network.layers:
        torch.nn.init.normal_(layer.bias, std=0.1)
    return Model(network, "biased")


@pytest.fixture(scope="session")
def course():
    """A small network of the course's kind: three channels in, one out."""
    torch.manual_seed(2)
    network = VDSR(
        depth=2,
        features=4,
        channels=3,
        channels_out=1,
        bias=True,
        first_padding="zeros",
    )
    return Model(network, "course")


@pytest.fixture(scope="session")
def srcnn():
    """A baseline made for one factor."""
    torch.manual_seed(3)
    return Model(SRCNN(), "srcnn", metadata={"factors": "3"})


@pytest.fixture(scope="session")
def ramp():
    """A colour image in which luminance and channels differ."""
    y, x = np.mgrid[:24, :30]
    return np.stack([8 * y, 255 - 8 * x, 4 * (x + y)], axis=-1).astype("uint8")


@pytest.fixture(autouse=True)
def no_models_of_the_user(tmp_path, monkeypatch):
    """Keep what lies on this machine out of the scores."""
    monkeypatch.setenv("NAPARI_VDSR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NAPARI_VDSR_MODELS", str(tmp_path / "models"))
