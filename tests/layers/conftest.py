"""A network small enough for tests that are not about quality."""

import pytest
import torch

from napari_vdsr.network.stack import VDSR
from napari_vdsr.zoo import Model


@pytest.fixture(scope="session")
def tiny() -> Model:
    torch.manual_seed(0)
    return Model(VDSR(depth=3, features=8), "tiny", "Tiny")
