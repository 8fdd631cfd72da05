"""In which precision the hidden layers run, and whether a device is up to it."""

import warnings
from contextlib import suppress
from functools import cache

import torch

from napari_vdsr.errors import InputError, VdsrWarning
from napari_vdsr.inference.device import is_out_of_memory
from napari_vdsr.inference.shield import shielded
from napari_vdsr.inference.torch_engine import TorchEngine
from napari_vdsr.network import SRCNN, VDSR, ConvStack
from napari_vdsr.options import checked_precision

PRECISIONS = {
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}

# Of the residual, root mean square. Where they work, they stay near 0.003 and 0.02.
_TOLERATED = {torch.float16: 0.02, torch.bfloat16: 0.1}
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
        return _on_cpu(wanted)
    for precision in _FALLBACKS[wanted]:
        if _works(device, precision):
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


def _on_cpu(wanted: torch.dtype) -> torch.dtype:
    """Half precision only where the processor computes in it."""
    if computes_bfloat16():
        return wanted
    msg = "this processor does not compute in bfloat16: using float32 instead"
    warnings.warn(msg, VdsrWarning, stacklevel=4)
    return torch.float32


@cache
def _works(device: torch.device, precision: torch.dtype) -> bool:
    """Whether a device computes in a precision as it should; asked once."""
    try:
        return relative_error(device, precision) < _TOLERATED[precision]
    except RuntimeError as error:  # some say that they do not know the precision
        if is_out_of_memory(error):
            raise
        return False


@shielded()
def relative_error(device: torch.device, precision: torch.dtype) -> float:
    """How far a precision is from float32 on a small patch.

    Root mean square of the difference, relative to that of the residual; NaN when the
    result is not finite. Some devices give black or NaN in float16.
    """
    generator = torch.Generator().manual_seed(20)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(20)
        network = VDSR(depth=20).requires_grad_(False)
    x = torch.rand(1, 1, 64, 64, generator=generator) - 0.5
    expected = TorchEngine(network, torch.device("cpu"), torch.float32).residual(x)
    actual = TorchEngine(network, device, precision).residual(x.to(device)).cpu()
    error = (actual - expected).square().mean().sqrt()
    return float(error / expected.square().mean().sqrt())
