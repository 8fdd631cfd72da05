"""Between the memory of the host and that of a device, without waiting."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_vdsr.imaging.intensities import converts_on, images_in, into_dtype
from napari_vdsr.imaging.resample import Kernel, resize_rows
from napari_vdsr.inference.shield import shielded


def uploaded(array: NDArray[Any], device: torch.device, dtype: torch.dtype) -> Tensor:
    """Bring an array to a device, as float32 or float64 there, in C order.

    It may be of bool or any real dtype up to 64 bits, in any memory layout and byte
    order, and may change when this returns. On CUDA it arrives while the device
    computes, and what uses it waits for it there.
    """
    # By name: numpy has two types of the name uint64 and two byte orders, torch one.
    kind = getattr(torch, array.dtype.name)
    # Converted where it takes fewer bytes to travel.
    travels = dtype if dtype.itemsize < kind.itemsize else kind
    if device.type != "cuda":
        return _filled(array, travels, pinned=False).to(dtype).to(device)
    computing, copying = torch.cuda.current_stream(device), _stream(device, "up")
    with _copying_on(copying):
        host = _filled(array, travels, pinned=True)
        values = host.to(device, non_blocking=True)
    computing.wait_stream(copying)
    values.record_stream(computing)
    return values.to(dtype)


class Download:
    """Values on their way to the host, to become an array, of a dtype if one is given.

    On CUDA the copy runs beside the computation, so that the device starts on the next
    tile meanwhile. What a device cannot convert is converted on the host.
    """

    def __init__(self, values: Tensor, dtype: np.dtype[Any] | None = None) -> None:
        self._device = device = values.device
        if dtype is not None and converts_on(device, dtype):
            values, dtype = into_dtype(values, dtype), None
        self._dtype = dtype
        self._done: torch.cuda.Event | None = None
        if device.type != "cuda":
            self._host = values.cpu()
            return
        copying = _stream(device, "down")
        copying.wait_stream(torch.cuda.current_stream(device))
        with _copying_on(copying):
            self._host = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
            self._host.copy_(values, non_blocking=True)
        values.record_stream(copying)
        self._done = copying.record_event()

    def array(self) -> NDArray[Any]:
        """Wait for the values."""
        if self._done is not None:
            with torch.cuda.device(self._device):
                self._done.synchronize()
        if self._dtype is None:
            return self._host.numpy()
        with shielded():
            return into_dtype(self._host, self._dtype).numpy()


def _filled(array: NDArray[Any], dtype: torch.dtype, *, pinned: bool) -> Tensor:
    """An array in memory of torch, pinned for copies that nobody waits for.

    torch keeps pinned memory and hands it out again as soon as the copies from it
    are done, so windows of one size take it from the system only once.
    """
    host = torch.empty(array.shape, dtype=dtype, pin_memory=pinned)
    np.copyto(host.numpy(), array)
    return host


@cache
def _stream(device: torch.device, way: Literal["up", "down"]) -> torch.cuda.Stream:
    """The stream for copies in one direction: devices copy both ways at once."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


@contextmanager
def _copying_on(stream: torch.cuda.Stream) -> Iterator[None]:
    """Copy in a stream, with its device as the current one.

    CUDA takes half a gigabyte of a current device on which nothing runs: with cuda:1
    alone, of cuda:0, where pinned memory, streams and waits would have been.
    """
    with torch.cuda.device(stream.device), torch.cuda.stream(stream):
        yield


class TileDownload:
    """The images of a tile on their way to the host, each of shape (S, h, w)."""

    def __init__(
        self, images: list[Tensor], total: Tensor | None, dtype: np.dtype[Any]
    ) -> None:
        kinds = [part.dtype for part in images_in(np.empty(0, dtype))]
        self._images = [
            Download(image, kind) for image, kind in zip(images, kinds, strict=True)
        ]
        self._total = None if total is None else Download(total)

    def store(self, place: NDArray[Any]) -> bool:
        """Wait for the pixels and write them; False where float16 overflowed."""
        sound = self._total is None or bool(np.isfinite(self._total.array()))
        if sound:
            for part, image in zip(images_in(place), self._images, strict=True):
                part[...] = image.array()
        return sound


@contextmanager
def writer_beside(device: torch.device) -> Iterator[tuple[Executor, int]]:
    """What writes results, and how many tiles may wait for it.

    Beside a GPU a second thread waits for them and touches their memory for the first
    time, which takes as long as some devices compute.
    """
    if device.type == "cpu":
        yield _AtOnce(), 0
    else:
        with ThreadPoolExecutor(1, "napari-vdsr writes") as writer:
            yield writer, 2


class _AtOnce(Executor):
    """Does what it is given before it returns."""

    def submit(
        self, call: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(call(*args, **kwargs))
        return done


_AXES = 4  # two of a plane, twice where it is enlarged in two passes
_BUDGET = 60e6  # bytes of an axis on a GPU, where making them would take longer
_BUDGET_OF_CPU = 8e6  # where it takes little beside the tile, and memory is the user's

Part = tuple[slice, Tensor]  # source pixels, and their weights on the device


class AxisWeights:
    """Weights of the windows along an axis, made once and kept on a device.

    Tiles run through an axis again and again, row by row and plane by plane. Where an
    axis exceeds the budget, what came last is dropped: of a cycle, most is then still
    there when its turn comes.
    """

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._lock = Lock()
        self._axes: OrderedDict[object, dict[tuple[int, int], Part]] = OrderedDict()

    def part(
        self,
        size: int,
        new_size: int,
        window: slice,
        device: torch.device,
        work: torch.dtype,
    ) -> Part:
        """The weights of output pixels `window` of an axis, in the precision `work`."""
        axis, key = (size, new_size, device, work), (window.start, window.stop)
        with self._lock:
            kept = self._axes.setdefault(axis, {})
            self._axes.move_to_end(axis)
            while len(self._axes) > _AXES:
                self._axes.popitem(last=False)
            if key in kept:
                return kept[key]
        with shielded():
            rows = resize_rows(size, new_size, *key, self._kernel)
            part = rows.source, uploaded(rows.weights, device, work)
        with self._lock:
            budget = _BUDGET_OF_CPU if device.type == "cpu" else _BUDGET
            room = budget - part[1].nbytes
            while kept and sum(weights.nbytes for _, weights in kept.values()) > room:
                kept.popitem()
            kept[key] = part
        return part

    def clear(self) -> None:
        """Free all of them."""
        with self._lock:
            self._axes.clear()
