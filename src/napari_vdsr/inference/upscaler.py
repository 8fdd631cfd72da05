"""A model made ready to enlarge any region of any image."""

import warnings
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from traceback import clear_frames
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_vdsr.errors import InputError, VdsrError, VdsrWarning
from napari_vdsr.imaging.intensities import (
    check_dtype,
    images_in,
    refuse_infinities,
    within_float64,
    work_dtype,
)
from napari_vdsr.inference.device import (
    SMALLEST_TILE,
    device_failures,
    device_lock,
    is_out_of_memory,
    release_memory,
    tile_edge,
)
from napari_vdsr.inference.engine import (
    Engine,
    Ensemble,
    check_options,
    in_use,
    make_engine,
    parse_precision,
)
from napari_vdsr.inference.shield import shielded
from napari_vdsr.inference.tiles import (
    Region,
    Tile,
    gap_halo,
    gap_rings,
    middle_shape,
    plan_tiles,
)
from napari_vdsr.inference.transfer import AxisWeights, TileDownload, writer_beside
from napari_vdsr.inference.window import has_gaps, restore_window, sum_device
from napari_vdsr.last_used import LastUsed
from napari_vdsr.options import RunOptions
from napari_vdsr.progress import Progress
from napari_vdsr.zoo.model import Model

