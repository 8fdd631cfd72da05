"""Several TIFF files that are one image, as OME-XML describes them."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import tifffile


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


def members_of(path: Path) -> list[Path]:
    """Other files beside a TIFF file that are read with it; none if it is damaged."""
    try:
        with tifffile.TiffFile(path) as tif:
            xml = tif.ome_metadata
    except Exception:  # said when it is read
        return []
    return [path.parent / name for name in dict.fromkeys(files_named(xml))]


def files_of(path: Path, series: Any) -> list[Path]:
    """Other files that the pages of a series are in."""
    if series.dataoffset is not None:
        return []
    found = {page.parent.filehandle.path for page in series.pages if page is not None}
    return sorted(Path(name) for name in found if Path(name).name != path.name)
