"""OME-XML: the pixel size in it, and the same document for an enlarged image."""

import warnings
from collections.abc import Mapping
from math import inf
from xml.etree import ElementTree

from napari_vdsr.errors import VdsrWarning
from napari_vdsr.files.picture import Picture
from napari_vdsr.files.units import normalise_unit, plane_size

_STORAGE = ("TiffData", "BinData", "MetadataOnly")


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


def ome_pixel_size(xml: str) -> tuple[tuple[float, float] | None, str | None]:
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
        if 0 < step < inf:
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
    _keep_only(root, image)
    _drop_regions(root, image)
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


def _keep_only(root: ElementTree.Element, image: ElementTree.Element) -> None:
    for item in list(root):
        if _name(item) == "Image" and item is not image:
            root.remove(item)


def _drop_regions(root: ElementTree.Element, image: ElementTree.Element) -> None:
    dropped = False
    for parent, name in ((root, "ROI"), (image, "ROIRef")):
        for item in [item for item in parent if _name(item) == name]:
            parent.remove(item)
            dropped = True
    if dropped:
        msg = "regions of interest are left out: they count pixels of the source"
        warnings.warn(msg, VdsrWarning, stacklevel=2)


def _set_sizes(pixels: ElementTree.Element, picture: Picture) -> None:
    height, width = picture.plane_shape
    pixels.set("SizeY", str(height))
    pixels.set("SizeX", str(width))
    pixels.attrib.pop("BigEndian", None)
    order = [axis for axis in picture.axes if axis in "TCZ"]
    order = [axis for axis in "TCZ" if axis not in order] + order
    pixels.set("DimensionOrder", "XY" + "".join(reversed(order)))
    if picture.pixel_size is None or picture.unit is None:
        return
    for axis, size in zip("YX", picture.pixel_size, strict=True):
        if pixels.get(f"PhysicalSize{axis}") is not None:
            pixels.set(f"PhysicalSize{axis}", f"{size:.12g}")
            pixels.set(f"PhysicalSize{axis}Unit", picture.unit)


def _set_storage(pixels: ElementTree.Element, tag: str) -> None:
    """Say that the planes follow one another, from the first page on."""
    for item in [item for item in pixels if _name(item) in _STORAGE]:
        pixels.remove(item)
    names = [_name(item) for item in pixels]
    place = len(names) - names[::-1].index("Channel") if "Channel" in names else 0
    pixels.insert(place, ElementTree.Element(tag))
