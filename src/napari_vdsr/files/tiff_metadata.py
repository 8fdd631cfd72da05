"""What the metadata of TIFF files say: OME-XML, and the size of a pixel anywhere."""

import math
import os
import re
import warnings
from collections.abc import Iterator, Mapping
from typing import Any
from xml.etree import ElementTree

from napari_vdsr.errors import VdsrWarning
from napari_vdsr.files.picture import Picture, PixelSize, normalise_unit, plane_size

_STORAGE = ("TiffData", "BinData", "MetadataOnly")
_TAG_UNITS = {2: "in", 3: "cm", 4: "mm", 5: "µm"}  # of the tag ResolutionUnit
_STATES_SIZES = re.compile(
    r"mpp|microns?\s*per|(um|µm|nm)\s*/\s*(px|pixel)|pixel\s*[-_ ]?(size|width|height)"
    r"|calibration|resolution|physical\s*_?size(?!_?z)|voxel",
    re.IGNORECASE,
)

# Those that note the size of a pixel, in the order in which they are asked.
_PROGRAMS = "svs lsm stk metaseries micromanager fluoview sis fei sem tvips".split()
# What some of them call it along Y and X, and how many of which unit theirs is.
_LENGTHS = {
    "lsm": (("VoxelSizeY", "VoxelSizeX"), 1e6, "µm"),
    "sis": (("pixelsizey", "pixelsizex"), 1e6, "µm"),
    "fei": (("PixelHeight", "PixelWidth"), 1e9, "nm"),
    "tvips": (("PixelSizeY", "PixelSizeX"), 1, "nm"),
}


def ome_fault(xml: str) -> str:
    """What keeps an OME-XML document from being understood; empty where nothing does.

    One without an image, which points to another file, is right.
    """
    try:
        pixels = _find(ElementTree.fromstring(xml), "Pixels")
    except ElementTree.ParseError as error:
        return str(error)
    if pixels is None:
        return ""
    for axis in "XYZCT":
        size = pixels.get(f"Size{axis}", "")
        if not size.isdecimal() or int(size) < 1:
            return f"Size{axis} is {size!r}"
    return ""


def files_named(xml: str | None) -> Iterator[str]:
    """Names of other files that an OME-XML document says its planes are in."""
    try:
        root = ElementTree.fromstring(xml or "<none/>")
    except ElementTree.ParseError:
        return
    own = root.get("UUID")
    for item in root.iter():
        kind = item.tag.rpartition("}")[2]
        name = item.get("FileName") if kind == "UUID" else None
        if name and item.text != own:
            yield os.path.basename(name.replace("\\", "/"))


def ome_pixel_size(xml: str) -> PixelSize:
    """Height and width of a pixel of the first image with their unit, or Nones."""
    steps = _steps(xml, {"Y": "PhysicalSizeY", "X": "PhysicalSizeX"}, "µm")
    if len(steps) < 2:
        return None, None
    (height, unit), (width, other) = steps["Y"], steps["X"]
    return plane_size((height, width), (unit, other))


def ome_steps(xml: str) -> dict[str, tuple[float, str]]:
    """Distance of planes in Z and of images in T with units, as far as given."""
    return _steps(xml, {"Z": "PhysicalSizeZ"}, "µm") | _steps(
        xml, {"T": "TimeIncrement"}, "s"
    )


def _steps(
    xml: str, names: Mapping[str, str], usual: str
) -> dict[str, tuple[float, str]]:
    """Lengths with their units, `usual` where the document names none."""
    pixels = _find(ElementTree.fromstring(xml), "Pixels")
    steps: dict[str, tuple[float, str]] = {}
    if pixels is None:
        return steps
    for axis, name in names.items():
        try:
            step = float(pixels.get(name, "nan"))
        except ValueError:
            continue
        if 0 < step < math.inf:
            unit = normalise_unit(pixels.get(f"{name}Unit", usual))
            steps[axis] = step, unit or "pixel"
    return steps


