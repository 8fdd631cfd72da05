"""`napari-vdsr describe`, `bench` and `info`: what image and machine are like."""

import platform
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from napari_vdsr.cli.console import note, print_json, show, show_result
from napari_vdsr.cli.options import Axes, Json, named_path, option
from napari_vdsr.options import checked_precision
from napari_vdsr.version import __version__

_LIBRARIES = (
    "torch numpy napari magicgui dask distributed openvino safetensors scikit-image "
    "tifffile imagecodecs zarr PyQt6 PyQt5 PySide6"
).split()


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

    from napari_vdsr.inference.device import (
        available_devices,
        processor_name,
        usable_threads,
    )
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
    from importlib.metadata import PackageNotFoundError, version

    versions = {}
    for library in _LIBRARIES:
        with suppress(PackageNotFoundError):
            versions[library] = version(library)
    return versions


def _device(name: str) -> dict[str, Any]:
    import torch

    from napari_vdsr.inference.engine import resolve_precision, usable_precisions
    from napari_vdsr.inference.torch_engine import fault_now
    from napari_vdsr.zoo import load_model

    device = torch.device(name)
    if (reason := fault_now(device)) is not None:
        return {"name": name, "fault": reason}
    network = load_model("vdsr20").network
    found: dict[str, Any] = {
        "name": name,
        "precisions": [
            checked_precision(one) for one in usable_precisions(device, network)
        ],
        "default_precision": checked_precision(
            resolve_precision("auto", device, network)
        ),
    }
    if device.type in ("cuda", "xpu"):
        module = torch.cuda if device.type == "cuda" else torch.xpu
        properties = module.get_device_properties(device)
        found |= {"title": properties.name, "memory": properties.total_memory}
    return found


def _device_in_words(device: dict[str, Any]) -> str:
    if "fault" in device:
        return f"does not work here: {device['fault']}"
    words = [
        ", ".join(device["precisions"]) + f" (auto: {device['default_precision']})"
    ]
    if "title" in device:
        words.insert(0, f"{device['title']}, {device['memory'] / 2**30:.1f} GiB")
    return "; ".join(words)


def describe(
    image: Annotated[
        Path, typer.Argument(parser=named_path, metavar="IMAGE", help="The image file.")
    ],
    axes: Axes = None,
    as_json: Json = False,
) -> None:
    """Tell what an image says of itself: noise, detail, past, and the model for it.

    At most nine parts of it are read, which takes a few seconds whatever its size.
    Noise is given as variance against signal, with how sure that is. Detail coarser
    than the pixels means that enlarging cannot help. Saturation, few values and the
    grid of JPEG are said.

    For instance:

        napari-vdsr describe cells.ome.tif

        napari-vdsr describe cells.ome.tif --json
    """
    from napari_vdsr.evaluation.image_report import describe_image

    report = describe_image(image, axes=axes)
    text = f"{report.summary}\n\n{report.to_text()}"
    show_result({"file": str(image)} | report.to_json(), text, as_json)


def bench(
    device: Annotated[
        list[str] | None,
        option("A device; may be given several times.  [default: all there are]"),
    ] = None,
    largest: Annotated[
        int | None,
        option(
            "Output pixels per edge of the largest image; smaller ones are "
            "halves of it.  [default: 1024 on the CPU, 8192 elsewhere]",
            min=64,
        ),
    ] = None,
    repeats: Annotated[
        int, typer.Option(min=1, help="Timed rounds; medians are shown.")
    ] = 3,
    as_json: Json = False,
) -> None:
    """Measure speed and memory, this program's way and the usual one in turn.

    The usual way is that of published VDSR code: the whole image at once, in
    float32, by torch as it comes. Both enlarge a uint16 image twice with the
    20-layer network, from host memory to host memory. The limit is what a large
    matrix product reaches on the same device in the same run.

    For instance:

        napari-vdsr bench

        napari-vdsr bench --device cuda --largest 8192 --json
    """
    from napari_vdsr.benchmark import bench as measure

    found = measure(device or (), largest=largest, repeats=repeats, say=note)
    show_result(found.to_json(), found.to_text(), as_json)
