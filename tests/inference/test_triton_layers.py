"""Kernels for Triton, in its interpreter where there is no GPU."""

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

CODE = """
from contextlib import nullcontext
import torch
from torch import nn
from torch.nn import functional
from napari_vdsr.inference import triton_layers

torch.cuda.device_of = lambda tensor: nullcontext()
torch.manual_seed(0)

def distance(actual, expected):
    assert actual.shape == expected.shape
    return float((actual.double() - expected).norm() / expected.norm())

for channels, shape in ((8, (21, 37)), (64, (16, 64)), (16, (1, 5)), (16, (7, 1))):
    for padding in ("replicate", "zeros"):
        layer = nn.Conv2d(1, channels, 3, padding=1, padding_mode=padding)
        layer.requires_grad_(False)
        x = torch.randn(1, 1, *shape)
        expected = torch.relu(layer.double()(x.double()))
        layer.float()
        for precision, bound in ((torch.float32, 2e-7), (torch.float16, 4e-4)):
            form = triton_layers.first_layer(
                layer.weight, layer.bias, padding == "replicate", precision
            )
            y = form(x)
            assert y.is_contiguous(memory_format=torch.channels_last)
            assert distance(y, expected) < bound, (channels, shape, padding, precision)
    last = nn.Conv2d(channels, 1, 3, padding=1).requires_grad_(False).half()
    y = y.contiguous(memory_format=torch.channels_last)
    expected = functional.conv2d(
        y.double(), last.weight.double(), last.bias.double(), padding=1
    )
    form = triton_layers.last_layer(last.weight, last.bias)
    assert distance(form(y), expected) < 3e-7, (channels, shape)

bias = torch.zeros(8)
for shape in ((6, 1, 3, 3), (8, 3, 3, 3), (8, 1, 5, 5)):
    try:
        triton_layers.first_layer(torch.zeros(shape), bias, True, torch.float16)
    except NotImplementedError:
        continue
    raise AssertionError(shape)
"""


@pytest.mark.skipif(find_spec("triton") is None, reason="Triton is not installed")
def test_the_kernels_compute_the_first_and_the_last_layer() -> None:
    environment = os.environ | {"TRITON_INTERPRET": "1"}
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, env=environment
    )
    if "No module named 'setuptools'" in done.stderr:
        pytest.skip("this Triton needs setuptools")
    assert done.returncode == 0, done.stderr
