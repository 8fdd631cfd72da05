"""What the network makes of a part of an image, during the training."""

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from napari_vdsr.training.config import source_pixels
from napari_vdsr.training.degrade import Degradation, degrade, whole_axis
from napari_vdsr.training.validate import middle

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_vdsr.network import ConvStack
    from napari_vdsr.training import TrainingConfig, TrainingSet


TILES = ("input", "prediction", "truth")  # from top to bottom

_EDGE = 128  # pixels of the truth, each way
_GAP = 2  # black rows between the tiles


class Preview:
    """Input, prediction and truth of the middle of an image, one below the other.

    The image is not trained on if any is held out, so the preview does not show what
    was memorised. It is reduced by the first factor of the configuration.
    """

    def __init__(
        self, images: "TrainingSet", config: "TrainingConfig", device: torch.device
    ) -> None:
        dataset = images.validation or images.images
        plane = dataset.parts[0].read()[0]
        factor = config.factors[0]
        kind = Degradation.of(config, config.main_sampling)
        values = middle(plane, _EDGE * source_pixels(kind.sampling))
        axes = [whole_axis(size, factor, kind) for size in values.shape[2:]]
        truth = values[..., : axes[0].size, : axes[1].size]
        self._start, self._truth = degrade(
            truth,
            (axes[0], axes[1]),
            config,
            torch.tensor([plane.limits]),
            torch.Generator().manual_seed(config.seed),
        )
        self._device = device

    @torch.no_grad()
    def picture(self, network: "ConvStack") -> "NDArray[np.float32]":
        """Draw the output of a network on the CPU, which is left unchanged.

        The picture has shape (Y, X) or (Y, X, 3) and intensities from 0 to 1.
        """
        made = network.to(self._device)(self._start.to(self._device)).cpu()
        return _stacked([self._start, made, self._truth])


def _stacked(tiles: list[Tensor]) -> "NDArray[np.float32]":
    gap = torch.zeros_like(tiles[0][..., :_GAP, :])
    rows = torch.cat([tiles[0], gap, tiles[1], gap, tiles[2]], dim=2)[0]
    picture = rows.clamp(0, 1).nan_to_num().permute(1, 2, 0).numpy()
    return np.ascontiguousarray(picture if len(rows) == 3 else picture[..., 0])
