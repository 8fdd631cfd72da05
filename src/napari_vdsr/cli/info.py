"""`napari-vdsr info`: what to paste into a bug report."""

import platform
import warnings
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import napari_vdsr
from napari_vdsr.cli.console import print_json, show
from napari_vdsr.cli.options import Json

if TYPE_CHECKING:
    import torch

__all__ = ["info"]

_LIBRARIES = (
    "torch",
    "numpy",
    "napari",
    "magicgui",
    "dask",
    "distributed",
    "openvino",
    "safetensors",
    "scikit-image",
    "tifffile",
    "imagecodecs",
    "zarr",
    "PyQt6",
    "PyQt5",
    "PySide6",
)


def info(as_json: Json = False) -> None:
    """Describe this machine and installation.

    Devices with the precisions that make sense on them, versions, threads and the
    folder that fetched models are kept in: what to paste into a bug report.

    For instance:

        napari-vdsr info

        napari-vdsr info --json
    """
    found = _gathered()
    if as_json:
        print_json(found)
        return
    for name, value in found.items():
        if name == "devices":
            lines = [f"{item['name']}: {_device_in_words(item)}" for item in value]
        elif name == "versions":
            lines = [f"{library} {number}" for library, number in value.items()]
        else:
            lines = [str(value)]
        title = name.replace("_", " ")
        for line in lines:
            show(f"{title:<14}{line}")
            title = ""


def _gathered() -> dict[str, Any]:
    import torch

    from napari_vdsr.inference.device import available_devices
    from napari_vdsr.inference.threads import usable_threads
    from napari_vdsr.models.folders import cache_folder

    return {
        "napari_vdsr": napari_vdsr.__version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "processor": _processor(),
        "cores": usable_threads(),
        "threads": torch.get_num_threads(),
        "devices": [_device(name) for name in available_devices()],
        "cache": str(cache_folder()),
        "versions": _versions(),
    }


def _versions() -> dict[str, str]:
    """Versions from the package metadata, so that nothing is imported for them."""
    versions = {}
    for library in _LIBRARIES:
        try:
            versions[library] = version(library)
        except PackageNotFoundError:
            continue
    return versions


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _device(name: str) -> dict[str, Any]:
    import torch

    from napari_vdsr.inference.precision import PRECISIONS

    device = torch.device(name)
    usable = {wanted: _precision(wanted, device) for wanted in ("auto", *PRECISIONS)}
    found: dict[str, Any] = {
        "name": name,
        "precisions": [wanted for wanted in PRECISIONS if usable[wanted] == wanted],
        "default_precision": usable["auto"],
    }
    if device.type in ("cuda", "xpu"):
        module = torch.cuda if device.type == "cuda" else torch.xpu
        properties = module.get_device_properties(device)
        found |= {"title": properties.name, "memory": properties.total_memory}
    return found


def _precision(wanted: str, device: "torch.device") -> str | None:
    """What is used on a device for a precision; None where it is refused."""
    from napari_vdsr.errors import InputError
    from napari_vdsr.inference.precision import resolve_precision
    from napari_vdsr.models import load_model

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a fallback is what is asked about here
        try:
            used = resolve_precision(wanted, device, load_model("vdsr20").network)
        except InputError:
            return None
    return str(used).removeprefix("torch.")


def _device_in_words(device: dict[str, Any]) -> str:
    words = [
        ", ".join(device["precisions"]) + f" (auto: {device['default_precision']})"
    ]
    if "title" in device:
        words.insert(0, f"{device['title']}, {device['memory'] / 2**30:.1f} GiB")
    return "; ".join(words)
