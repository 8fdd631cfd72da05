"""The attributes of an OME-Zarr group: read, and made for one that is written."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple

from napari_vdsr.errors import FileError, InputError
from napari_vdsr.files.multiscale import AXIS_TYPES, FREE_LETTERS, Axis, Multiscale
from napari_vdsr.files.ome_xml import ome_channels, ome_steps
from napari_vdsr.files.omero import mended_omero, omero_of_colours
from napari_vdsr.files.picture import Picture

NgffVersion = Literal["0.4", "0.5"]

_OLD = ("0.1", "0.2", "0.3")  # axes are names, or else TCZYX; pixels have no size
_KNOWN = (*_OLD, "0.4", "0.5")
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


class VersionError(FileError):
    """An OME-Zarr of a version that is not read."""


class NgffImage(NamedTuple):
    """The finest level of an image: its array within the group, and where it lies.

    `remarks` say what of the attributes is not valid, and was mended or left out.
    """

    path: str
    multiscale: Multiscale
    remarks: tuple[str, ...] = ()


def parse_image(
    name: str, attributes: Mapping[str, Any], size_of: Callable[[str], float]
) -> NgffImage | None:
    """Read the attributes of a group; None where it is no image.

    `name` is that of the file, for messages, and `size_of` gives the pixels of an array
    of the group: levels may stand in any order. Raises `FileError` when the attributes
    are of another version or contradict themselves, or the image is one of labels.
    """
    ome = attributes.get("ome", attributes)
    if not isinstance(ome, Mapping) or "multiscales" not in ome:
        return None
    try:
        if "image-label" in ome:
            raise FileError(
                f"{name} holds labels, the numbers of objects, and enlarging would "
                "mix these: name an image of intensities"
            )
        entry = ome["multiscales"][0]
        version = str(ome.get("version", entry.get("version", "0.4")))
        if version not in _KNOWN:
            raise VersionError(
                f"{name} is OME-Zarr {version}, but 0.4 and 0.5 are read, and older "
                "ones: name an array within it and its axes, such as "
                f"{name}/{entry['datasets'][0]['path']} with axes TCZYX"
            )
        axes, remarks = _axes(entry, version)
        finest = max(entry["datasets"], key=lambda level: size_of(str(level["path"])))
        scale, translation = _placed(
            len(axes),
            finest.get("coordinateTransformations", []),
            entry.get("coordinateTransformations", []),
        )
        omero = None
        if "omero" in ome:
            omero, faults = mended_omero(ome["omero"])
            remarks += [f"its channels (omero) have {each}" for each in faults]
        title = entry.get("name", "")
        return NgffImage(
            str(finest["path"]),
            Multiscale(
                axes, scale, translation, title if isinstance(title, str) else "", omero
            ),
            tuple(
                f"{name} is not valid OME-Zarr and was mended: {each}"
                for each in remarks
            ),
        )
    except FileError:
        raise
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise FileError(
            f"{name} has no valid OME-Zarr metadata ({type(error).__name__}: {error})"
        ) from error


def _axes(entry: Mapping[str, Any], version: str) -> tuple[tuple[Axis, ...], list[str]]:
    """Axes with a name each, and what was not valid."""
    if version in _OLD:
        names = entry.get("axes", list("tczyx"))
        return tuple(Axis(str(n), AXIS_TYPES.get(str(n).upper())) for n in names), []
    remarks = []
    axes = [
        Axis(str(axis["name"]), _text(axis.get("type")), _text(axis.get("unit")))
        for axis in entry["axes"]
    ]
    names = [axis.name for axis in axes]
    if len(set(names)) < len(names):
        # The last two in space are Y and X, whatever they are called.
        unnamed = [replace(axis, name="") for axis in axes]
        letters = axis_letters(unnamed).lower()
        remarks.append(
            f"its axes {', '.join(names)} are taken for {', '.join(letters)}"
        )
        axes = [replace(a, name=n) for a, n in zip(axes, letters, strict=True)]
    return tuple(axes), remarks


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _placed(
    ndim: int, *steps: Sequence[Mapping[str, Any]]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Scale and translation that transformations amount to, one after the other."""
    scale, translation = [1.0] * ndim, [0.0] * ndim
    for step in (step for each in steps for step in each):
        kind = step["type"]
        if kind == "identity":
            continue
        if kind not in ("scale", "translation") or kind not in step:
            raise ValueError(
                f"transformation {dict(step)} is neither a scale nor a translation"
            )
        values = [float(value) for value in step[kind]]
        if len(values) != ndim:
            raise ValueError(f"{kind} has {len(values)} numbers for {ndim} axes")
        if kind == "scale":
            scale = [a * b for a, b in zip(scale, values, strict=True)]
            translation = [a * b for a, b in zip(translation, values, strict=True)]
        else:
            translation = [a + b for a, b in zip(translation, values, strict=True)]
    return tuple(scale), tuple(translation)


