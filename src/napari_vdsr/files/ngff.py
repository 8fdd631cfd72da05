"""The attributes of an OME-Zarr group: read, and made for one that is written."""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple

import numpy as np

from napari_vdsr.errors import FileError, InputError
from napari_vdsr.files.picture import AXIS_TYPES, FREE_LETTERS, Axis, Multiscale

NgffVersion = Literal["0.4", "0.5"]

OWN = "napari-vdsr"
"""Under which a group says what this program made it for: it holds every chunk."""

_OLD = ("0.1", "0.2", "0.3")  # axes are names, or else TCZYX; pixels have no size
_KNOWN = (*_OLD, "0.4", "0.5")
_HEXADECIMAL = re.compile(r"#?([0-9A-Fa-f]{6})(?:[0-9A-Fa-f]{2})?")
_COLOURS = {"R": "FF0000", "G": "00FF00", "B": "0000FF", "alpha": "FFFFFF"}
_WINDOW = {"min": "start", "max": "end", "start": "min", "end": "max"}


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
            remarks=remarks,
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
    ndim: int, *steps: Sequence[Mapping[str, Any]], remarks: list[str]
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
        usual = 1.0 if kind == "scale" else 0.0
        usable = [math.isfinite(v) and (v != 0 or kind != "scale") for v in values]
        if not all(usable):
            remarks.append(f"its {kind} {values} is {usual:g} where it is no length")
            values = [
                v if use else usual for v, use in zip(values, usable, strict=True)
            ]
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


def omero_of_colours(samples: int, dtype: Any) -> dict[str, Any]:
    """Describe samples of a pixel, 3 or 4, as channels: red, green, blue, alpha."""
    high = float(np.iinfo(dtype).max) if np.dtype(dtype).kind in "iu" else 1.0
    window = {"min": 0.0, "max": high, "start": 0.0, "end": high}
    channels = [
        {"label": label, "color": colour, "window": window, "active": label != "alpha"}
        for label, colour in _COLOURS.items()
    ]
    return {"channels": channels[:samples], "rdefs": {"model": "color"}}


def mended_omero(said: Any) -> tuple[dict[str, Any] | None, list[str]]:
    """Make the entry "omero" of a group valid, and say what was wrong with it.

    A colour becomes six hexadecimal digits, a window four numbers; what cannot be
    understood is left out. None where there is no list of channels.
    """
    channels = said.get("channels") if isinstance(said, Mapping) else None
    if not isinstance(channels, list) or not all(
        isinstance(channel, Mapping) for channel in channels
    ):
        return None, ["it has no list of channels"]
    faults: list[str] = []
    mended = [_mended_channel(dict(channel), faults) for channel in channels]
    return {**said, "channels": mended}, list(dict.fromkeys(faults))


def _mended_channel(channel: dict[str, Any], faults: list[str]) -> dict[str, Any]:
    colour = channel.get("color", "FFFFFF")
    channel["color"] = _hexadecimal(colour)
    if isinstance(colour, str) and colour.upper() == channel["color"]:
        channel["color"] = colour
    elif "color" in channel:
        faults.append(f"color {colour!r}")
    for key, kind in (("label", str), ("family", str), ("active", bool)):
        if key in channel and not isinstance(channel[key], kind):
            faults.append(f"{key} {channel[key]!r}")
            value = channel.pop(key)
            if key == "label" and isinstance(value, (int, float)):
                channel[key] = str(value)
    if "window" in channel:
        window = channel.pop("window")
        mended = _mended_window(window)
        if mended is None or mended != window:
            faults.append(f"window {window!r}")
        if mended is not None:
            channel["window"] = mended
    return channel


def _hexadecimal(colour: Any) -> str:
    """Six hexadecimal digits; white for what cannot be understood."""
    if isinstance(colour, str) and (found := _HEXADECIMAL.fullmatch(colour.strip())):
        return found[1].upper()
    if isinstance(colour, int) and -(2**31) <= colour < 2**32:
        # Three bytes are RGB; with a fourth, OME's order is RGBA.
        return f"{(colour if 0 <= colour < 2**24 else colour % 2**32 >> 8):06X}"
    if isinstance(colour, list) and len(colour) >= 3:
        if all(isinstance(value, int) and 0 <= value < 256 for value in colour[:3]):
            return "".join(f"{value:02X}" for value in colour[:3])
    return "FFFFFF"


def _mended_window(window: Any) -> dict[str, Any] | None:
    """The window with numbers for the limits that it has; None where it has none."""
    if not isinstance(window, Mapping):
        return None
    numbers = {key: _number(window[key]) for key in _WINDOW if key in window}
    if not numbers or None in numbers.values():
        return None
    return {**window, **numbers}


def _number(value: Any) -> float | None:
    try:
        number = float(value) if isinstance(value, str) else value
    except ValueError:
        return None
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        return None
    return number if math.isfinite(number) else None


def completed_omero(
    omero: Mapping[str, Any], limits: Sequence[tuple[float, float]]
) -> Mapping[str, Any] | None:
    """Complete the windows of channels with these limits, where they have gaps.

    None where the channels are not those that the limits are of.
    """
    if len(omero["channels"]) != len(limits):
        return None
    channels = []
    for channel, (low, high) in zip(omero["channels"], limits, strict=True):
        said = channel.get("window", {})
        known = {key: said.get(key, said.get(other)) for key, other in _WINDOW.items()}
        usual = {"min": low, "max": high, "start": low, "end": high}
        window = {k: usual[k] if known[k] is None else known[k] for k in _WINDOW}
        channels.append({**channel, "window": {**said, **window}})
    return {**omero, "channels": channels}


def has_windows(omero: Mapping[str, Any]) -> bool:
    """Whether every channel says which intensities to show."""
    return all(
        set(_WINDOW) <= set(each.get("window", ())) for each in omero["channels"]
    )
