"""Batches of degraded patches and their truth, made on the training device."""

import math
from functools import partial
from itertools import accumulate, chain, pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from napari_vdsr.imaging.resample import Sampling
from napari_vdsr.training.config import Stage, TrainingConfig
from napari_vdsr.training.dataset import Dataset
from napari_vdsr.training.degrade import Axis, Degradation, crop_axis, degrade
from napari_vdsr.training.planes import Plane

_GROUPS = 4  # factors in one batch at most
_CANDIDATES = 4  # patches looked at for each one chosen by its detail
_GOLDEN = (math.sqrt(5) - 1) / 2  # golden ratio: successive offsets spread evenly

ROUND = 200
"""Steps with each part of a set that does not fit into memory."""


class Places(NamedTuple):
    """Where patches lie and how they are turned."""

    image: Tensor  # int64, shape (N,): number of the plane
    y: Tensor  # first row of the patch
    x: Tensor  # first column
    turn: Tensor  # bool, shape (3, N): reverse rows, reverse columns, exchange both

    def chosen(self, index: Tensor) -> "Places":
        """Keep some of the places, by their indices."""
        return Places(*(field[..., index] for field in self))

    def split(self, counts: list[int]) -> list["Places"]:
        """Part the places into groups of so many."""
        parts = (torch.split(field, counts, dim=-1) for field in self)
        return [Places(*fields) for fields in zip(*parts, strict=True)]


class PixelStore:
    """All planes in one tensor; none is smaller than a patch."""

    def __init__(self, planes: list[Plane], patch: int, device: torch.device) -> None:
        kinds = {plane.pixels.dtype for plane in planes}
        mixed = len(kinds) > 1
        pixels = [
            plane.pixels.astype(np.float32) / 255
            if mixed and plane.pixels.dtype == np.uint8
            else plane.pixels
            for plane in planes
        ]
        flat = [each.reshape(len(each), -1) for each in pixels]
        self._pixels = torch.from_numpy(np.concatenate(flat, axis=1)).to(device)
        sizes = torch.tensor([plane.pixels.shape[1:] for plane in planes])
        self._height, self._width = sizes.to(device).unbind(1)
        self._first = (sizes.prod(1).cumsum(0) - sizes.prod(1)).to(device)
        self._limits = torch.tensor([plane.limits for plane in planes]).to(device)
        self._patch = patch
        self._columns = self._width - patch + 1
        self._ends = ((self._height - patch + 1) * self._columns).cumsum(0)
        self._count = int(self._ends[-1])

    def draw(self, count: int, flips: bool, generator: torch.Generator) -> Places:
        """Choose patches uniformly; `flips` also turns them, in all eight ways."""
        device = self._pixels.device
        number = torch.randint(
            self._count, (count,), generator=generator, device=device
        )
        image = torch.searchsorted(self._ends, number, right=True)
        columns = self._columns[image]
        ahead = self._ends[image] - (self._height[image] - self._patch + 1) * columns
        within = number - ahead
        turn = torch.randint(2, (3, count), generator=generator, device=device) == 1
        if not flips:
            turn = torch.zeros_like(turn)
        return Places(image, within // columns, within % columns, turn)

    def cut(self, places: Places, before: int, size: int) -> Tensor:
        """Cut squares, mirrored at the borders of their plane.

        They begin `before` rows and columns ahead of the patch and have `size` pixels
        per edge. Float32 from 0 to 1, shape (N, C, size, size).
        """
        image = places.image
        reach = torch.arange(size, device=image.device) - before
        rows = _mirrored(places.y[:, None] + reach, self._height[image, None])
        columns = _mirrored(places.x[:, None] + reach, self._width[image, None])
        rows = torch.where(places.turn[0, :, None], rows.flip(1), rows)
        columns = torch.where(places.turn[1, :, None], columns.flip(1), columns)
        first = self._first[image, None] + rows * self._width[image, None]
        index = first[:, :, None] + columns[:, None, :]
        index = torch.where(places.turn[2, :, None, None], index.mT, index)
        values = self._pixels[:, index].movedim(0, 1)
        if values.dtype is torch.uint8:
            return values.float() / 255
        return values.contiguous()

    def limits(self, places: Places) -> Tensor:
        """Counts that 0 and 1 stand for in the planes of patches: (N, 2)."""
        return self._limits[places.image]


class StoreRounds:
    """The store for each step: the full set, or its parts in turn.

    At most `memory` bytes of pixels are on the device at a time; the seed decides which
    parts are there together.
    """

    def __init__(
        self,
        dataset: Dataset,
        patch: int,
        device: torch.device,
        memory: float,
        seed: int,
    ) -> None:
        self._patch, self._device = patch, device
        order = np.random.default_rng(seed).permutation(len(dataset.parts))
        self._parts = dataset.parts
        self._groups: list[list[int]] = [[]]
        held = 0
        for index in order.tolist():
            nbytes = self._parts[index].nbytes
            if self._groups[-1] and held + nbytes > memory:
                self._groups.append([])
                held = 0
            self._groups[-1].append(index)
            held += nbytes
        self._current = -1
        self._store: PixelStore | None = None

    def at(self, step: int) -> PixelStore:
        """Return the store of a step, counted over all stages.

        It depends on the step alone.
        """
        wanted = step // ROUND % len(self._groups)
        if self._store is None or wanted != self._current:
            self._store = None  # so that two parts are never held together
            parts = [self._parts[index] for index in self._groups[wanted]]
            planes = [plane for part in parts for plane in part.read()]
            self._store = PixelStore(planes, self._patch, self._device)
            self._current = wanted
        return self._store


def _mirrored(index: Tensor, size: Tensor) -> Tensor:
    """Indices beyond a border, mirrored back into the axis."""
    index = index % (2 * size)
    return torch.where(index < size, index, 2 * size - 1 - index)


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
        leaning = _leaning(step, counts, share)
        rest = [count - part for count, part in zip(counts, leaning, strict=True)]
        made: list[list[tuple[Tensor, Tensor]]] = [[] for _ in counts]
        for rounds, parts in ((self._domain, leaning), (self._images, rest)):
            if rounds is None or not any(parts):
                continue
            store = rounds.at(step)
            # Of all groups at once: on a GPU every operation takes time of its own.
            places = self._places(store, sum(parts), stage.detail)
            for group, part in enumerate(places.split(parts)):
                turn = step * groups + group
                kind = factors[turn % len(factors)], self._sampling(turn)
                if len(part.image):
                    made[group].append(self._patches(store, part, *kind))
        degraded, truth = zip(*chain(*made), strict=True)
        return torch.cat(degraded), torch.cat(truth)

    def _patches(
        self, store: PixelStore, places: Places, factor: float, sampling: Sampling
    ) -> tuple[Tensor, Tensor]:
        config = self._config
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
        values = patches.flatten(1)
        single = values.shape[1] == 1  # which has no spread
        spread = values.std(1, correction=int(not single)).view(count, _CANDIDATES)
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
