"""SRCNN: the three-layer baseline."""

from torch import Tensor, nn

from napari_vdsr.network.stack import ConvStack

__all__ = ["SRCNN"]


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

    def residual_from(self, output: Tensor, x: Tensor) -> Tensor:
        """Turn what the convolutions made of `x` into a residual."""
        return output - x
