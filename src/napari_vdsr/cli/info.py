"""`napari-vdsr info`: what to paste into a bug report."""

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from napari_vdsr.cli.console import print_json, show
from napari_vdsr.cli.options import Json
from napari_vdsr.version import __version__

if TYPE_CHECKING:
    import torch


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

    from napari_vdsr.inference.device import available_devices, processor_name
    from napari_vdsr.inference.threads import usable_threads
    from napari_vdsr.zoo.registry import cache_folder

    return {
        "napari_vdsr": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "processor": processor_name(),
        "cores": usable_threads(),
        "threads": torch.get_num_threads(),
        "devices": [_device(name) for name in available_devices()],
        "cache": str(cache_folder()),
        "versions": _versions(),
    }


def _versions() -> dict[str, str]:
    """Versions from the package metadata, without importing the packages."""
    versions = {}
    for library in _LIBRARIES:
        try:
            versions[library] = version(library)
        except PackageNotFoundError:
            continue
    return versions


def _device(name: str) -> dict[str, Any]:
    import torch

    from napari_vdsr.inference.settings import resolve_precision, usable_precisions
    from napari_vdsr.zoo import load_model

    device, network = torch.device(name), load_model("vdsr20").network
    found: dict[str, Any] = {
        "name": name,
        "precisions": [_short(one) for one in usable_precisions(device, network)],
        "default_precision": _short(resolve_precision("auto", device, network)),
    }
    if device.type in ("cuda", "xpu"):
        module = torch.cuda if device.type == "cuda" else torch.xpu
        properties = module.get_device_properties(device)
        found |= {"title": properties.name, "memory": properties.total_memory}
    return found


def _short(precision: "torch.dtype") -> str:
    return str(precision).removeprefix("torch.")


def _device_in_words(device: dict[str, Any]) -> str:
    words = [
        ", ".join(device["precisions"]) + f" (auto: {device['default_precision']})"
    ]
    if "title" in device:
        words.insert(0, f"{device['title']}, {device['memory'] / 2**30:.1f} GiB")
    return "; ".join(words)
