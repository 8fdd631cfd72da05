"""The size of a pixel, wherever a TIFF file says it."""

import math
import re
from collections.abc import Callable
from typing import Any

import tifffile

from napari_vdsr.files.ome_xml import ome_pixel_size
from napari_vdsr.files.units import normalise_unit, plane_size

Size = tuple[tuple[float, float] | None, str | None]
"""Height and width of a pixel with their unit, or two Nones."""

_TAG_UNITS = {2: "in", 3: "cm", 4: "mm", 5: "µm"}  # of the tag ResolutionUnit
_STATES_SIZES = re.compile(
    r"mpp|microns?\s*per|(um|µm|nm)\s*/\s*(px|pixel)|pixel\s*[-_ ]?(size|width|height)"
    r"|calibration|resolution|physicalsize",
    re.IGNORECASE,
)


def tiff_pixel_size(tif: Any, page: Any) -> Size:
    """Size of a pixel in Y and X with its unit, or two Nones.

    Taken from OME-XML, or what the program of the microscope wrote, or else the tags of
    the resolution, whose unit is the one that ImageJ or tifffile noted.
    """
    if tif.is_ome and tif.ome_metadata:
        found = ome_pixel_size(tif.ome_metadata)
        if found[0] is not None:
            return found
    for kind, size_of in _KINDS.items():
        if getattr(tif, f"is_{kind}", False):
            found = _of_program(size_of, tif, page)
            if found[0] is not None:
                return found
    sizes = [_size(page.tags.get(name)) for name in ("YResolution", "XResolution")]
    if 0 in sizes:
        return None, None
    height, width = sizes
    tag = page.tags.get("ResolutionUnit")
    unit = _TAG_UNITS.get(int(tag.value) if tag else 2)
    if tif.is_imagej:
        said = tif.imagej_metadata or {}
        noted = normalise_unit(_text(said.get("unit")))
        if noted is not None:
            other = normalise_unit(_text(said.get("yunit"))) or noted
            turned, unit = plane_size((width, height), (noted, other))
            return (turned and (turned[1], turned[0])), unit
        unit = unit if tag else None
    elif (noted := _noted_by_tifffile(tif)) is not None:
        unit = normalise_unit(noted)
    if unit is None and height == width == 1:
        return None, None
    return (height, width), unit


def states_sizes(tif: Any, description: str) -> bool:
    """Whether a description states sizes, which would be wrong for the result."""
    programs = ("svs", "scn", "qpi", "philips", "metaseries", "stk", "fluoview", "sis")
    return (
        any(getattr(tif, f"is_{kind}", False) for kind in programs)
        or _STATES_SIZES.search(description) is not None
    )


def _noted_by_tifffile(tif: Any) -> str | None:
    noted = tif.shaped_metadata
    return str(noted[0]["unit"]) if noted and "unit" in noted[0] else None


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _size(tag: Any) -> float:
    """Size of a pixel from a resolution tag; 0 when it says nothing."""
    value: Any = () if tag is None else tag.value
    try:
        if not isinstance(value, tuple):
            value = (value,)  # a number, not a fraction
        size = value[1] / value[0] if len(value) == 2 else 1 / value[0]
    except (TypeError, ValueError, IndexError, ZeroDivisionError):
        return 0.0
    return float(size) if 0 < size < math.inf else 0.0


def _of_program(size_of: Callable[[Any, Any], Any], tif: Any, page: Any) -> Size:
    """What the metadata of a program say, as far as they can be understood."""
    try:
        height, width, unit = size_of(tif, page)
        sizes = float(height), float(width)
    except Exception:  # these formats are described nowhere: anything may be missing
        return None, None
    unit = normalise_unit(str(unit))
    return (None, None) if unit is None else plane_size(sizes, (unit, unit))


def _svs(_: Any, page: Any) -> tuple[Any, Any, str]:
    found = tifffile.tifffile.svs_description_metadata(page.description)["MPP"]
    return found, found, "µm"


def _lsm(tif: Any, _: Any) -> tuple[Any, Any, str]:
    said = tif.lsm_metadata
    return said["VoxelSizeY"] * 1e6, said["VoxelSizeX"] * 1e6, "µm"


def _stk(tif: Any, _: Any) -> tuple[Any, Any, Any]:
    said = tif.stk_metadata
    return said["YCalibration"], said["XCalibration"], said["CalibrationUnits"]


def _metaseries(tif: Any, _: Any) -> tuple[Any, Any, Any]:
    said = tif.metaseries_metadata["PlaneInfo"]
    if said.get("spatial-calibration-state", True) is False:
        raise ValueError("not calibrated")
    x, y = said["spatial-calibration-x"], said["spatial-calibration-y"]
    return y, x, said["spatial-calibration-units"]


def _micromanager(_: Any, page: Any) -> tuple[Any, Any, str]:
    found = page.tags["MicroManagerMetadata"].value["PixelSizeUm"]
    return found, found, "µm"


def _fluoview(tif: Any, _: Any) -> tuple[Any, Any, Any]:
    rows = {row[0].strip().upper(): row for row in tif.fluoview_metadata["Dimensions"]}
    return rows["Y"][3], rows["X"][3], rows["X"][4]


def _sis(tif: Any, _: Any) -> tuple[Any, Any, str]:
    said = tif.sis_metadata
    return said["pixelsizey"] * 1e6, said["pixelsizex"] * 1e6, "µm"


def _fei(tif: Any, _: Any) -> tuple[Any, Any, str]:
    said = tif.fei_metadata["Scan"]
    return said["PixelHeight"] * 1e9, said["PixelWidth"] * 1e9, "nm"


def _sem(tif: Any, _: Any) -> tuple[Any, Any, str]:
    _, found, unit = tif.sem_metadata["ap_image_pixel_size"]
    return found, found, unit


def _tvips(tif: Any, _: Any) -> tuple[Any, Any, str]:
    said = tif.tvips_metadata
    return said["PixelSizeY"], said["PixelSizeX"], "nm"


_KINDS = {
    "svs": _svs,
    "lsm": _lsm,
    "stk": _stk,
    "metaseries": _metaseries,
    "micromanager": _micromanager,
    "fluoview": _fluoview,
    "sis": _sis,
    "fei": _fei,
    "sem": _sem,
    "tvips": _tvips,
}
