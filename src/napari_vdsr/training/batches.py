"""Batches of degraded patches and their truth, made on the training device."""

import math
from functools import partial
from itertools import accumulate, pairwise

import torch
from torch import Tensor

from napari_vdsr.imaging.sampling import Sampling
from napari_vdsr.training.config import Stage, TrainingConfig
from napari_vdsr.training.dataset import Dataset
from napari_vdsr.training.degrade import Axis, Degradation, crop_axis, degrade
from napari_vdsr.training.store import PixelStore, Places, StoreRounds

_GROUPS = 4  # factors in one batch at most
_CANDIDATES = 4  # patches looked at for each one chosen by its detail
_GOLDEN = (math.sqrt(5) - 1) / 2  # golden ratio: successive offsets spread evenly


class Batches:
    """Batches for every step of a training.

    `images` are what the network is for; some stages also draw from `domain`. At most
    `memory` bytes of pixels are on the device at a time. Checkpoints must hold the
    state of `generator`, which decides places and noise.
    """

    def __init__(
        self,
        images: Dataset,
        domain: Dataset | None,
        config: TrainingConfig,
        device: torch.device,
        memory: float,
    ) -> None:
        self._config = config
        self._footprint = config.patch if images.paired else config.footprint
        rounds = partial(
            StoreRounds,
            patch=self._footprint,
            device=device,
            memory=memory,
            seed=config.seed,
        )
        self._images = rounds(images)
        self._domain = None if domain is None else rounds(domain)
        self._paired = images.paired
        self._axes: dict[tuple[float, Sampling], Axis] = {}
        self.generator = torch.Generator(device)
        self.generator.manual_seed(config.seed)

    def batch(self, step: int, stage: Stage) -> tuple[Tensor, Tensor]:
        """Make degraded patches and their truth for a step, counted over all stages.

        Both are float32 from 0 to 1, of shape (batch, C, patch, patch).
        """
        factors = (1.0,) if self._paired else self._config.factors
        groups = min(len(factors), _GROUPS, self._config.batch)
        share = stage.share if self._domain is not None else 0.0
        # Sizes differ by one at most and take turns, so that no factor is favoured.
        counts = [
            (self._config.batch + (step + group) % groups) // groups
            for group in range(groups)
        ]
        made = []
        pairs = zip(counts, _leaning(step, counts, share), strict=True)
        for group, (count, leaning) in enumerate(pairs):
            turn = step * groups + group
            factor = factors[turn % len(factors)]
            sampling = self._sampling(turn)
            if leaning and self._domain is not None:
                store = self._domain.at(step)
                made.append(
                    self._patches(store, leaning, factor, sampling, stage.detail)
                )
            if count > leaning:
                store = self._images.at(step)
                count -= leaning
                made.append(self._patches(store, count, factor, sampling, stage.detail))
        degraded, truth = zip(*made, strict=True)
        return torch.cat(degraded), torch.cat(truth)

    def _patches(
        self,
        store: PixelStore,
        count: int,
        factor: float,
        sampling: Sampling,
        detail: bool,
    ) -> tuple[Tensor, Tensor]:
        config = self._config
        places = self._places(store, count, detail)
        if self._paired:
            both = store.cut(places, 0, config.patch)
            return both.chunk(2, dim=1)  # type: ignore[return-value]
        axis = self._axis(factor, sampling)
        source = store.cut(places, axis.before, axis.size)
        limits = store.limits(places)
        return degrade(source, (axis, axis), config, limits, self.generator)

    def _sampling(self, turn: int) -> Sampling:
        """Choose how the patches of a group are sampled, by the shares of each kind."""
        *others, last = self._config.samplings.items()
        place = turn * _GOLDEN % 1
        for name, share in others:
            if place < share:
                return name
            place -= share
        return last[0]

    def _axis(self, factor: float, sampling: Sampling) -> Axis:
        """The degradation of one axis, kept on the device."""
        key = factor, sampling
        if key not in self._axes:
            kind = Degradation.of(self._config, sampling)
            axis = crop_axis(self._config.patch, factor, kind)
            self._axes[key] = axis.on(self.generator.device, torch.float32)
        return self._axes[key]

    def _places(self, store: PixelStore, count: int, detail: bool) -> Places:
        flips = self._config.flips
        if not detail:
            return store.draw(count, flips, self.generator)
        # One of a few candidates, as likely as its standard deviation is large.
        places = store.draw(count * _CANDIDATES, flips, self.generator)
        patches = store.cut(places, 0, self._footprint)
        spread = patches.flatten(1).std(1).view(count, _CANDIDATES)
        # What torch.multinomial draws, without its two waits for the device.
        waiting = torch.empty_like(spread).exponential_(generator=self.generator)
        pick = ((spread + 1e-6) / waiting).argmax(1)
        first = torch.arange(count, device=pick.device) * _CANDIDATES
        return places.chosen(first + pick)


def _leaning(step: int, counts: list[int], share: float) -> list[int]:
    """Count the patches of each group of a batch that come from the domain.

    Fractions of a patch carry over to the next step, and groups take turns.
    """
    wanted = sum(counts) * share
    total = math.floor((step + 1) * wanted) - math.floor(step * wanted)
    turn = step * _GOLDEN % 1
    part = total / sum(counts)
    edges = [math.floor(end * part + turn) for end in accumulate(counts, initial=0)]
    return [after - before for before, after in pairwise(edges)]
