"""VDSR: very deep super-resolution."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from napari_vdsr.network.stack import ConvStack, Padding


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
