"""What napari's own *Save* calls for image layers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari_vdsr.errors import FileError, VdsrError
from napari_vdsr.files.folders import free_paths

LayerData = tuple[Any, dict[str, Any], str]
"""Data, attributes and type of a layer, as napari hands them out."""

_TIFF = (".ome.tif", ".ome.tiff", ".ome.btf", ".tif", ".tiff", ".btf")


def write_ome_zarr(path: str, layers: Sequence[LayerData]) -> list[str]:
    """Write image layers as OME-Zarr, and return the names of the results.

    Several layers get a folder each, whose name ends in that of the layer.
    """
    return _write(path, layers, (".zarr",))


def write_ome_tiff(path: str, layers: Sequence[LayerData]) -> list[str]:
    """Write image layers as OME-TIFF, several into a file each."""
    return _write(path, layers, _TIFF)


def _write(path: str, layers: Sequence[LayerData], endings: Sequence[str]) -> list[str]:
    from napari.layers import Image

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
