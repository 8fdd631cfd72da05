"""Options that depend on the model or the device, such as the precision."""

import warnings
from contextlib import suppress
from dataclasses import replace
from functools import cache

import torch
from torch import Tensor

from napari_vdsr.errors import InputError, VdsrError, VdsrWarning
from napari_vdsr.inference.device import (
    bytes_per_pixel,
    is_out_of_memory,
    memory_errors,
    resolve_device,
    tile_edge,
)
from napari_vdsr.inference.shield import shielded
from napari_vdsr.inference.torch_engine import TorchEngine
from napari_vdsr.network import SRCNN, VDSR, ConvStack
from napari_vdsr.options import RunOptions, checked_precision


def check_options(options: RunOptions) -> None:
    """Refuse what no machine could do; a worker of a cluster may be any machine."""
    model = options.load()
    hidden = parse_precision(options.precision, options.device.split(":")[0])
    if isinstance(model.network, SRCNN):
        hidden = torch.float32
    # Only the edge that "auto" would take depends on the device.
    per_pixel = bytes_per_pixel(model.network, hidden)
    tile_edge(options.tile, per_pixel, model.halo, torch.device("cpu"))
    if not model.equivariant and options.intensity_range is None:
        raise InputError(
            f"{model.name} has to know the intensity range of the image: give "
            "intensity_range=(black, white), or use a model that follows any scale"
        )


def in_use(options: RunOptions) -> RunOptions:
    """The options with the device and precision that they stand for here."""
    device = usable_device(options.device)
    precision = resolve_precision(options.precision, device, options.load().network)
    name = str(precision).removeprefix("torch.")
    return replace(options, device=str(device), precision=name)


def usable_device(name: str | torch.device) -> torch.device:
    """The device meant by a name, if it computes in float32 as it should.

    A driver or GPU may be too old for this torch, some devices give wrong results:
    "auto" is the CPU then, with a warning, and any other name an error.
    """
    device = resolve_device(name)
    if device.type == "cpu" or (reason := fault(device, torch.float32)) is None:
        return device
    if str(name) != "auto":
        raise VdsrError(
            f"{device} does not work here ({reason}): choose another device"
        )
    msg = f"{device} does not work here ({reason}): using the CPU instead"
    warnings.warn(msg, VdsrWarning, stacklevel=3)
    return torch.device("cpu")


PRECISIONS = {
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}

# Of the residual, root mean square. Where they work, they stay near 0.003, 0.02, 1e-6.
_TOLERATED = {torch.float16: 0.02, torch.bfloat16: 0.1, torch.float32: 1e-3}
_FALLBACKS = {
    torch.float16: [torch.float16, torch.bfloat16],
    torch.bfloat16: [torch.bfloat16],
    torch.float32: [],
}


def resolve_precision(
    name: str | torch.dtype, device: torch.device, network: ConvStack
) -> torch.dtype:
    """Find the precision of the hidden layers, one that the device computes correctly.

    "auto" is float32 on the CPU, where results then do not depend on the tiles, and
    float16 elsewhere. SRCNN, which makes the image and not the detail, always runs in
    float32. Where a device gives wrong results it is another than asked for, with a
    warning.
    """
    wanted = parse_precision(name, device.type)
    if isinstance(network, SRCNN) or wanted is torch.float32:
        return torch.float32
    if device.type == "cpu":
        if computes_bfloat16():
            return wanted
        msg = "this processor does not compute in bfloat16: using float32 instead"
        warnings.warn(msg, VdsrWarning, stacklevel=3)
        return torch.float32
    for precision in _FALLBACKS[wanted]:
        if fault(device, precision) is None:
            break
    else:
        precision = torch.float32
    if precision is not wanted:
        msg = f"{wanted} does not work on {device}: using {precision} instead"
        warnings.warn(msg, VdsrWarning, stacklevel=3)
    return precision


def usable_precisions(device: torch.device, network: ConvStack) -> list[torch.dtype]:
    """Precisions in which a device computes a network as it should, float32 first."""
    usable = []
    for precision in PRECISIONS.values():
        with warnings.catch_warnings(), suppress(InputError):
            warnings.simplefilter("ignore", VdsrWarning)  # that is what is asked
            if resolve_precision(precision, device, network) is precision:
                usable.append(precision)
    return usable


def parse_precision(name: str | torch.dtype, kind: str) -> torch.dtype:
    """Find the precision meant by a name, whether or not a device computes it.

    `kind` is that of the device: "cpu" or anything else.
    """
    known = checked_precision(name)
    if known == "auto":
        return torch.float32 if kind == "cpu" else torch.float16
    precision = PRECISIONS[known]
    if precision is torch.float16 and kind == "cpu":
        raise InputError(
            "precision float16 is not for the CPU: choose float32 or bfloat16"
        )
    return precision


def computes_bfloat16() -> bool:
    """Whether the processor computes in bfloat16 itself, which is then faster."""
    # Older releases of torch do not tell what a processor can do.
    capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return any("bf16" in name and present for name, present in capabilities.items())


@cache
def fault(device: torch.device, precision: torch.dtype) -> str | None:
    """What is wrong with how a device computes in a precision; asked once."""
    with memory_errors(device, "even for a small network", "close other programs"):
        try:
            error = relative_error(device, precision)
        except RuntimeError as failure:  # as of a driver that is too old
            if is_out_of_memory(failure):
                raise
            return str(failure).partition("\n")[0] or type(failure).__name__
    return None if error < _TOLERATED[precision] else "its results are wrong"


@shielded()
def relative_error(device: torch.device, precision: torch.dtype) -> float:
    """How far a precision is from float32 on a small patch.

    Root mean square of the difference, relative to that of the residual; NaN when the
    result is not finite. Some devices give black or NaN in float16.
    """
    network, x, expected = _trial()
    actual = TorchEngine(network, device, precision).residual(x.to(device)).cpu()
    error = (actual - expected).square().mean().sqrt()
    return float(error / expected.square().mean().sqrt())


@cache
def _trial() -> tuple[VDSR, Tensor, Tensor]:
    """A network, a small patch, and the residual that the CPU makes of it."""
    generator = torch.Generator().manual_seed(20)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(20)
        network = VDSR(depth=20).requires_grad_(False)
    x = torch.rand(1, 1, 64, 64, generator=generator) - 0.5
    exact = TorchEngine(network, torch.device("cpu"), torch.float32)
    return network, x, exact.residual(x).clone()