def ome_channels(xml: str) -> list[dict[str, str]]:
    """For each channel of the first image a "label" and a "color" (hexadecimal RRGGBB).

    Empty where no channel has a name.
    """
    pixels = _find(ElementTree.fromstring(xml), "Pixels")
    found = [] if pixels is None else [c for c in pixels if _name(c) == "Channel"]
    if not any(channel.get("Name") for channel in found):
        return []
    channels = []
    for number, channel in enumerate(found):
        try:
            colour = int(channel.get("Color", "-1")) & 0xFFFFFFFF  # RGBA
        except ValueError:
            colour = 0xFFFFFFFF
        label = channel.get("Name") or f"channel {number}"
        channels.append({"label": label, "color": f"{colour >> 8:06X}"})
    return channels


def enlarged_ome(picture: Picture) -> str | None:
    """The OME-XML document of an enlarged picture, made from that of its source.

    Only sizes, pixel size and storage change; regions of interest, which count source
    pixels, are left out with a warning. None when the document does not describe the
    picture.
    """
    if picture.metadata.ome is None:
        return None
    root = ElementTree.fromstring(picture.metadata.ome)
    uri = root.tag.partition("}")[0].lstrip("{")
    image, pixels = _find(root, "Image"), _find(root, "Pixels")
    if image is None or pixels is None or not _describes(pixels, picture):
        return None
    if uri:
        ElementTree.register_namespace("", uri)
    root.attrib.pop("UUID", None)  # it named the source file
    for item in [item for item in root if _name(item) == "Image"]:
        if item is not image:
            root.remove(item)
    _drop_regions(root, image)
    _drop_stated_sizes(root)
    _set_sizes(pixels, picture)
    _set_storage(pixels, f"{{{uri}}}TiffData" if uri else "TiffData")
    return ElementTree.tostring(root, encoding="unicode")


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _find(root: ElementTree.Element, name: str) -> ElementTree.Element | None:
    return next((item for item in root.iter() if _name(item) == name), None)


def _describes(pixels: ElementTree.Element, picture: Picture) -> bool:
    """Whether the planes of the document are those of the picture."""
    sizes = dict(zip(picture.axes, picture.array.shape, strict=True))
    samples = sizes.pop("S", 1)
    if not set(sizes) <= set("TCZYX") or not picture.axes.endswith(("YX", "YXS")):
        return False
    sizes["C"] = sizes.get("C", 1) * samples
    return all(
        pixels.get(f"Size{axis}", "1") == str(sizes.get(axis, 1)) for axis in "TCZ"
    )


def _drop_regions(root: ElementTree.Element, image: ElementTree.Element) -> None:
    dropped = False
    for parent, name in ((root, "ROI"), (image, "ROIRef")):
        for item in [item for item in parent if _name(item) == name]:
            parent.remove(item)
            dropped = True
    if dropped:
        msg = "regions of interest are left out: they count pixels of the source"
        warnings.warn(msg, VdsrWarning, stacklevel=2)


def _drop_stated_sizes(root: ElementTree.Element) -> None:
    """Leave out notes on the size of a pixel, which would be wrong for the result."""
    for parent in list(root.iter()):
        for item in list(parent):
            if _name(item) == "Description":
                item.text = without_sizes(item.text or "")
            elif _name(item) in ("M", "OriginalMetadata"):
                said = " ".join((item.get("K", ""), *item.itertext()))
                if not without_sizes(said):
                    parent.remove(item)


def _set_sizes(pixels: ElementTree.Element, picture: Picture) -> None:
    sizes: tuple[float | None, ...] = (None, None)
    if picture.unit is not None:
        sizes = picture.pixel_size or sizes
    for axis, after, size in zip("YX", picture.plane_shape, sizes, strict=True):
        before = pixels.get(f"Size{axis}", "")
        pixels.set(f"Size{axis}", str(after))
        said = pixels.get(f"PhysicalSize{axis}")
        if said is not None and size is not None:
            pixels.set(f"PhysicalSize{axis}", f"{size:.12g}")
            pixels.set(f"PhysicalSize{axis}Unit", picture.unit or "")
        elif said is not None:  # that of one axis alone, or in a unit of its own
            _scale(pixels, f"PhysicalSize{axis}", int(before) / after)
    pixels.attrib.pop("BigEndian", None)
    order = [axis for axis in picture.axes if axis in "TCZ"]
    order = [axis for axis in "TCZ" if axis not in order] + order
    pixels.set("DimensionOrder", "XY" + "".join(reversed(order)))


