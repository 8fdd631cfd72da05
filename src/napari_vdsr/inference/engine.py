"""What every way of running a network offers, and which one is taken."""

import warnings
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from napari_vdsr.errors import VdsrWarning
from napari_vdsr.inference.device import memory_errors
from napari_vdsr.inference.openvino_engine import compile_for_openvino, has_openvino
from napari_vdsr.inference.shield import shielded
from napari_vdsr.inference.threads import usable_threads
from napari_vdsr.inference.torch_engine import TorchEngine
from napari_vdsr.last_used import LastUsed
from napari_vdsr.network import ConvStack
from napari_vdsr.zoo.model import Model

_ready: LastUsed[tuple[str, torch.device, torch.dtype], Callable[[], "Engine"]] = (
    LastUsed(4)
)


class Engine(Protocol):
    """A network made ready for one device and precision, for 1 or 3 channels."""

    device: torch.device
    precision: torch.dtype
    channels: int
    bytes_per_pixel: int  # of a window, while it runs

    def residual(self, x: Tensor) -> Tensor:
        """What the network adds to an enlarged image, valid until the next call.

        `x` is float32 of shape (1, channels, H, W) on the engine's device; the result
        is float32 of shape (1, 1 or channels, H, W).
        """


def make_engine(model: Model, device: torch.device, precision: torch.dtype) -> Engine:
    """Make a model ready, once, in the fastest way there is on this machine.

    That is OpenVINO on the CPU where it is installed, otherwise torch.
    """
    key = model.fingerprint, device, precision
    too_full = memory_errors(device, f"for {model.name}", "close other programs")
    with shielded(), too_full:
        return _ready.get(key, lambda: _prepared(model.network, device, precision))()


def forget_engines() -> None:
    """Forget the models that were kept ready, and free what they take."""
    _ready.forget()


def _prepared(
    network: ConvStack, device: torch.device, precision: torch.dtype
) -> Callable[[], Engine]:
    """A function that gives engines of a network."""
    if device.type == "cpu" and has_openvino():
        # Whatever it is, a broken or too old library or a locale that it does not
        # know: torch is always there.
        try:
            return compile_for_openvino(network, precision)
        except Exception as error:
            msg = (
                f"OpenVINO does not work here ({type(error).__name__}: {error}): "
                "using torch instead, which is slower"
            )
            warnings.warn(msg, VdsrWarning, stacklevel=4)
    if device.type == "cpu" and torch.get_num_threads() > usable_threads():
        torch.set_num_threads(usable_threads())
    engine = TorchEngine(network, device, precision)
    return lambda: engine
