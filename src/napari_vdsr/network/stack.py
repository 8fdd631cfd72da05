"""VDSR, SRCNN and what they have in common: convolutions with ReLU between them."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from itertools import pairwise
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


class VDSR(ConvStack):
    """A plain stack of 3x3 convolutions that predicts the missing detail.

    Kim, Lee, Lee: "Accurate Image Super-Resolution Using Very Deep Convolutional
    Networks", CVPR 2016, https://arxiv.org/abs/1511.04587.

    Parameters
    ----------
    depth : int
        Number of convolutions, at least 2.
    features : int
        Channels between them.
    channels, channels_out : int
        Channels of the image and of the residual. One residual channel is added to
        every channel of the image.
    bias : bool
        Whether layers have biases, as in the paper. Without them the network
        follows any scaling of the intensities.
    first_padding : {"replicate", "zeros"}
        Padding of the first layer; all others pad with zeros.

    Notes
    -----
    The variants in use are the paper's (``bias=True, first_padding="zeros"``), the
    course's (the paper's with ``channels=3``) and the affine-equivariant one that
    is the default; that one also needs first filters that sum to zero, to which
    they are set here.

    Examples
    --------
    >>> VDSR(depth=20).parameter_count
    664704
    >>> VDSR(depth=20, bias=True, first_padding="zeros").parameter_count
    665921
    """

    def __init__(
        self,
        depth: int = 20,
        features: int = 64,
        channels: int = 1,
        channels_out: int = 1,
        bias: bool = False,
        first_padding: Padding = "replicate",
    ) -> None:
        widths = [channels, *[features] * (depth - 1), channels_out]
        super().__init__(
            nn.Conv2d(
                width,
                next_width,
                kernel_size=3,
                padding=1,
                bias=bias,
                padding_mode=first_padding if index == 0 else "zeros",
            )
            for index, (width, next_width) in enumerate(pairwise(widths))
        )
        self._initialise()

    @torch.no_grad()
    def _initialise(self) -> None:
        """Start as the paper does: He initialisation, biases zero."""
        # Weights without memory wait for a file's; torch would import its compiler
        # to draw random numbers for them, which takes seconds.
        if next(self.layers).weight.is_meta:
            return
        for layer in self.layers:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        first = next(self.layers)
        if first.bias is None and first.padding_mode == "replicate":
            first.weight -= first.weight.mean(dim=(2, 3), keepdim=True)

    def residual_from(self, output: Tensor, x: Tensor) -> Tensor:
        """Turn what the convolutions made of `x` into a residual."""
        return output


class SRCNN(ConvStack):
    """Three convolutions that predict the restored image itself.

    Dong, Loy, He, Tang: "Image Super-Resolution Using Deep Convolutional
    Networks", https://arxiv.org/abs/1501.00092.

    Parameters
    ----------
    kernels : tuple of three int
        Kernel sizes: (9, 1, 5) or (9, 5, 5).
    features : tuple of two int
        Channels after the first and after the second layer.
    channels : int
        Channels of the image.

    Notes
    -----
    Every layer pads by edge replication; zeros would darken the borders and cost
    several decibels.

    The first weights pass the image on, so that training begins at the quality of
    the enlarged image. From random ones alone, that is what takes longest to learn.

    Examples
    --------
    >>> SRCNN((9, 1, 5)).parameter_count
    8129
    >>> SRCNN((9, 5, 5)).parameter_count
    57281
    """

    def __init__(
        self,
        kernels: tuple[int, int, int] = (9, 1, 5),
        features: tuple[int, int] = (64, 32),
        channels: int = 1,
    ) -> None:
        widths = [channels, *features, channels]
        super().__init__(
            nn.Conv2d(
                widths[index],
                widths[index + 1],
                kernel_size=kernel,
                padding=kernel // 2,
                padding_mode="replicate" if kernel > 1 else "zeros",
            )
            for index, kernel in enumerate(kernels)
        )
        self._initialise()

    @torch.no_grad()
    def _initialise(self) -> None:
        """Start with He initialisation around a path that carries the image through."""
        *hidden, last = self.layers
        if last.weight.is_meta:  # a file's weights are to come
            return
        for layer in self.layers:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
        last.weight *= 0.1
        for layer in hidden:
            layer.weight[: self.channels] = 0
        for layer in self.layers:
            nn.init.dirac_(layer.weight[: self.channels, : self.channels])

    def residual_from(self, output: Tensor, x: Tensor) -> Tensor:
        """Turn what the convolutions made of `x` into a residual."""
        return output - x
