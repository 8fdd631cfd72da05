"""Pixels of many images on the training device, to cut patches from."""

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_vdsr.errors import VdsrError
from napari_vdsr.training.dataset import Dataset
from napari_vdsr.training.opened import opened_once
from napari_vdsr.training.planes import Plane

ROUND = 200
"""Steps between two parts of a set that does not fit into memory."""


class Places(NamedTuple):
    """Where patches lie and how they are turned.

    Attributes
    ----------
    image, y, x : Tensor of int64, shape (N,)
        Number of the plane, and the first row and column of the patch.
    turn : Tensor of bool, shape (3, N)
        Whether rows are reversed, columns are reversed, and both exchanged.
    """

    image: Tensor
    y: Tensor
    x: Tensor
    turn: Tensor

    def chosen(self, index: Tensor) -> "Places":
        """Keep some of the places.

        Parameters
        ----------
        index : Tensor of int64, shape (M,)
            Which ones.

        Returns
        -------
        Places
        """
        return Places(*(field[..., index] for field in self))


class PixelStore:
    """All planes one behind the other in one tensor.

    Parameters
    ----------
    planes : list of Plane
        With the same number of channels; at least one.
    patch : int
        Pixels per edge; no plane is smaller.
    device : torch.device
        Where the training runs.
    """

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
        """Choose patches, every possible one as likely as any other.

        Parameters
        ----------
        count : int
            How many.
        flips : bool
            Whether to turn them, in all eight ways.
        generator : torch.Generator
            On the device of the pixels.

        Returns
        -------
        Places
        """
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

        Parameters
        ----------
        places : Places
            From `draw`.
        before : int
            Rows and columns to begin ahead of the patch.
        size : int
            Pixels per edge, from there on.

        Returns
        -------
        Tensor of float32, shape (N, channels, size, size)
            From 0 to 1.
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
        """What 0 and 1 stand for in the planes of these patches.

        Parameters
        ----------
        places : Places
            From `draw`.

        Returns
        -------
        Tensor, shape (N, 2)
        """
        return self._limits[places.image]


class StoreRounds:
    """The store to use at each step: all of a set, or its parts in turn.

    Parameters
    ----------
    dataset : Dataset
        The images.
    patch : int
        Pixels per edge.
    device : torch.device
        Where the training runs.
    memory : float
        Bytes of pixels on the device at a time.
    seed : int
        Decides which parts are there together.
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
        """Give the pixels that a step draws from; a function of the step alone.

        Parameters
        ----------
        step : int
            Counted over all stages.

        Returns
        -------
        PixelStore

        Raises
        ------
        VdsrError
            When an image can no longer be read. No `FileError`: that is a
            checkpoint's.
        """
        wanted = step // ROUND % len(self._groups)
        if self._store is None or wanted != self._current:
            self._store = None  # so that two parts are never held together
            planes = self._planes(wanted)
            self._store = PixelStore(planes, self._patch, self._device)
            self._current = wanted
        return self._store

    def _planes(self, group: int) -> list[Plane]:
        wanted = self._groups[group]
        try:
            with opened_once():  # sorted: those of a file one behind the other
                read = {index: self._parts[index].read() for index in sorted(wanted)}
        except VdsrError as error:
            raise VdsrError(
                f"an image of the training can no longer be read: {error}"
            ) from error
        return [plane for index in wanted for plane in read[index]]


def _mirrored(index: Tensor, size: Tensor) -> Tensor:
    """Indices beyond a border, folded back into the axis."""
    index = index % (2 * size)
    return torch.where(index < size, index, 2 * size - 1 - index)


def _as_float(plane: Plane) -> NDArray[Any]:
    flat = plane.pixels.reshape(len(plane.pixels), -1)
    if flat.dtype == np.uint8:
        return flat.astype(np.float32) / 255
    return flat
