"""A model made ready to enlarge any region of any image."""

import re
import warnings
from collections.abc import Iterator
from functools import lru_cache
from math import ceil, isfinite
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from napari_vdsr.errors import InputError, VdsrError, VdsrWarning
from napari_vdsr.imaging.geometry import enlarged_size
from napari_vdsr.imaging.intensities import (
    check_dtype,
    into_dtype,
    within_float64,
    work_dtype,
)
from napari_vdsr.imaging.resample import Rows, resize_rows
from napari_vdsr.inference.device import resolve_device, resolve_precision
from napari_vdsr.inference.engine import TorchEngine
from napari_vdsr.inference.tiles import Region, Tile, plan_tiles
from napari_vdsr.inference.window import has_gaps, restore_window
from napari_vdsr.models.model import Model
from napari_vdsr.progress import Progress

__all__ = ["LARGEST_SINGLE_FACTOR", "Plane", "Upscaler"]

LARGEST_SINGLE_FACTOR = 4.0
"""Above this, an image is enlarged in two equal passes."""

_KERNEL_REACH = 3  # source pixels that bicubic enlargement looks to either side
_SMALLEST_TILE = 32
_AUTO_TILE = {"cpu": 512}


class Plane(Protocol):
    """Anything of shape (Y, X) or (Y, X, S) that gives arrays when sliced."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Pixels in Y and X, and colours if any."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Any real dtype."""

    def __getitem__(self, key: Any, /) -> Any:
        """The pixels of a pair of slices."""


