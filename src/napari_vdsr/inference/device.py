"""Where a network runs and in which precision."""

import torch

from napari_vdsr.errors import InputError

__all__ = ["available_devices", "resolve_device", "resolve_precision"]

_PRECISIONS = {
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}


def available_devices() -> list[str]:
    """Devices of this machine, the one that "auto" takes first.

    Returns
    -------
    list of str
        Names such as ``"cuda:0"``, ``"mps"``, ``"xpu:0"`` and, always last,
        ``"cpu"``.
    """
    devices = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        devices.append("mps")
    if torch.xpu.is_available():
        devices += [f"xpu:{index}" for index in range(torch.xpu.device_count())]
    return [*devices, "cpu"]


def resolve_device(name: str | torch.device) -> torch.device:
    """Find the device meant by a name.

    Parameters
    ----------
    name : str or torch.device
        "auto", "cpu", "cuda", "cuda:1", "mps", "xpu" and so on.

    Returns
    -------
    torch.device

    Raises
    ------
    InputError
        When this machine has no such device.

    Examples
    --------
    >>> resolve_device("cpu")
    device(type='cpu')
    """
    devices = available_devices()
    if name == "auto":
        return torch.device(devices[0])
    matches = [
        device for device in devices if str(name) in (device, device.split(":")[0])
    ]
    if not matches:
        msg = f"device is {str(name)!r}: this machine has auto, {', '.join(devices)}"
        raise InputError(msg)
    return torch.device(matches[0])


def resolve_precision(name: str | torch.dtype, device: torch.device) -> torch.dtype:
    """Find the precision of the hidden layers on a device.

    Parameters
    ----------
    name : str or torch.dtype
        "auto", "float32", "float16" or "bfloat16".
    device : torch.device
        Where the network will run.

    Returns
    -------
    torch.dtype

    Raises
    ------
    InputError
        When the precision is unknown or has no use on the device.

    Examples
    --------
    >>> resolve_precision("auto", torch.device("cpu"))
    torch.float32
    """
    if name == "auto":
        return torch.float32 if device.type == "cpu" else torch.float16
    precision = _PRECISIONS.get(str(name).removeprefix("torch."))
    if precision is None:
        msg = f"precision is {str(name)!r}: choose auto, {', '.join(_PRECISIONS)}"
        raise InputError(msg)
    if precision is torch.float16 and device.type == "cpu":
        msg = "precision float16 is not for the CPU: choose float32 or bfloat16"
        raise InputError(msg)
    return precision
