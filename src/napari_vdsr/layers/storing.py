"""Layers as they are into OME-Zarr and OME-TIFF, part by part."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_vdsr.errors import FileError
from napari_vdsr.files.folders import ZARR_SUFFIX
from napari_vdsr.files.image_files import Inputs, check_name, write_image
from napari_vdsr.imaging.geometry import Axes
from napari_vdsr.layers.plan import level_data, plan_layer
from napari_vdsr.layers.saving import PixelsOfLayer, picture_of
from napari_vdsr.version import __version__

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_vdsr.files import Picture
    from napari_vdsr.files.opening import Pixels


def store_layer(layer: "Image", path: Path) -> None:
    """Write the finest level of a layer, and where it lies, to a file.

    A name that ends in ``.zarr`` makes an OME-Zarr with a pyramid, others make TIFF
    files. What is there is replaced, but not what the layer is read from. Nothing is
    left when it fails. Raises `InputError` when the file cannot hold the layer, and
    `FileError` when it cannot be written.
    """
    from napari_vdsr.lazy.graph import files_of

    data = level_data(layer)
    check_name(path, overwrite=True, source=Inputs(files_of(data)))
    plan = plan_layer(layer, 1)
    picture = picture_of(layer, plan, data.dtype)
    pixels = PixelsOfLayer(data)
    if path.suffix.lower() == ZARR_SUFFIX:
        _store_zarr(path, picture, pixels, plan.axes)
        return
    from napari_vdsr.files.opening import Reordered

    order = plan.axes.moved_last(len(picture.axes))
    parts = Reordered(pixels, order)
    write_image(path, picture.reordered(order), pixels=parts, overwrite=True)


def _store_zarr(path: Path, picture: "Picture", pixels: "Pixels", axes: Axes) -> None:
    from napari_vdsr.files.ngff import ngff_order
    from napari_vdsr.files.ome_zarr_writer import (
        ZarrPlan,
        described,
        discard,
        finish_zarr,
        part_of,
        start_zarr,
        writing_alone,
    )
    from napari_vdsr.files.opening import Reordered
    from napari_vdsr.lazy.pyramid import reduced_shapes, region_of_level

    order = ngff_order(picture.axes, str(path))
    source, axes = Reordered(pixels, order), axes.ordered(order)
    plan = ZarrPlan(
        [source.shape, *reduced_shapes(source.shape, axes)],
        "".join(picture.axes[axis] for axis in order),
        np.dtype(source.dtype.name),
        described(picture).ordered(order),
    )
    job = {
        "version": __version__,
        "axes": picture.axes,
        "saved": True,
    }
    with writing_alone(path):
        if os.path.lexists(part_of(path)):
            raise FileError(
                f"{part_of(path)} is there already, an unfinished result: finish or "
                "remove it, or choose another name"
            )
        try:
            part = start_zarr(path, plan, job, overwrite=True)
            for level, shape in enumerate(part.shapes):
                for chunk in part.chunks(level):
                    region = part.region(level, chunk)
                    if level == 0:
                        made = source[region]
                    else:
                        below = part.pixels[level - 1]
                        made = region_of_level(below, shape, axes, region)
                    part.note(level, chunk, part.write(level, chunk, made))
            finish_zarr(part, path, plan, job, overwrite=True)
        except BaseException:
            discard(path)
            raise