def axis_letters(axes: Sequence[Axis]) -> str:
    """A different letter for each axis: T, C, Z, Y, X, or one that stands for nothing.

    Y and X are the axes of these names, or else the last two in space.

    Examples
    --------
    >>> axis_letters([Axis("c", "channel"), Axis("y", "space"), Axis("x", "space")])
    'CYX'
    """
    names = [axis.name.upper() for axis in axes]
    if not {"Y", "X"} <= set(names):
        space = [i for i, axis in enumerate(axes) if axis.type == "space"]
        for place, letter in zip(space[-2:], "YX", strict=len(space) > 1):
            names[place] = letter
        if len(space) == 3 and not names[space[0]]:
            names[space[0]] = "Z"
    return "".join(_lettered(names, axes))


def _lettered(names: Sequence[str], axes: Sequence[Axis]) -> Iterator[str]:
    typed = {"time": "T", "channel": "C"}
    free = (letter for letter in FREE_LETTERS if letter not in names)
    used: set[str] = set()
    for name, axis in zip(names, axes, strict=True):
        letter = name if name in tuple("TCZYX") else typed.get(axis.type or "", "")
        if not letter or letter in used or (letter != name and letter in names):
            letter = next(free)
        used.add(letter)
        yield letter


def described(picture: Picture) -> Multiscale:
    """Axes and places of a picture from any file, in the words of OME-Zarr.

    What an OME-Zarr image said itself, or else what is known from the pixel size, with
    the first pixel at the origin.
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
    """Distance of neighbours, and its unit, along the axes that a file describes."""
    steps: dict[str, tuple[float, str | None]] = {}
    unit = _UNITS.get(picture.unit or "", picture.unit)
    for axis, size in zip("YX", picture.pixel_size or (), strict=False):
        steps[axis] = size, unit
    if picture.metadata.ome is not None:
        for axis, (size, given) in ome_steps(picture.metadata.ome).items():
            steps[axis] = size, _UNITS.get(given, given)
    imagej = picture.metadata.imagej or {}
    if _is_length(imagej.get("spacing")) and picture.unit is not None:
        steps["Z"] = float(imagej["spacing"]), unit
    if _is_length(imagej.get("finterval")):
        steps["T"] = float(imagej["finterval"]), "second"
    return steps


def _known_channels(picture: Picture) -> dict[str, Any] | None:
    """Names and colours of channels as an OME-TIFF gives them, or those of RGB."""
    if picture.rgb and "S" in picture.axes:
        samples = picture.array.shape[picture.axes.index("S")]
        return omero_of_colours(samples, picture.array.dtype)
    if picture.metadata.ome is None or "C" not in picture.axes:
        return None
    channels = ome_channels(picture.metadata.ome)
    size = picture.array.shape[picture.axes.index("C")]
    return {"channels": channels} if len(channels) == size else None


def _is_length(value: Any) -> bool:
    return isinstance(value, int | float) and 0 < value < math.inf


def ngff_order(axes: str, name: str) -> tuple[int, ...]:
    """The order in which OME-Zarr wants the axes: time, channel, space.

    `name` is that of the file, for messages. Raises `InputError` when OME-Zarr has no
    such combination of axes.

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


def ngff_attributes(
    multiscale: Multiscale,
    shapes: Sequence[tuple[int, ...]],
    version: NgffVersion,
) -> dict[str, Any]:
    """Attributes of a group whose levels are arrays named "0", "1" and so on.

    `multiscale` describes the finest level, `shapes` are those of all levels.
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
        "type": "mean",
        "metadata": {
            "description": "each pixel is the mean of the area that it covers; of an "
            "enlarged image, the level with as many pixels as the source is the source"
        },
    }
    omero: Mapping[str, Any] = (
        {} if multiscale.omero is None else {"omero": multiscale.omero}
    )
    if version == "0.4":
        return {"multiscales": [{"version": version, **entry}], **omero}
    return {"ome": {"version": version, "multiscales": [entry], **omero}}


def _as_json(axis: Axis) -> dict[str, str]:
    # One without a type would be counted among those of space.
    fields = {"name": axis.name, "type": axis.type or "other", "unit": axis.unit}
    return {key: value for key, value in fields.items() if value is not None}
