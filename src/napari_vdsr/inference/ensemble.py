"""Self-ensemble: the mean of a network's results for the flips and turns of an image.

R. Timofte, R. Rothe, L. Van Gool: "Seven ways to improve example-based single image
super resolution", CVPR 2016.
"""

from collections.abc import Iterable, Iterator
from itertools import product
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from napari_vdsr.inference.shield import shielded

if TYPE_CHECKING:
    from napari_vdsr.inference.engine import Engine

# Axes to flip, then whether Y and X change places.
VIEWS = list(product([(), (-1,), (-2,), (-2, -1)], [False, True]))


class Ensemble:
    """An engine that gives the mean of another one's results for eight views."""

    def __init__(self, engine: "Engine") -> None:
        self.device = engine.device
        self.precision = engine.precision
        self.channels = engine.channels
        self.bytes_per_pixel = engine.bytes_per_pixel
        self._engine = engine

    @shielded()
    def residual(self, x: Tensor) -> Tensor:
        """The mean of the eight residuals; see `Engine.residual`."""
        return mean_and_spread(self.residuals(x))[0]

    def residuals(self, x: Tensor) -> Iterator[Tensor]:
        """The residual of every view, turned back; each valid until the next one."""
        for flips, turned in VIEWS:
            view = x.flip(flips)
            if not turned:
                yield self._engine.residual(view).flip(flips)
            else:
                yield self._engine.residual(view.mT.contiguous()).mT.flip(flips)


def mean_and_spread(results: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of tensors, of which one is in memory at a time."""
    mean = squares = torch.zeros(())
    for count, result in enumerate(results, 1):
        if count == 1:
            mean, squares = torch.zeros_like(result), torch.zeros_like(result)
        away = result - mean
        mean += away / count
        squares += away * (result - mean)  # Welford's sum
    return mean, (squares / len(VIEWS)).sqrt()
