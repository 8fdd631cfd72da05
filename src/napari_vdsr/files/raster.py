"""Reading and writing PNG, JPEG and BMP."""

import io
import math
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from napari_vdsr.errors import FileError, InputError, VdsrWarning
from napari_vdsr.files.folders import RASTER_KINDS
from napari_vdsr.files.opening import check_memory
from napari_vdsr.files.picture import (
    Metadata,
    Picture,
    as_shown,
    convert_length,
    flipped_axes,
)

_LENGTHS = {"PNG": "m", "JPEG": "in", "BMP": "in"}  # units of the resolution read
# A resolution is a whole number of pixels, of so many at most, in this unit.
_DENSITIES = {"PNG": ("m", 2**31 - 1), "JPEG": ("in", 65_535), "BMP": ("m", 2**31 - 1)}
_INEXACT = 0.005  # of a pixel size, by which rounding may change it
_PER_INCH = 39.3701  # inches in a metre, as Pillow counts for BMP
_DTYPES = {"PNG": ("uint8", "uint16"), "JPEG": ("uint8",), "BMP": ("uint8",)}
_SAMPLES = {"PNG": (1, 2, 3, 4), "JPEG": (1, 3), "BMP": (1, 3)}
_LONGEST = {"PNG": 2**31 - 1, "JPEG": 65_500, "BMP": 2**31 - 1}
_JPEG_QUALITY = 95
_PNG_SAMPLES = {2: 3, 4: 2, 6: 4}  # of a pixel, by the type of colours
_DEFLATE = 1_100  # bytes that one of deflate can stand for, at most


def read_raster(path: Path, kind: str) -> tuple[Picture, tuple[str, ...]]:
    """Read a PNG, JPEG or BMP file, and say what of it is left out.

    Axes are YX, or YXS with grey and alpha, RGB or RGBA. Photographs are turned
    upright, as their EXIF orientation says.
    """
    data = path.read_bytes()
    image = _opened(path, data, kind)
    _check_size(path, image, data, kind)
    if kind == "PNG":  # Pillow reduces 16-bit colours to 8 bits
        array = imagecodecs.png_decode(data)
    else:
        array = _decoded(path, image)
    size = _pixel_size(image)
    orientation = image.getexif().get(0x0112, 1)
    if kind == "PNG":
        array = _upright(array, orientation)
    if size and 5 <= orientation <= 8:
        size = size[::-1]
    axes = "YX" if array.ndim == 2 else "YXS"
    count = getattr(image, "n_frames", 1)  # animated PNG, JPEG of several views
    picture = Picture(
        array,
        axes,
        rgb=array.ndim == 3 and array.shape[-1] >= 3,
        pixel_size=size,
        unit=_LENGTHS[kind] if size else None,
        metadata=Metadata(icc_profile=image.info.get("icc_profile")),
    )
    if count == 1:
        return picture, ()
    return picture, (
        f"{path} holds {count} images: the first one is read, the others are left out",
    )


