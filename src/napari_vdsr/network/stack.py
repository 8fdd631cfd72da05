"""What VDSR and SRCNN have in common: convolutions with ReLU between them."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Literal

import torch
from torch import Tensor, nn

Padding = Literal["zeros", "replicate"]


class ConvStack(nn.Sequential):
    """Convolutions named ``conv0``, ``conv1`` … that keep the image's size.

    A subclass says how they are made and what their output means.

    Parameters
    ----------
    layers : iterable of torch.nn.Conv2d
        In the order in which they run.
    """

    def __init__(self, layers: Iterable[nn.Conv2d]) -> None:
        super().__init__(
            OrderedDict((f"conv{i}", layer) for i, layer in enumerate(layers))
        )

    @property
    def layers(self) -> Iterator[nn.Conv2d]:
        """The convolutions, first to last."""
        for layer in self:
            assert isinstance(layer, nn.Conv2d)
            yield layer

    @property
    def depth(self) -> int:
        """Number of convolutions."""
        return len(self)

    @property
    def channels(self) -> int:
        """Channels of the image that goes in: 1 (luminance) or 3 (R, G, B)."""
        return next(self.layers).in_channels

    @property
    def halo(self) -> int:
        """Pixels around a region that its result depends on.

        Half the receptive field: the sum of (kernel size - 1) / 2 of all layers.
        """
        return sum(layer.kernel_size[0] // 2 for layer in self.layers)

    @property
    def equivariant(self) -> bool:
        """Whether the result follows any affine change of the intensities.

        It does when no layer has a bias, every filter of the first layer sums to
        zero and the first layer pads by replication: then the residual of
        ``a * x + b`` is ``a`` times the residual of ``x``, for a > 0.
        """
        first = next(self.layers)
        return (
            all(layer.bias is None for layer in self.layers)
            and first.padding_mode == "replicate"
            and sums_to_zero(first.weight)
        )

    @property
    def parameter_count(self) -> int:
        """Number of trainable values."""
        return sum(parameter.numel() for parameter in self.parameters())

    def convolve(self, x: Tensor) -> Tensor:
        """Run the convolutions, with ReLU between them.

        Parameters
        ----------
        x : Tensor, shape (N, channels, H, W)
            What the first layer takes.

        Returns
        -------
        Tensor, shape (N, channels out, H, W)
        """
        for index, layer in enumerate(self.layers):
            x = layer(x if index == 0 else torch.relu(x))
        return x

    def residual_from(self, output: Tensor, x: Tensor) -> Tensor:
        """Turn what the convolutions made of `x` into a residual."""
        raise NotImplementedError

    def residual(self, x: Tensor) -> Tensor:
        """What is to be added to the enlarged image.

        Parameters
        ----------
        x : Tensor, shape (N, channels, H, W)
            Bicubically enlarged image; in the unit of the training data (0 to 1)
            unless the network is `equivariant`.

        Returns
        -------
        Tensor, shape (N, 1 or channels, H, W)
            One channel is meant for all channels of the image.
        """
        return self.residual_from(self.convolve(x), x)

    def forward(self, x: Tensor) -> Tensor:
        """Restore an enlarged image: the image plus its residual.

        Parameters
        ----------
        x : Tensor, shape (N, channels, H, W)
            As for `residual`.

        Returns
        -------
        Tensor, shape (N, channels, H, W)
        """
        return x + self.residual(x)


def sums_to_zero(weight: Tensor) -> bool:
    """Whether every filter of a layer sums to zero, to float32 rounding."""
    total = weight.detach().double().sum(dim=(2, 3)).abs()
    size = weight.detach().double().abs().sum(dim=(2, 3))
    return bool((total <= 1e-5 * size).all())
