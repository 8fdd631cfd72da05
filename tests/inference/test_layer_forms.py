"""Faster forms of layers: taken where they are right, left where they are not."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_vdsr.inference import torch_engine
from napari_vdsr.inference.torch_engine import (
    TorchEngine,
    fast_first_layer,
    fast_hidden_layer,
    fast_last_layer,
)
from napari_vdsr.network import SRCNN, VDSR, ConvStack

with torch.random.fork_rng(devices=[]):
    torch.manual_seed(0)
    NETWORKS = [
        VDSR(4, features=8),
        VDSR(4, features=6, bias=True, first_padding="zeros"),
        VDSR(3, features=6, channels=3, bias=True, first_padding="zeros"),
        SRCNN((9, 1, 5), (6, 4)),
    ]
CPU = torch.device("cpu")
HALF = [torch.float16, torch.bfloat16]


def cudnn(x: Tensor, weight: Tensor, bias: Tensor, *numbers: object) -> Tensor:
    """What cuDNN's fused kernel computes."""
    stride, padding, dilation, groups = numbers
    y = functional.conv2d(x, weight, bias, stride, padding, dilation, groups)  # type: ignore[call-overload]
    return torch.relu(y)


def no_engine(*arguments: object) -> Tensor:
    raise RuntimeError("GET was unable to find an engine to execute this computation")