class Upscaler:
    """A model on a device, ready to enlarge any region of any image.

    Parameters
    ----------
    model : Model
        What to run.
    device : str
        "auto", "cpu", "cuda", "cuda:1", "mps", "xpu" …
    precision : str
        "auto", "float32", "float16" or "bfloat16".
    tile : int or str
        Output pixels per edge of a tile, a memory budget such as "500 MB", or
        "auto". The result does not depend on it, memory and speed do.
    intensity_range : tuple of float, optional
        Black and white of the image; needed by models that are not
        affine-equivariant, and ignored by those that are.

    Attributes
    ----------
    device : torch.device
        In use.
    precision : torch.dtype
        In use for the hidden layers.
    tile : int
        Output pixels per edge of a tile.
    """

    def __init__(
        self,
        model: Model,
        *,
        device: str | torch.device = "auto",
        precision: str | torch.dtype = "auto",
        tile: int | str = "auto",
        intensity_range: tuple[float, float] | None = None,
    ) -> None:
        self.model = model
        self.device = resolve_device(device)
        self.precision = resolve_precision(precision, self.device)
        self._engine = TorchEngine(model.network, self.device, self.precision)
        self._range = _checked_range(model, intensity_range)
        self.tile = _tile_edge(
            tile, self._engine.bytes_per_pixel, self.halo, self.device
        )

    @property
    def halo(self) -> int:
        """Output pixels around a tile that its result depends on."""
        return self.model.network.halo

    def region(
        self,
        plane: Plane,
        out_shape: tuple[int, int],
        region: Region | None = None,
        *,
        dtype: np.dtype[Any] | None = None,
        out: NDArray[Any] | None = None,
        progress: Progress | None = None,
    ) -> NDArray[Any]:
        """Enlarge part of a plane, exactly as it is in the whole enlarged plane.

        Parameters
        ----------
        plane : array-like of any real dtype, shape (Y, X) or (Y, X, S)
            Only the pixels needed are read, tile by tile. S is 3 or 4 (R, G, B
            and alpha).
        out_shape : tuple of int
            Y and X of the whole enlarged plane.
        region : tuple of slice, optional
            Output pixels wanted; by default all.
        dtype : numpy.dtype, optional
            Of the result; by default that of the plane.
        out : ndarray, optional
            Where to write the result.
        progress : Progress, optional
            Told of every tile, in output pixels; may raise `Cancelled`.

        Returns
        -------
        ndarray
            The region, shape (h, w) or (h, w, S).

        Raises
        ------
        InputError
            When pixels are infinite or the plane has no such shape or dtype.
        VdsrError
            When even small tiles do not fit the device's memory.
        """
        kind = check_dtype(plane.dtype)
        dtype = kind if dtype is None else dtype
        if len(plane.shape) not in (2, 3) or plane.shape[2:] not in ((), (3,), (4,)):
            msg = f"a plane is (Y, X), (Y, X, 3) or (Y, X, 4), not {plane.shape}"
            raise InputError(msg)
        wanted = region or (slice(0, out_shape[0]), slice(0, out_shape[1]))
        plane = self._first_pass(plane, out_shape)
        if out is None:
            shape = [part.stop - part.start for part in wanted]
            out = np.empty((*shape, *plane.shape[2:]), dtype)
        origin = wanted[0].start, wanted[1].start
        for tile, result in self._tiles(plane, out_shape, wanted, dtype):
            out[_moved(tile.core, origin)] = result
            if progress is not None:
                progress.update(tile.pixels)
        return out

    def _first_pass(self, plane: Plane, out_shape: tuple[int, int]) -> Plane:
        """The plane itself, or for large factors one that is half-way there."""
        size = plane.shape[0], plane.shape[1]
        factors = out_shape[0] / size[0], out_shape[1] / size[1]
        if max(factors) <= LARGEST_SINGLE_FACTOR:
            return plane
        middle = (
            enlarged_size(size[0], factors[0] ** 0.5),
            enlarged_size(size[1], factors[1] ** 0.5),
        )
        return _Enlarged(self, plane, middle)

    def _tiles(
        self, plane: Plane, out_shape: tuple[int, int], wanted: Region, dtype: Any
    ) -> Iterator[tuple[Tile, NDArray[Any]]]:
        """Tiles with their results; smaller ones when memory runs out."""
        edge = self.tile
        pending = list(plan_tiles(out_shape, wanted, edge, self.halo))[::-1]
        while pending:
            tile = pending.pop()
            try:
                result = self._restored(plane, out_shape, tile, dtype)
            except RuntimeError as error:
                if not _is_out_of_memory(error):
                    raise
                edge //= 2
                if edge < _SMALLEST_TILE:
                    msg = (
                        f"{self.device} has too little memory even for tiles of "
                        f"{2 * edge} pixels: close other programs or use another device"
                    )
                    raise VdsrError(msg) from error
                release_memory(self.device)
                pending = self._cut_again([*pending, tile], out_shape, edge)
            else:
                yield tile, result
        if edge < self.tile:
            msg = (
                f"{self.device} ran out of memory with tiles of {self.tile} pixels; "
                f"went on with {edge}"
            )
            self.tile = edge
            warnings.warn(msg, VdsrWarning, stacklevel=2)

    def _restored(
        self, plane: Plane, out_shape: tuple[int, int], tile: Tile, dtype: Any
    ) -> NDArray[Any]:
        """The result of one tile, shape (h, w) or (h, w, S)."""
        rows, pixels = _read(plane, out_shape, tile)
        rings = 0
        if has_gaps(pixels):
            tile, rings = self._widened(plane, out_shape, tile)
            rows, pixels = _read(plane, out_shape, tile)
        values = restore_window(pixels, rows, self._engine, self._range, rings)
        result = into_dtype(values[(slice(None), *tile.crop)], dtype).cpu().numpy()
        return result[0] if len(plane.shape) == 2 else np.moveaxis(result, 0, -1)

    def _cut_again(
        self, tiles: list[Tile], out_shape: tuple[int, int], edge: int
    ) -> list[Tile]:
        """The same work in smaller tiles."""
        return [
            part
            for tile in tiles
            for part in reversed([*plan_tiles(out_shape, tile.core, edge, self.halo)])
        ]

    def _widened(
        self, plane: Plane, out_shape: tuple[int, int], tile: Tile
    ) -> tuple[Tile, int]:
        """The tile with more than twice its halo, and how deep to fill gaps there.

        A valid pixel feels gaps as far away as the halo, and those are filled from
        pixels that may lie as far away from them again.
        """
        factors = [out_shape[axis] / plane.shape[axis] for axis in (0, 1)]
        rings = ceil(self.halo / min(factors)) + 2 * _KERNEL_REACH
        halo = 2 * self.halo + ceil(4 * _KERNEL_REACH * max(factors))
        (wide,) = plan_tiles(out_shape, tile.core, max(out_shape), halo)
        return wide, rings


