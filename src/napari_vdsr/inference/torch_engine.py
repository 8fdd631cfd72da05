"""Running the convolutions with torch, on any device."""

from collections.abc import Callable
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_vdsr.inference.shield import shielded
from napari_vdsr.network import ConvStack


class TorchEngine:
    """A copy of a network, prepared for one device and one precision.

    The first layer runs in float32: its filters sum to zero only together, which half
    precision of a bright image would spoil. Everything after it runs in `precision`,
    channels last.
    """

    def __init__(
        self, network: ConvStack, device: torch.device, precision: torch.dtype
    ) -> None:
        self.device = device
        self.channels = network.channels
        self._precision = precision
        self._network = deepcopy(network).to(device)
        self._first, *hidden, self._last = self._network.layers
        for layer in (*hidden, self._last):
            layer.to(precision)
            layer.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        # AMD's devices call themselves cuda as well, but have no cuDNN.
        fused = device.type == "cuda" and torch.version.hip is None
        self._hidden = [(_fused if fused else _plain)(layer) for layer in hidden]

    @shielded()
    def residual(self, x: Tensor) -> Tensor:
        """What the network adds to an enlarged image; see `Engine.residual`."""
        y = self._first(x).to(self._precision, memory_format=torch.channels_last)
        y = functional.relu_(y)
        for layer in self._hidden:
            y = layer(y)
        return self._network.residual_from(self._last(y).float(), x)


def _plain(layer: nn.Conv2d) -> Callable[[Tensor], Tensor]:
    """A convolution, then ReLU in place."""
    return lambda x: functional.relu_(layer(x))


def _fused(layer: nn.Conv2d) -> Callable[[Tensor], Tensor]:
    """Convolution, bias and ReLU in one kernel of cuDNN."""
    if layer.padding_mode != "zeros":
        return _plain(layer)
    bias = layer.bias
    if bias is None:
        bias = nn.Parameter(layer.weight.new_zeros(layer.out_channels), False)
    padding, once = [layer.kernel_size[0] // 2] * 2, [1, 1]
    return lambda x: torch.cudnn_convolution_relu(
        x, layer.weight, bias, once, padding, once, 1
    )