@pytest.fixture
def on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make engines on the CPU as if it were a GPU, with this kernel of cuDNN."""

    def imitate(kernel: object = cudnn) -> None:
        monkeypatch.setattr(torch_engine, "has_fast_forms", lambda device: True)
        monkeypatch.setattr(torch, "cudnn_convolution_relu", kernel)

    return imitate


def distance(actual: Tensor, expected: Tensor) -> float:
    return float((actual.double() - expected).norm() / expected.norm())


def residual(network: ConvStack, precision: torch.dtype, x: Tensor) -> Tensor:
    try:
        return TorchEngine(network.requires_grad_(False), CPU, precision).residual(x)
    except RuntimeError as error:
        if "not implemented for 'Half'" not in str(error):
            raise
        pytest.skip("this torch pads no half precision on the CPU")


@pytest.mark.parametrize("precision", [torch.float32, *HALF])
@pytest.mark.parametrize("network", NETWORKS)
def test_a_device_without_these_kernels_computes_the_plain_way(
    network: ConvStack, precision: torch.dtype, on_a_gpu: Callable[..., None]
) -> None:
    x = torch.rand(1, network.channels, 21, 34) - 0.5
    expected = residual(network, precision, x)
    on_a_gpu(no_engine)
    actual = residual(network, precision, x)
    assert distance(actual, expected) < 2 * torch.finfo(precision).eps


def test_the_plain_way_is_taken_layer_by_layer(on_a_gpu: Callable[..., None]) -> None:
    """cuDNN has kernels for some widths and precisions only."""

    def some(x: Tensor, weight: Tensor, *others: object) -> Tensor:
        return cudnn(x, weight, *others) if weight.shape[1] % 8 == 0 else no_engine()  # type: ignore[arg-type]

    on_a_gpu(some)
    odd, even = nn.Conv2d(6, 8, 3, padding=1), nn.Conv2d(8, 6, 3, padding=1)
    assert fast_hidden_layer(odd.half().requires_grad_(False)) is None
    assert fast_hidden_layer(even.half().requires_grad_(False)) is not None


def test_a_kernel_that_gives_something_else_is_not_taken(
    on_a_gpu: Callable[..., None],
) -> None:
    layer = nn.Conv2d(8, 8, 3, padding=1).requires_grad_(False)
    on_a_gpu(lambda *arguments: 1.01 * cudnn(*arguments))
    assert fast_hidden_layer(layer) is None
    on_a_gpu(lambda *arguments: cudnn(*arguments).fill_(torch.nan))
    assert fast_hidden_layer(layer) is None


def test_a_full_memory_is_not_taken_for_a_missing_kernel(
    on_a_gpu: Callable[..., None],
) -> None:
    def full(*arguments: object) -> Tensor:
        raise RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED")

    on_a_gpu(full)
    with pytest.raises(RuntimeError, match="ALLOC_FAILED"):
        fast_hidden_layer(nn.Conv2d(8, 8, 3, padding=1).requires_grad_(False))


@pytest.mark.parametrize("precision", HALF)
@pytest.mark.parametrize(("padding", "bias"), [("replicate", False), ("zeros", True)])
def test_the_first_layer_in_eight_channels_errs_by_its_rounding_alone(
    precision: torch.dtype, padding: str, bias: bool, on_a_gpu: Callable[..., None]
) -> None:
    on_a_gpu()
    torch.manual_seed(0)
    layer = nn.Conv2d(1, 16, 3, padding=1, bias=bias, padding_mode=padding)
    layer.requires_grad_(False)
    layer.weight -= layer.weight.mean(dim=(2, 3), keepdim=True)
    form = fast_first_layer(layer, precision)
    assert form is not None
    for contrast in (1, 1e-3):
        x = 0.9 + contrast * (torch.rand(1, 1, 30, 41) - 0.5)
        exact = torch.relu(layer.double()(x.double()))
        rounded = distance(torch.relu(layer.float()(x)).to(precision), exact)
        y = form(x)
        assert y.dtype is precision
        assert y.is_contiguous(memory_format=torch.channels_last)
        # An image in half precision would err a thousand times as much on the offset.
        assert distance(y, exact) < 2.5 * rounded


@pytest.mark.parametrize("precision", HALF)
def test_the_last_layer_in_eight_channels_gives_its_one(
    precision: torch.dtype, on_a_gpu: Callable[..., None]
) -> None:
    on_a_gpu()
    layer = nn.Conv2d(16, 1, 3, padding=1).requires_grad_(False).to(precision)
    x = torch.rand(1, 16, 20, 31).to(precision)
    expected = functional.conv2d(
        x.double(), layer.weight.double(), layer.bias.double(), padding=1
    )
    form = fast_last_layer(layer)
    assert form is not None
    y = form(x)
    assert (y.shape, y.dtype) == (expected.shape, torch.float32)
    assert distance(y, expected) < 2 * torch.finfo(precision).eps


@pytest.mark.parametrize("precision", HALF)
def test_a_network_of_faster_forms_gives_what_the_plain_one_gives(
    precision: torch.dtype, on_a_gpu: Callable[..., None]
) -> None:
    network = VDSR(5, features=8)
    x = torch.rand(1, 1, 33, 40) - 0.5
    expected = residual(network, torch.float32, x)
    plain = TorchEngine(network, CPU, precision)
    on_a_gpu()
    fast = TorchEngine(network, CPU, precision)
    bound = 4 * torch.finfo(precision).eps
    assert distance(fast.residual(x), expected.double()) < bound
    assert distance(plain.residual(x), expected.double()) < bound
    # No features in float32 between the first layer and the second.
    assert (fast.bytes_per_pixel, plain.bytes_per_pixel) == (8 * 4, 8 * 8)


def test_triton_is_looked_for_on_gpus_alone(
    monkeypatch: pytest.MonkeyPatch, on_a_gpu: Callable[..., None]
) -> None:
    asked = []

    def absent(*arguments: object) -> None:
        asked.append(arguments)
        raise ModuleNotFoundError("No module named 'triton'")

    monkeypatch.setattr(torch_engine, "_triton_first", absent)
    monkeypatch.setattr(torch_engine, "_triton_last", absent)
    network = VDSR(3, features=8).requires_grad_(False)
    TorchEngine(network, CPU, torch.bfloat16)
    assert not asked
    on_a_gpu()
    TorchEngine(network, CPU, torch.bfloat16)
    assert len(asked) == 2
