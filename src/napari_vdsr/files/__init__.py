"""Image files in and out: TIFF of every kind, PNG, JPEG and BMP."""

from napari_vdsr.files.folders import list_images
from napari_vdsr.files.picture import Metadata, Picture
from napari_vdsr.files.reading import read_image
from napari_vdsr.files.writing import check_output, write_image

__all__ = [
    "Metadata",
    "Picture",
    "check_output",
    "list_images",
    "read_image",
    "write_image",
]