def _check_size(path: Path, image: Image.Image, data: bytes, kind: str) -> None:
    """Raise `FileError` where the pixels cannot be in the file or in memory."""
    bits = 8 * len(image.getbands())
    if kind == "PNG":
        depth, colours = data[24:26]
        bits = depth * _PNG_SAMPLES.get(colours, 1)
    pixels = image.width * image.height
    if kind == "PNG" and pixels * bits > 8 * _DEFLATE * len(data):
        raise FileError(
            f"cannot read {path}: its header promises {pixels:,} pixels, which cannot "
            f"be in {len(data):,} bytes"
        )
    check_memory(str(path), pixels * bits // 8)


def _upright(array: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn an image of shape (Y, X, ...) as its EXIF orientation, 1 to 8, says."""
    if 5 <= orientation <= 8:
        array = array.swapaxes(0, 1)
    return np.ascontiguousarray(np.flip(array, flipped_axes(orientation, 0, 1)))


def _opened(path: Path, data: bytes, kind: str) -> Image.Image:
    """Open an image however large it is: the user chose it."""
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        return Image.open(io.BytesIO(data), formats=(kind,))
    except UnidentifiedImageError as error:  # whose words hold an address of memory
        msg = f"cannot read {path}: damaged or cut short (it holds no {kind} image)"
        raise FileError(msg) from error
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _decoded(path: Path, image: Image.Image) -> NDArray[np.uint8]:
    upright = ImageOps.exif_transpose(image)
    if upright.mode == "CMYK":
        raise FileError(f"{path} has CMYK colours: convert it to RGB first")
    if upright.mode not in ("L", "RGB", "RGBA"):
        upright = upright.convert("L" if upright.mode == "1" else "RGB")
    return np.array(upright)


def _pixel_size(image: Image.Image) -> tuple[float, float] | None:
    """Height and width of a pixel: in metres for PNG, in inches for JPEG and BMP."""
    dots = _dots_per_inch(image)
    if not dots or not all(0 < value < math.inf for value in dots):
        return None
    if image.format == "PNG":  # whole numbers in a metre
        dots = [round(value / 0.0254) for value in dots]
    return 1 / float(dots[1]), 1 / float(dots[0])


def _dots_per_inch(image: Image.Image) -> Any:
    """Pixels in an inch along X and Y, as a file says."""
    if image.format in ("PNG", "BMP") or image.info.get("jfif_unit") in (1, 2):
        return image.info.get("dpi")
    # Pillow takes that of X for both, and 72 where there is none.
    exif = image.getexif()
    dots = exif.get(0x011A), exif.get(0x011B)
    try:
        values = [float(each) for each in dots]  # type: ignore[arg-type]
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return [each * (2.54 if exif.get(0x0128) == 3 else 1) for each in values]


def write_raster(path: Path, kind: str, picture: Picture) -> None:
    """Write one image plane as PNG, JPEG or BMP, over a file that is there.

    The colour profile is written too, and the pixel size where the format can hold it.
    JPEG has quality 95 and colours at full resolution.
    """
    samples = picture.axes.find("S")
    array = as_shown(picture.array, picture.metadata, samples if samples > 0 else None)
    array = np.ascontiguousarray(array)
    profile = picture.metadata.icc_profile
    density = _density(picture, kind)
    if kind == "PNG":
        path.write_bytes(
            _with_chunks(bytes(imagecodecs.png_encode(array)), profile, density)
        )
        return
    unit = _PER_INCH if kind == "BMP" else 1
    down, across = density or (0, 0)  # without any, Pillow would make it 96 for BMP
    options: dict[str, Any] = {"dpi": (across / unit, down / unit)}
    if kind == "JPEG":
        options |= {"quality": _JPEG_QUALITY, "subsampling": 0}
        options |= {"icc_profile": profile} if profile else {}
    Image.fromarray(array).save(path, kind, **options)


def _density(picture: Picture, kind: str) -> tuple[int, int] | None:
    """Pixels in the format's unit of length, along Y and X, where it can say that.

    Warns where it cannot: readers would believe the nearest number that it has.
    """
    unit, most = _DENSITIES[kind]
    if picture.pixel_size is None or picture.unit is None:
        return None
    sizes = [convert_length(size, picture.unit, unit) for size in picture.pixel_size]
    wanted = [1 / size if size else 0.0 for size in sizes]
    if all(0.5 < each < most for each in wanted):
        down, across = map(round, wanted)
        pairs = zip((down, across), wanted, strict=True)
        if all(abs(whole - each) <= _INEXACT * each for whole, each in pairs):
            return down, across
    height, width = picture.pixel_size
    msg = (
        f"{kind} cannot hold a pixel size of {height:g} × {width:g} {picture.unit}: "
        "the result says none, a .tif or .zarr can"
    )
    warnings.warn(msg, VdsrWarning, stacklevel=4)
    return None


def _with_chunks(
    png: bytes, profile: bytes | None, density: tuple[int, int] | None
) -> bytes:
    """Put colour profile and pixel size behind the header of a PNG file."""
    header = 8 + 12 + 13  # signature, frame of the chunk IHDR, IHDR itself
    chunks = b""
    if profile:
        chunks += _chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(profile))
    if density:
        down, across = density
        chunks += _chunk(b"pHYs", struct.pack(">IIB", across, down, 1))
    return png[:header] + chunks + png[header:]


def _chunk(name: bytes, content: bytes) -> bytes:
    length, checksum = len(content), zlib.crc32(name + content)
    return struct.pack(">I", length) + name + content + struct.pack(">I", checksum)


def check_raster(path: Path, picture: Picture) -> None:
    """Raise `InputError` when a file of this name cannot hold the picture."""
    kind = RASTER_KINDS[path.suffix.lower()]
    array = picture.array
    if picture.axes not in ("YX", "YXS"):
        raise InputError(
            f"{kind} holds one image plane, but {path.name} would have axes "
            f"{picture.axes} {array.shape}: write a TIFF file"
        )
    if array.dtype.name not in _DTYPES[kind]:
        allowed = " and ".join(_DTYPES[kind])
        better = "PNG or TIFF" if array.dtype == np.uint16 else "TIFF"
        raise InputError(
            f"{kind} holds {allowed}, but {path.name} would be {array.dtype.name}: "
            f"write a {better} file, or convert the image first"
        )
    samples = array.shape[2] if picture.axes == "YXS" else 1
    if samples not in _SAMPLES[kind]:
        raise InputError(
            f"{kind} cannot hold {samples} samples per pixel (alpha?), as "
            f"{path.name} would have: write a PNG or TIFF file"
        )
    if samples in (2, 4) and "unspecified" in picture.metadata.extra:
        raise InputError(
            f"the last of {samples} samples per pixel is not said to be alpha, but in "
            f"{path.name} it would be: write a TIFF file"
        )
    if max(picture.plane_shape) > _LONGEST[kind]:
        raise InputError(
            f"{kind} ends at {_LONGEST[kind]} pixels a side, but {path.name} would "
            f"have {picture.plane_shape}: write a TIFF file"
        )