if TYPE_CHECKING:
    from concurrent.futures import Future


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

    Several threads may use it at once: they read side by side and compute in turn.

    Parameters
    ----------
    options : RunOptions, or Model, str or Path
        The model and how to run it, or the model alone.
    engine : Engine, optional
        Runs the network instead of the engine that is fastest here.
    **changes
        Fields of `RunOptions` that differ: ``Upscaler(model, device="cuda")``.

    Attributes
    ----------
    options : RunOptions
        With the model, device and precision that are in use.
    model : Model
        What is run.
    device : torch.device
        In use.
    precision : torch.dtype
        In use for the hidden layers.
    tile : int
        Output pixels per edge of a tile; less after memory ran out.
    engine : Engine
        What runs the network.

    Raises
    ------
    InputError
        When an argument cannot be used.
    """

    def __init__(
        self,
        options: RunOptions | Model | str | Path,
        *,
        engine: Engine | None = None,
        **changes: Any,
    ) -> None:
        if not isinstance(options, RunOptions):
            options = RunOptions(options)
        options = replace(options, **changes)
        self.model = model = options.load()
        check_options(options)
        self.options = in_use(options.loaded())
        self.device = torch.device(self.options.device)
        self._range = None if model.equivariant else options.intensity_range
        self._weights = AxisWeights(model.kernel)
        self._prepare(engine)

    def _prepare(self, engine: Engine | None = None) -> None:
        """Make ready for the precision that the options say."""
        options = self.options
        self.precision = parse_precision(options.precision, self.device.type)
        self.engine = engine or make_engine(self.model, self.device, self.precision)
        per_pixel = self.engine.bytes_per_pixel
        self.tile = tile_edge(options.tile, per_pixel, self.halo, self.device)
        if options.ensemble:
            self.engine = Ensemble(self.engine)

    @property
    def halo(self) -> int:
        """Output pixels around a tile that its result depends on."""
        return self.model.halo

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
            The region, shape (h, w) or (h, w, S); a copy where nothing is enlarged.

        Raises
        ------
        InputError
            When pixels are infinite or the plane has no such shape or dtype.
        VdsrError
            When even small tiles do not fit the device's memory, or it stops working.
        """
        kind = check_dtype(plane.dtype)
        dtype = kind if dtype is None else dtype
        if len(plane.shape) not in (2, 3) or plane.shape[2:] not in ((), (3,), (4,)):
            raise InputError(
                f"a plane is (Y, X), (Y, X, 3) or (Y, X, 4), not {plane.shape}"
            )
        wanted = region or (slice(0, out_shape[0]), slice(0, out_shape[1]))
        if out is None:
            shape = [part.stop - part.start for part in wanted]
            out = np.empty((*shape, *plane.shape[2:]), dtype)
        if out_shape == plane.shape[:2]:
            image, *spreads = images_in(out)
            image[...] = plane[wanted]
            with shielded():
                refuse_infinities(image)
            for spread in spreads:
                spread[...] = image * 0.0
            if progress is not None:
                progress.update(out.shape[0] * out.shape[1])
            return out
        middle = middle_shape((plane.shape[0], plane.shape[1]), out_shape)
        if middle is not None:  # the factor is large
            plane = _Enlarged(self, plane, middle)
        with device_failures(self.device):
            self._fill(out, plane, out_shape, wanted, self.tile, progress)
        return out

    def _fill(
        self,
        out: NDArray[Any],
        plane: Plane,
        out_shape: tuple[int, int],
        wanted: Region,
        edge: int,
        progress: Progress | None = None,
    ) -> None:
        """Write the wanted region into `out`, in tiles of this edge."""
        channels_first = out[None] if out.ndim == 2 else np.moveaxis(out, -1, 0)
        origin = wanted[0].start, wanted[1].start
        waiting: deque[tuple[Tile, Future[bool]]] = deque()

        def finish() -> None:
            tile, stored = waiting.popleft()
            if not stored.result():
                self._leave_float16()
                part = out[tile.within(origin)]
                self._fill(part, plane, out_shape, tile.core, self.tile)
            if progress is not None:
                progress.update(tile.pixels)

        with writer_beside(self.device) as (writer, ahead):
            for tile, result in self._tiles(plane, out_shape, wanted, out.dtype, edge):
                place = channels_first[(slice(None), *tile.within(origin))]
                waiting.append((tile, writer.submit(result.store, place)))
                while len(waiting) > ahead:
                    finish()
            while waiting:
                finish()

    def _leave_float16(self) -> None:
        """Go on in float32, as float16 cannot hold what the network computes."""
        if self.engine.precision is torch.float32:  # another tile was first
            return
        msg = (
            f"float16 cannot hold what {self.model.name} computes from this image: "
            "using float32 instead"
        )
        warnings.warn(msg, VdsrWarning, stacklevel=4)
        self.options = replace(self.options, precision="float32")
        self._prepare()

    def _tiles(
        self,
        plane: Plane,
        out_shape: tuple[int, int],
        wanted: Region,
        dtype: np.dtype[Any],
        edge: int,
    ) -> Iterator[tuple[Tile, TileDownload]]:
        """Tiles with their results; smaller ones when memory runs out."""
        first_edge = edge
        pending = list(plan_tiles(out_shape, wanted, edge, self.halo))[::-1]
        while pending:
            tile = pending.pop()
            try:
                result = self._restored(plane, out_shape, tile, dtype)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                # What the failed tile holds is to be free for the next one.
                clear_frames(error.__traceback__)
                edge = self._smaller(edge, error)
                pending = [
                    part
                    for whole in (*pending, tile)
                    for part in reversed(
                        [*plan_tiles(out_shape, whole.core, edge, self.halo)]
                    )
                ]
            else:
                yield tile, result
        if edge < first_edge:
            msg = (
                f"{self.device} ran out of memory with tiles of {first_edge} pixels; "
                f"went on with {edge}"
            )
            self.tile = min(self.tile, edge)
            warnings.warn(msg, VdsrWarning, stacklevel=2)

    def _smaller(self, edge: int, error: Exception) -> int:
        """The next smaller tile, with memory freed for it."""
        if edge // 2 < SMALLEST_TILE:
            raise VdsrError(
                f"{self.device} has too little memory even for tiles of {edge} "
                "pixels: close other programs or choose another device"
            ) from error
        self._weights.clear()
        release_memory(self.device)
        return edge // 2

    def _restored(
        self, plane: Plane, out_shape: tuple[int, int], tile: Tile, dtype: Any
    ) -> TileDownload:
        """The result of one tile."""
        pixels, weights = self._read(plane, out_shape, tile)
        rings = 0
        if has_gaps(pixels):
            tile, rings = self._widened(plane, out_shape, tile)
            pixels, weights = self._read(plane, out_shape, tile)
        # Reading waits for nobody; the pixels may come from other threads' work.
        with device_lock(self.device), shielded():
            images, total = restore_window(
                pixels,
                weights,
                self.engine,
                self._range,
                rings,
                spread=dtype.names is not None,
            )
            cut = [image[(slice(None), *tile.crop)] for image in images]
            return TileDownload(cut, total, dtype)

    def _widened(
        self, plane: Plane, out_shape: tuple[int, int], tile: Tile
    ) -> tuple[Tile, int]:
        """The tile with more than twice its halo, and how deep to fill gaps there."""
        shape = plane.shape[0], plane.shape[1]
        halo = gap_halo(shape, out_shape, self.halo)
        (wide,) = plan_tiles(out_shape, tile.core, max(out_shape), halo)
        return wide, gap_rings(shape, out_shape, self.halo)

    def _read(
        self, plane: Plane, out_shape: tuple[int, int], tile: Tile
    ) -> tuple[NDArray[Any], tuple[Tensor, Tensor]]:
        """The source pixels of a tile's window and their weights in Y and X."""
        work = work_dtype(np.dtype(plane.dtype))
        where = sum_device(self.device, work)
        (rows, down), (columns, across) = (
            self._weights.part(size, new_size, part.window, where, work)
            for size, new_size, part in zip(
                plane.shape, out_shape, (tile.y, tile.x), strict=False
            )
        )
        pixels = np.asarray(plane[rows, columns])
        with shielded():
            return within_float64(pixels), (down, across)


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
        """A region in one tile: it is smaller than the one that asks for it."""
        edges = [part.stop - part.start for part in region]
        out = np.empty((*edges, *self.shape[2:]), self.dtype)
        shape = self.shape[0], self.shape[1]
        self._upscaler._fill(out, self._plane, shape, region, max(edges))
        return out


_kept: LastUsed[str, Upscaler] = LastUsed(4)


def kept_upscaler(options: RunOptions, key: str | None = None) -> Upscaler:
    """The upscaler for these options, made when first needed; the last few are kept.

    Several threads may use one at once. `key` is that of the options where it is known,
    as to blocks of one image: making it reads all weights.
    """
    return _kept.get(key or options.key, lambda: Upscaler(options))


def forget_upscalers() -> None:
    """Free the networks that this process keeps."""
    _kept.forget()
