"""How the channels of an OME-Zarr are shown: names, colours, windows of intensity."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

_HEXADECIMAL = re.compile(r"#?([0-9A-Fa-f]{6})(?:[0-9A-Fa-f]{2})?")
_COLOURS = {"R": "FF0000", "G": "00FF00", "B": "0000FF", "alpha": "FFFFFF"}
_WINDOW = {"min": "start", "max": "end", "start": "min", "end": "max"}


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
