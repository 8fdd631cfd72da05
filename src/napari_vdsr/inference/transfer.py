"""Between the memory of the host and that of a device, without waiting."""

from functools import cache
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def uploaded(array: NDArray[Any], device: torch.device, dtype: torch.dtype) -> Tensor:
    """Bring an array to a device, converted to float32 or float64 there, in C order.

    It may be of bool or any real dtype up to 64 bits, in any memory layout and byte
    order, and may change when this returns. On CUDA it arrives while the device
    computes, and what uses it waits for it there.
    """
    on_cuda = device.type == "cuda"
    host = _host_memory(array.shape, array.dtype, pinned=on_cuda)
    np.copyto(host.numpy(), array)
    if not on_cuda:
        return host.to(dtype).to(device)
    computing, copying = torch.cuda.current_stream(device), _stream(device, "up")
    with torch.cuda.stream(copying):
        values = host.to(device, non_blocking=True)
    computing.wait_stream(copying)
    values.record_stream(computing)
    # Converted there: most images take fewer bytes as they are.
    return values.to(dtype)


class Download:
    """Values on their way to the host.

    On CUDA the copy runs beside the computation, so that the device starts on the next
    tile meanwhile.
    """

    def __init__(self, values: Tensor) -> None:
        self._done: torch.cuda.Event | None = None
        if values.device.type != "cuda":
            self._host = values.cpu()
            return
        copying = _stream(values.device, "down")
        copying.wait_stream(torch.cuda.current_stream(values.device))
        self._host = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
        with torch.cuda.stream(copying):
            self._host.copy_(values, non_blocking=True)
        values.record_stream(copying)
        self._done = copying.record_event()

    def array(self) -> NDArray[Any]:
        """Wait for the values."""
        if self._done is not None:
            self._done.synchronize()
        return self._host.numpy()


def _host_memory(
    shape: tuple[int, ...], dtype: np.dtype[Any], *, pinned: bool
) -> Tensor:
    """Memory of the host for an array, pinned for copies that nobody waits for.

    torch keeps pinned memory and hands it out again as soon as the copies from it
    are done, so windows of one size take it from the system only once.
    """
    # By name: numpy has two types of the name uint64 and two byte orders, torch one.
    return torch.empty(shape, dtype=getattr(torch, dtype.name), pin_memory=pinned)


@cache
def _stream(device: torch.device, way: Literal["up", "down"]) -> torch.cuda.Stream:
    """The stream for copies in one direction: devices copy both ways at once."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