def _scale(pixels: ElementTree.Element, name: str, ratio: float) -> None:
    """Multiply a length, or leave it out where it is none."""
    try:
        length = float(pixels.get(name, "nan")) * ratio
    except ValueError:
        length = math.nan
    if 0 < length < math.inf:
        pixels.set(name, f"{length:.12g}")
    else:
        del pixels.attrib[name]


def _set_storage(pixels: ElementTree.Element, tag: str) -> None:
    """Say that the planes follow one another, from the first page on."""
    for item in [item for item in pixels if _name(item) in _STORAGE]:
        pixels.remove(item)
    names = [_name(item) for item in pixels]
    place = len(names) - names[::-1].index("Channel") if "Channel" in names else 0
    pixels.insert(place, ElementTree.Element(tag))


def tiff_pixel_size(tif: Any, page: Any) -> PixelSize:
    """Size of a pixel in Y and X with its unit, or two Nones.

    Taken from OME-XML, or what the program of the microscope wrote, or else the tags of
    the resolution, whose unit is the one that ImageJ or tifffile noted.
    """
    if tif.is_ome and tif.ome_metadata:
        found = ome_pixel_size(tif.ome_metadata)
        if found[0] is not None:
            return found
    for kind in _PROGRAMS:
        if getattr(tif, f"is_{kind}", False):
            found = _of_program(kind, tif, page)
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
        noted, other = (normalise_unit(str(said.get(k, ""))) for k in ("unit", "yunit"))
        if noted is not None:
            other = other or noted
            turned, unit = plane_size((width, height), (noted, other))
            return (turned and (turned[1], turned[0])), unit
        unit = unit if tag else None
    elif tif.shaped_metadata and "unit" in tif.shaped_metadata[0]:  # by tifffile
        unit = normalise_unit(str(tif.shaped_metadata[0]["unit"]))
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


def without_sizes(text: str) -> str:
    """The lines of a text that do not state the size of a pixel."""
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if not _STATES_SIZES.search(line))


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


def _of_program(kind: str, tif: Any, page: Any) -> PixelSize:
    """What the metadata of a program say, as far as they can be understood."""
    try:
        height, width, unit = _as_noted(kind, tif, page)
        sizes = float(height), float(width)
    except Exception:  # these formats are described nowhere: anything may be missing
        return None, None
    unit = normalise_unit(str(unit))
    return (None, None) if unit is None else plane_size(sizes, (unit, unit))


def _as_noted(kind: str, tif: Any, page: Any) -> tuple[Any, Any, Any]:
    """Height and width of a pixel and their unit, in the words of a program."""
    if kind == "svs":
        import tifffile

        found = tifffile.tifffile.svs_description_metadata(page.description)["MPP"]
        return found, found, "µm"
    if kind == "micromanager":
        found = page.tags["MicroManagerMetadata"].value["PixelSizeUm"]
        return found, found, "µm"
    said = getattr(tif, f"{kind}_metadata")
    if kind == "stk":
        return said["YCalibration"], said["XCalibration"], said["CalibrationUnits"]
    if kind == "metaseries":
        said = said["PlaneInfo"]
        if said.get("spatial-calibration-state", True) is False:
            raise ValueError("not calibrated")
        y, x = said["spatial-calibration-y"], said["spatial-calibration-x"]
        return y, x, said["spatial-calibration-units"]
    if kind == "fluoview":
        rows = {row[0].strip().upper(): row for row in said["Dimensions"]}
        return rows["Y"][3], rows["X"][3], rows["X"][4]
    if kind == "sem":
        _, found, unit = said["ap_image_pixel_size"]
        return found, found, unit
    (y, x), times, unit = _LENGTHS[kind]
    said = said.get("Scan", said)  # of FEI
    return said[y] * times, said[x] * times, unit
