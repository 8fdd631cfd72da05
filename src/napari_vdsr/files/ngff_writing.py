"""The attributes of an OME-Zarr group that is to be written."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from napari_vdsr.errors import InputError
from napari_vdsr.files.multiscale import AXIS_TYPES, Axis, Multiscale
from napari_vdsr.files.ome import ome_channels, ome_steps
from napari_vdsr.files.picture import Picture

NgffVersion = Literal["0.4", "0.5"]

_LARGEST_TOP = 512  # pixels a side of a level that gets no further level above it
_UNITS = {
    "m": "meter",
    "dm": "decimeter",
    "cm": "centimeter",
    "mm": "millimeter",
    "µm": "micrometer",
    "nm": "nanometer",
    "pm": "picometer",
    "Å": "angstrom",
    "in": "inch",
    "s": "second",
    "ms": "millisecond",
    "µs": "microsecond",
    "min": "minute",
    "h": "hour",
}


def described(picture: Picture) -> Multiscale:
    """Axes and places of a picture, in the words of OME-Zarr.

    Parameters
    ----------
    picture : Picture
        From any file.

    Returns
    -------
    Multiscale
        What an OME-Zarr image said itself, or else what is known from the pixel
        size, with the first pixel at the origin.
    """
    said = picture.metadata.multiscale
    if said is not None and len(said.axes) == len(picture.axes):
        return said
    steps = dict.fromkeys(picture.axes, (1.0, None)) | _known_steps(picture)
    return Multiscale(
        tuple(
            Axis(
                "c" if axis == "S" else axis.lower(),
                AXIS_TYPES.get(axis),
                steps[axis][1],
            )
            for axis in picture.axes
        ),
        tuple(steps[axis][0] for axis in picture.axes),
        (0.0,) * len(picture.axes),
        omero=_known_channels(picture),
    )


def _known_steps(picture: Picture) -> dict[str, tuple[float, str | None]]:
    """Distance of neighbours, and its unit, along the axes that a file tells of."""
    steps: dict[str, tuple[float, str | None]] = {}
    unit = _UNITS.get(picture.unit or "", picture.unit)
    for axis, size in zip("YX", picture.pixel_size or (), strict=False):
        steps[axis] = size, unit
    if picture.metadata.ome is not None:
        for axis, (size, told) in ome_steps(picture.metadata.ome).items():
            steps[axis] = size, _UNITS.get(told, told)
    imagej = picture.metadata.imagej or {}
    if _is_length(imagej.get("spacing")) and picture.unit is not None:
        steps["Z"] = float(imagej["spacing"]), unit
    if _is_length(imagej.get("finterval")):
        steps["T"] = float(imagej["finterval"]), "second"
    return steps


def _known_channels(picture: Picture) -> dict[str, Any] | None:
    """Names and colours of channels as an OME-TIFF tells them."""
    if picture.metadata.ome is None or "C" not in picture.axes:
        return None
    channels = ome_channels(picture.metadata.ome)
    size = picture.array.shape[picture.axes.index("C")]
    return {"channels": channels} if len(channels) == size else None


def _is_length(value: Any) -> bool:
    return isinstance(value, int | float) and 0 < value < math.inf


def ngff_order(axes: str, name: str) -> tuple[int, ...]:
    """The order in which OME-Zarr wants the axes: time, channel, space.

    Parameters
    ----------
    axes : str
        Letters as in `Picture`.
    name : str
        Of the file, for messages.

    Returns
    -------
    tuple of int
        Which axis comes first, second and so on.

    Raises
    ------
    InputError
        When OME-Zarr has no such combination of axes.

    Examples
    --------
    >>> ngff_order("ZYXS", "a.zarr")
    (3, 0, 1, 2)
    """
    kinds = [AXIS_TYPES.get(axis, "other") for axis in axes]
    others = kinds.count("channel") + kinds.count("other")
    if others > 1 or any(axes.count(axis) > 1 for axis in "TZYX"):
        raise InputError(
            f"OME-Zarr has one axis of channels beside T, Z, Y and X, but {name} "
            f"would have {axes}: name the axes, such as TCZYX"
        )
    rank = {axis: place for place, axis in enumerate("TCZYX")}
    places = [rank.get(axis, rank["C"]) for axis in axes]
    return tuple(sorted(range(len(axes)), key=places.__getitem__))


def level_shapes(shape: tuple[int, ...], yx: tuple[int, int]) -> list[tuple[int, ...]]:
    """Shapes of an image and of the reduced ones above it.

    Parameters
    ----------
    shape : tuple of int
        Of the image.
    yx : tuple of int
        The axes that are halved.

    Returns
    -------
    list of tuple of int
        The last one has at most 512 pixels in Y and in X.

    Examples
    --------
    >>> level_shapes((3, 1000, 1100), (1, 2))
    [(3, 1000, 1100), (3, 500, 550), (3, 250, 275)]
    """
    shapes = [shape]
    while max(shapes[-1][axis] for axis in yx) > _LARGEST_TOP:
        below = shapes[-1]
        shapes.append(
            tuple(
                (size + 1) // 2 if axis in yx else size
                for axis, size in enumerate(below)
            )
        )
    return shapes


def ngff_attributes(
    multiscale: Multiscale,
    shapes: Sequence[tuple[int, ...]],
    version: NgffVersion,
) -> dict[str, Any]:
    """Write down where the levels of an image lie.

    Parameters
    ----------
    multiscale : Multiscale
        Of the finest level.
    shapes : sequence of tuple of int
        Of all levels, whose arrays are named "0", "1" and so on.
    version : str
        Of OME-Zarr.

    Returns
    -------
    dict
        Attributes of the group.
    """
    datasets = []
    for number, shape in enumerate(shapes):
        level = multiscale.resized(shapes[0], shape)
        steps = [
            {"type": "scale", "scale": list(level.scale)},
            {"type": "translation", "translation": list(level.translation)},
        ]
        datasets.append({"path": str(number), "coordinateTransformations": steps})
    entry: dict[str, Any] = {
        "name": multiscale.name,
        "axes": [_as_json(axis) for axis in multiscale.axes],
        "datasets": datasets,
        "type": "bicubic, antialiased",
    }
    omero: Mapping[str, Any] = (
        {} if multiscale.omero is None else {"omero": multiscale.omero}
    )
    if version == "0.4":
        return {"multiscales": [{"version": version, **entry}], **omero}
    return {"ome": {"version": version, "multiscales": [entry], **omero}}


def _as_json(axis: Axis) -> dict[str, str]:
    fields = {"name": axis.name, "type": axis.type, "unit": axis.unit}
    return {key: value for key, value in fields.items() if value is not None}
