"""Pixels of many images on the training device, to cut patches from."""

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_vdsr.training.dataset import Dataset
from napari_vdsr.training.planes import Plane

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


class PixelStore:
    """All planes in one tensor; none is smaller than a patch."""

    def __init__(self, planes: list[Plane], patch: int, device: torch.device) -> None:
        kinds = {plane.pixels.dtype for plane in planes}
        mixed = len(kinds) > 1
        flat = [
            _as_float(plane) if mixed else plane.pixels.reshape(len(plane.pixels), -1)
            for plane in planes
        ]
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


def _as_float(plane: Plane) -> NDArray[Any]:
    flat = plane.pixels.reshape(len(plane.pixels), -1)
    if flat.dtype == np.uint8:
        return flat.astype(np.float32) / 255
    return flat
