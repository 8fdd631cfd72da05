"""A model and images that are quick to run, in files."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import zarr
from numpy.typing import NDArray

from napari_vdsr.files import open_image
from napari_vdsr.files.ome_zarr_writer import part_of
from napari_vdsr.files.opening import OpenImage
from napari_vdsr.files.partial_zarr import Counts, PartialZarr
from napari_vdsr.imaging.geometry import plan_enlargement
from napari_vdsr.lazy import cluster
from napari_vdsr.lazy.cluster import UpscaleSettings
from napari_vdsr.network import VDSR
from napari_vdsr.options import RunOptions
from napari_vdsr.pipeline import Target, Task, upscale_file
from napari_vdsr.zoo import Model


def tiny_network(depth: int = 3) -> VDSR:
    """Give a network with a residual as large as that of a trained one."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(depth)
        return VDSR(depth, features=4).requires_grad_(False)


def tiny_model(*, residual: bool = True) -> Model:
    """Give a model of three layers; without a residual it is plain bicubic."""
    network = tiny_network()
    if not residual:
        torch.nn.init.zeros_(list(network.layers)[-1].weight)
    return Model(network, "tiny")


def noise(shape: tuple[int, ...], dtype: str = "uint16") -> NDArray[Any]:
    return (np.random.default_rng(0).random(shape) * 4000).astype(dtype)


def plain_zarr(
    path: Path, array: NDArray[Any], *, names: str | None = None, **options: Any
) -> Path:
    """Write a zarr array without anything of OME-Zarr."""
    options.setdefault("chunks", tuple(min(size, 100) for size in array.shape))
    zarr.create_array(str(path), data=array, dimension_names=names, **options)
    return path


def stream(
    source: Path,
    target: Path,
    model: Model,
    *,
    axes: str,
    factor: float | tuple[float, float] = 2,
    version: Any = "0.5",
    overwrite: bool = False,
    opener: Callable[[], OpenImage] | None = None,
    **options: Any,
) -> Counts:
    """Enlarge a file into an OME-Zarr, as the command does."""
    opener = opener or partial(open_image, source, axes_told=True)
    with opener() as image:
        plan = plan_enlargement(image.picture.array.shape, factor, axes=axes)
        done = upscale_file(
            Task(image, image.picture, axes, plan, opener),
            Target(target, overwrite, version),
            RunOptions(model, device="cpu", precision="float32"),
            **options,
        )
    assert done.chunks is not None
    return done.chunks


def as_if_stopped(target: Path) -> PartialZarr:
    """Make a complete zarr one whose run was stopped at the very end."""
    target.rename(part_of(target))
    return PartialZarr(part_of(target))


class Once:
    """Progress that does something when so many chunks are done."""

    def __init__(self, chunks: int, action: Callable[[], object]) -> None:
        self.left, self.action = chunks, action

    def reset(self, total: float | None = None) -> None:
        pass

    def update(self, n: float = 1) -> None:
        self.left -= 1
        if self.left == 0:
            self.action()


def files_of(folder: Path) -> dict[str, bytes]:
    """All files of a zarr with their bytes."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def count_arrivals() -> None:
    """Let a worker count the settings that it gets."""
    cluster._arrivals = 0  # type: ignore[attr-defined]

    def arrive(self: UpscaleSettings, state: dict[str, Any]) -> None:
        cluster._arrivals += 1  # type: ignore[attr-defined]
        self.__dict__.update(state)

    UpscaleSettings.__setstate__ = arrive  # type: ignore[attr-defined]


def arrivals() -> int:
    return cluster._arrivals  # type: ignore[attr-defined,no-any-return]
