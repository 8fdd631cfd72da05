"""Image files in and out: TIFF of every kind, OME-Zarr, PNG, JPEG and BMP.

The functions below are loaded when they are first used: writing a file of weights
needs `napari_vdsr.files.atomic` on machines that have no libraries for images.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_vdsr.files.folders import list_images
    from napari_vdsr.files.image_files import (
        check_output,
        open_image,
        read_image,
        write_image,
    )
    from napari_vdsr.files.picture import Metadata, Picture

__all__ = [
    "Metadata",
    "Picture",
    "check_output",
    "list_images",
    "open_image",
    "read_image",
    "write_image",
]

_MODULES = {"Metadata": "picture", "Picture": "picture", "list_images": "folders"}


def __getattr__(name: str) -> object:
    if name in __all__:
        module = _MODULES.get(name, "image_files")
        return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
