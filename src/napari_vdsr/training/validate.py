"""Scores of a network on held-out images, beside those of plain enlargement."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from napari_vdsr.network import ConvStack
from napari_vdsr.training.config import TrainingConfig, source_pixels
from napari_vdsr.training.dataset import Dataset
from napari_vdsr.training.degrade import Degradation, degrade, whole_axis
from napari_vdsr.training.planes import Plane

_EDGE = 128  # pixels of each truth, from the middle of its image
MOST = 12  # images


class Score(NamedTuple):
    """PSNR on the held-out images: means over images, in dB relative to their range.

    Attributes
    ----------
    step : int
        Steps done before.
    psnr : dict of str to float
        Of the network, for each factor.
    enlarged : dict of str to float
        Of its input, for each factor.
    """

    step: int
    psnr: dict[str, float]
    enlarged: dict[str, float]

    @property
    def mean(self) -> float:
        """Mean PSNR of the network over the factors."""
        return sum(self.psnr.values()) / len(self.psnr)

    @property
    def gain(self) -> float:
        """Gain over enlargement alone, in dB."""
        return self.mean - sum(self.enlarged.values()) / len(self.enlarged)


class Validation:
    """Held-out images, degraded once for every factor by the main sampling."""

    def __init__(
        self, dataset: Dataset, config: TrainingConfig, device: torch.device
    ) -> None:
        generator = torch.Generator().manual_seed(config.seed)
        kind = Degradation.of(config, config.main_sampling)
        halved = 1 if dataset.paired else source_pixels(kind.sampling)
        self._trials: dict[str, list[tuple[Tensor, Tensor, int]]] = {}
        for part in dataset.parts[:: max(1, math.ceil(len(dataset.parts) / MOST))]:
            plane = part.read()[0]
            values = middle(plane, _EDGE * halved)
            if dataset.paired:
                pair = values.chunk(2, dim=1)
                self._add("pairs", pair, 4, device)
                continue
            limits = torch.tensor([plane.limits])
            for factor in config.factors:
                y, x = (whole_axis(size, factor, kind) for size in values.shape[2:])
                image = values[..., : y.size, : x.size]
                pair = degrade(image, (y, x), config, limits, generator)
                self._add(f"x{factor:g}", pair, math.ceil(factor), device)

    def _add(
        self, name: str, pair: Sequence[Tensor], border: int, device: torch.device
    ) -> None:
        start, truth = (each.to(device) for each in pair)
        self._trials.setdefault(name, []).append((start, truth, border))

    @torch.no_grad()
    def score(self, network: ConvStack, step: int) -> Score:
        """Score a network on the device of the images, after `step` steps."""
        psnr, enlarged = {}, {}
        for name, trials in self._trials.items():
            # All of the device's work is asked for before any of it is waited for.
            errors = [
                (_error(network(x), truth, border), _error(x, truth, border))
                for x, truth, border in trials
            ]
            psnr[name], enlarged[name] = map(_mean_psnr, zip(*errors, strict=True))
        return Score(step, psnr, enlarged)


def middle(plane: Plane, edge: int) -> Tensor:
    """Cut the middle of a plane, at most `edge` pixels per axis.

    From about 0 to 1, shape (1, C, Y, X).
    """
    y, x = (max(0, (size - edge) // 2) for size in plane.pixels.shape[1:])
    pixels = torch.from_numpy(plane.pixels[:, y : y + edge, x : x + edge])
    return (pixels / 255 if pixels.dtype is torch.uint8 else pixels)[None]


def _error(result: Tensor, truth: Tensor, border: int) -> Tensor:
    """Difference to the truth within the border, on the device."""
    inner = slice(border, -border)
    return (result - truth)[..., inner, inner]


def _mean_psnr(errors: Sequence[Tensor]) -> float:
    """Mean PSNR of errors of values from 0 to 1, in dB."""
    # Not every device knows float64.
    squares = [error.cpu().double().square().mean().item() for error in errors]
    # Kept within -120 to 120 dB, so that nothing infinite gets into files.
    finite = [min(max(x, 1e-12), 1e12) if math.isfinite(x) else 1e12 for x in squares]
    return math.fsum(-10 * math.log10(square) for square in finite) / len(finite)
