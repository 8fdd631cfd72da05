"""Sample images with their truth, and what napari's own *Save* calls."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image

from napari_vdsr.errors import FileError, VdsrError
from napari_vdsr.files.atomic import free_paths
from napari_vdsr.simulation import Simulated, simulate

LayerData = tuple[Any, dict[str, Any], str]
"""Data, attributes and type of a layer, as napari hands them out."""

_TIFF = (".ome.tif", ".ome.tiff", ".ome.btf", ".tif", ".tiff", ".btf")


def coins() -> list[LayerData]:
    """Photograph of coins at half its size, exactly over the hidden original."""
    from skimage import data

    from napari_vdsr.imaging.resample import resize

    original: np.ndarray[Any, np.dtype[np.uint8]] = data.coins()[:302, :384]  # type: ignore[no-untyped-call]
    small = tuple(size // 2 for size in original.shape)
    reduced = np.rint(resize(original, small)).clip(0, 255).astype(np.uint8)
    limits = {"contrast_limits": (0, 255)}
    # Both cover the same area: pixels twice as large start half a pixel further in.
    placed = {"scale": (2, 2), "translate": (0.5, 0.5)}
    return [
        (original, {"name": "coins (original)", "visible": False, **limits}, "image"),
        (reduced, {"name": "coins", **limits, **placed}, "image"),
    ]


def filaments() -> list[LayerData]:
    """Filaments under a simulated confocal microscope."""
    return _with_truth("filaments", simulate("filaments", photons=60))


def nuclei() -> list[LayerData]:
    """Nuclei on a simulated camera, behind an objective of 20x."""
    seen = simulate("nuclei", sampling="camera", photons=150, pixel_size=0.325)
    return _with_truth("nuclei", seen)


def puncta() -> list[LayerData]:
    """Drifting puncta and a channel of filaments, as a simulated confocal stack."""
    shape = (3, 2, 5, 128, 128)
    seen = simulate(("puncta", "filaments"), shape=shape, photons=100)
    return _with_truth("puncta", seen)


def _with_truth(name: str, seen: Simulated) -> list[LayerData]:
    """The truth, hidden, and the image exactly over it."""
    units = ("second", "pixel", *["micrometer"] * 3)
    shared = {
        "axis_labels": tuple("TCZYX")[-seen.image.ndim :],
        "units": units[-seen.image.ndim :],
        "contrast_limits": (seen.offset, float(np.quantile(seen.truth, 0.999))),
    }
    placed = {"scale": seen.truth_scale, "translate": seen.truth_translate}
    truth = {"name": f"{name}, truth", "visible": False, **shared, **placed}
    image = {"name": name, "scale": seen.scale, **shared}
    return [(seen.truth, truth, "image"), (seen.image, image, "image")]


def write_ome_zarr(path: str, layers: Sequence[LayerData]) -> list[str]:
    """Write image layers as OME-Zarr, and return the names of the results.

    Several layers get a folder each, whose name ends in that of the layer.
    """
    return _write(path, layers, (".zarr",))


def write_ome_tiff(path: str, layers: Sequence[LayerData]) -> list[str]:
    """Write image layers as OME-TIFF, several into a file each."""
    return _write(path, layers, _TIFF)


def _write(path: str, layers: Sequence[LayerData], endings: Sequence[str]) -> list[str]:
    from napari_vdsr.layers.saving import store_layer

    targets = _targets(Path(path), [meta["name"] for _, meta, _ in layers], endings)
    for target, (data, attributes, _) in zip(targets, layers, strict=True):
        try:
            store_layer(Image(data, **attributes), target)
        except FileError:
            raise
        except VdsrError as error:  # of a ValueError, npe2 makes "no writer was found"
            raise FileError(str(error)) from error
    return [str(target) for target in targets]


def _targets(path: Path, names: Sequence[str], endings: Sequence[str]) -> list[Path]:
    """The file of each layer, so that none is written twice."""
    ending = next((e for e in endings if path.name.lower().endswith(e)), "")
    stem = path.name[: len(path.name) - len(ending)]
    ending = path.name[len(stem) :] or endings[0]
    if len(names) == 1:
        return [path.with_name(stem + ending)]
    return free_paths(names, lambda name: path.with_name(f"{stem}-{name}{ending}"))