class _Enlarged:
    """A plane after the first of two passes, computed where it is looked at."""

    def __init__(
        self, upscaler: Upscaler, plane: Plane, shape: tuple[int, int]
    ) -> None:
        self._upscaler = upscaler
        self._plane = plane
        self.shape = (*shape, *plane.shape[2:])
        # Unrounded: the second pass is to start from all that the first one found.
        double = work_dtype(np.dtype(plane.dtype)) is torch.float64
        self.dtype = np.dtype(np.float64 if double else np.float32)

    def __getitem__(self, region: Region) -> NDArray[Any]:
        shape = self.shape[0], self.shape[1]
        return self._upscaler.region(self._plane, shape, region, dtype=self.dtype)


def _read(
    plane: Plane, out_shape: tuple[int, int], tile: Tile
) -> tuple[tuple[Rows, Rows], NDArray[Any]]:
    """Weights of a tile's window and the source pixels that they apply to."""
    rows = (
        _rows(plane.shape[0], out_shape[0], tile.y.window.start, tile.y.window.stop),
        _rows(plane.shape[1], out_shape[1], tile.x.window.start, tile.x.window.stop),
    )
    pixels = np.asarray(plane[rows[0].source, rows[1].source])
    return rows, within_float64(pixels)


@lru_cache(maxsize=128)
def _rows(size: int, new_size: int, start: int, stop: int) -> Rows:
    """Weights, kept because all tiles of a row and of a column share them."""
    return resize_rows(size, new_size, start, stop)


def _moved(region: Region, origin: tuple[int, int]) -> Region:
    """A region of the whole image, as seen from `origin`."""
    y, x = (
        slice(part.start - first, part.stop - first)
        for part, first in zip(region, origin, strict=True)
    )
    return y, x


def _checked_range(
    model: Model, intensity_range: tuple[float, float] | None
) -> tuple[float, float] | None:
    """The range that a model needs, or None for one that needs none."""
    if model.network.equivariant:
        return None
    if intensity_range is None:
        msg = (
            f"{model.name} has to know the intensity range of the image: give "
            "intensity_range=(black, white), or use a model that follows any scale"
        )
        raise InputError(msg)
    low, high = (float(value) for value in intensity_range)
    if not (isfinite(low) and isfinite(high) and low < high):
        msg = f"intensity_range is ({low:g}, {high:g}): give black, then a larger white"
        raise InputError(msg)
    return low, high


def _tile_edge(
    tile: int | str, bytes_per_pixel: int, halo: int, device: torch.device
) -> int:
    """Output pixels per edge of a tile, from a number, a budget or "auto"."""
    if tile == "auto":
        return _AUTO_TILE.get(device.type, 1024)
    if isinstance(tile, str) and not tile.isdecimal():
        window = int((_budget(tile) / bytes_per_pixel) ** 0.5)
        edge = window - 2 * halo
        if edge < _SMALLEST_TILE:
            least = (_SMALLEST_TILE + 2 * halo) ** 2 * bytes_per_pixel / 1e6
            msg = f"tile is {tile!r}: this model needs at least {least:.0f} MB"
            raise InputError(msg)
        return edge
    edge = int(tile)
    if edge < 1:
        msg = f"tile is {tile!r}: give pixels (at least 1), a budget or 'auto'"
        raise InputError(msg)
    return edge


def _budget(text: str) -> float:
    """Bytes meant by a text such as "500 MB"."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d*)?)\s*(MB|GB)\s*", text, re.IGNORECASE)
    if match is None:
        msg = f"tile is {text!r}: give pixels, a budget such as '500 MB' or 'auto'"
        raise InputError(msg)
    return float(match[1]) * {"MB": 1e6, "GB": 1e9}[match[2].upper()]


def _is_out_of_memory(error: RuntimeError) -> bool:
    """Whether a device has said that its memory is full."""
    text = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError) or any(
        words in text
        for words in ("out of memory", "can't allocate memory", "not enough memory")
    )


def release_memory(device: torch.device) -> None:
    """Give memory that torch keeps for later back to the device.

    Parameters
    ----------
    device : torch.device
        Any; the CPU keeps nothing.
    """
    if device.type in ("cuda", "mps", "xpu"):
        getattr(torch, device.type).empty_cache()
