"""Running the convolutions with torch, on any device."""

from copy import deepcopy

import torch
from torch import Tensor

from napari_vdsr.inference.device import bytes_per_pixel
from napari_vdsr.inference.layer_forms import (
    fast_first_layer,
    fast_hidden_layer,
    fast_last_layer,
    first_layer,
    hidden_layer,
    last_layer,
)
from napari_vdsr.inference.shield import shielded
from napari_vdsr.network import ConvStack


class TorchEngine:
    """A copy of a network, prepared for one device and one precision.

    The first layer runs in float32: its filters sum to zero only together, which half
    precision of a bright image would spoil. Everything after it runs in `precision`,
    channels last.
    """

    @shielded()
    def __init__(
        self, network: ConvStack, device: torch.device, precision: torch.dtype
    ) -> None:
        self.device, self.precision = device, precision
        self.channels = network.channels
        self._network = deepcopy(network).to(device)
        first, *hidden, last = self._network.layers
        for layer in (*hidden, last):
            layer.to(precision)
            layer.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        fast = has_fast_forms(device)
        fast_first = fast_first_layer(first, precision) if fast else None
        self._layers = [
            fast_first or first_layer(first, precision),
            *((fast and fast_hidden_layer(y)) or hidden_layer(y) for y in hidden),
            (fast and fast_last_layer(last)) or last_layer(last),
        ]
        self.bytes_per_pixel = bytes_per_pixel(
            network, precision, first_in_float32=fast_first is None
        )

    @shielded()
    def residual(self, x: Tensor) -> Tensor:
        """What the network adds to an enlarged image; see `Engine.residual`."""
        y = x
        for layer in self._layers:
            y = layer(y)
        return self._network.residual_from(y, x)


def has_fast_forms(device: torch.device) -> bool:
    """Whether layers may have faster forms: on CUDA, also the name of AMD's devices."""
    return device.type == "cuda"
