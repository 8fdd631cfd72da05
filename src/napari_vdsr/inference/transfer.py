"""Between the memory of the host and that of a device, without waiting."""

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["Download", "uploaded"]


def uploaded(array: NDArray[Any], device: torch.device, dtype: torch.dtype) -> Tensor:
    """Bring an array to a device, in the precision of the work there.

    Parameters
    ----------
    array : ndarray of a dtype that torch knows, any shape
        In C order. It may be gone when this returns.
    device : torch.device
        Where to.
    dtype : torch.dtype
        float32 or float64.

    Returns
    -------
    Tensor
        On CUDA it arrives in the order of the stream.
    """
    # numpy has two types of the name uint64, torch knows one
    tensor = torch.from_numpy(array.view(array.dtype.name))
    if device.type == "cuda":
        # Converted there: most images take fewer bytes as they are.
        return tensor.pin_memory().to(device, non_blocking=True).to(dtype)
    return tensor.to(dtype).to(device)


class Download:
    """Values on their way to the host.

    On CUDA the copy runs behind the computation, so that the host prepares the next
    tile meanwhile.

    Parameters
    ----------
    values : Tensor, any shape
        On any device.
    """

    def __init__(self, values: Tensor) -> None:
        self._event: torch.cuda.Event | None = None
        if values.device.type != "cuda":
            self._host = values.cpu()
            return
        self._host = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
        self._host.copy_(values, non_blocking=True)
        self._event = torch.cuda.Event()  # type: ignore[no-untyped-call]
        # Of the device that the values are on, which need not be the current one.
        self._event.record(torch.cuda.current_stream(values.device))

    def array(self) -> NDArray[Any]:
        """Wait for the values.

        Returns
        -------
        ndarray
            Of the same shape and dtype.
        """
        if self._event is not None:
            self._event.synchronize()
        return self._host.numpy()
