"""Running the convolutions on a device, fast and in the precision asked for."""

from copy import deepcopy
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from napari_vdsr.network import ConvStack

__all__ = ["Engine", "TorchEngine"]


class Engine(Protocol):
    """A network made ready for one device and one precision.

    Attributes
    ----------
    device : torch.device
        Where it takes its input.
    precision : torch.dtype
        Of the hidden layers.
    channels : int
        Channels that the network looks at, 1 or 3.
    bytes_per_pixel : int
        Device memory in use at the widest layer, per pixel of a window.
    """

    device: torch.device
    precision: torch.dtype
    channels: int
    bytes_per_pixel: int

    def residual(self, x: Tensor) -> Tensor:
        """What the network adds to an enlarged image.

        Parameters
        ----------
        x : Tensor of float32, shape (1, channels, H, W)
            On the engine's device.

        Returns
        -------
        Tensor of float32, shape (1, 1 or channels, H, W)
        """


class TorchEngine:
    """A network prepared for one device and one precision.

    The first layer runs in float32: its filters sum to zero only together, which
    half precision of a bright image would spoil. Everything after it runs in
    `precision`, channels last.

    Parameters
    ----------
    network : ConvStack
        Left as it is; the engine keeps a copy.
    device : torch.device
    precision : torch.dtype
        Of the hidden layers.
    """

    def __init__(
        self, network: ConvStack, device: torch.device, precision: torch.dtype
    ) -> None:
        self.device = device
        self.precision = precision
        self.channels = network.channels
        # A layer's input and output, and what the first layer makes in float32.
        widest = max(layer.out_channels for layer in network.layers)
        self.bytes_per_pixel = widest * (2 * precision.itemsize + 4)
        self._network = deepcopy(network).to(device)
        self._first, *self._rest = self._network.layers
        for layer in self._rest:
            layer.to(precision).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @torch.inference_mode()
    def residual(self, x: Tensor) -> Tensor:
        """What the network adds to an enlarged image; see `Engine.residual`."""
        y = self._first(x).to(self.precision, memory_format=torch.channels_last)
        for layer in self._rest:
            y = layer(functional.relu_(y))
        return self._network.residual_from(y.float(), x)
