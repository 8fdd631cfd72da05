"""SRCNN: the three-layer baseline."""

import torch
from torch import Tensor, nn

from napari_vdsr.network.stack import ConvStack


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
