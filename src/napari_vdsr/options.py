"""How a network is run: the options that scripts, panels and commands share."""

import hashlib
import re
from dataclasses import dataclass, field, fields, replace
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from napari_vdsr.errors import InputError, checked_switch
from napari_vdsr.zoo.model import Model, shared_model
from napari_vdsr.zoo.registry import DEFAULT_MODEL

if TYPE_CHECKING:
    import numpy as np

    from napari_vdsr.progress import Progress

PRECISIONS = ("float32", "float16", "bfloat16")

_DEVICES = re.compile(r"auto|(cpu|mps)(:0)?|(cuda|xpu)(:\d+)?")
_BUDGET = re.compile(r"\s*(\d+(?:\.\d*)?)\s*(MB|GB)\s*", re.IGNORECASE)


def _told(
    text: str = "", value: str | None = None, *, same_pixels: bool = False
) -> dict[str, Any]:
    """Metadata of a field of `RunOptions`; commands offer it if it has a help `text`.

    `value` is what that calls the value; one with `same_pixels` changes time and
    memory, but not the result.
    """
    return {"help": text, "value": value, "same pixels": same_pixels}


@dataclass(frozen=True)
class RunOptions:
    """How a network is run, whatever the image.

    Passed whole to everything that computes. Scripts, provenance, cache keys and the
    identities of unfinished files are made from all fields, so that a new option is a
    new field here. Values are as for `napari_vdsr.upscale`; wrong ones are an
    InputError, as far as they are wrong for any model and machine.
    """

    model: str | Path | Model = field(
        default=DEFAULT_MODEL,
        metadata=_told(
            "Name of a model (`napari-vdsr models list`) or a weight file.",
            "MODEL",
        ),
    )
    device: str = field(
        default="auto",
        metadata=_told(
            "Where to compute: auto, cpu, cuda, cuda:1, mps or xpu. "
            "`napari-vdsr info` lists what this machine has.",
            "NAME",
            same_pixels=True,
        ),
    )
    precision: str = field(
        default="auto",
        metadata=_told(
            "Of the hidden layers: auto, float32, float16 or bfloat16.", "NAME"
        ),
    )
    tile: int | str = field(
        default="auto",
        metadata=_told(
            'Output pixels per edge of a tile, a memory budget such as "500 MB", or '
            "auto. It changes memory and speed, not the result.",
            "SIZE",
            same_pixels=True,
        ),
    )
    intensity_range: tuple[float, float] | None = field(
        default=None,
        metadata=_told(
            "Black and white of the image, for models that need to know them "
            "(the default model does not).",
            "LOW HIGH",
        ),
    )
    ensemble: bool = field(
        default=False,
        metadata=_told(
            "Take the mean of the network's results for the eight flips and turns of "
            "the image, which takes eight times as long.",
        ),
    )
    spread: bool = field(
        default=False, metadata=_told(same_pixels=True)
    )  # a second image

    def __post_init__(self) -> None:
        values = {
            "device": checked_device(self.device),
            "precision": checked_precision(self.precision),
            "tile": checked_tile(self.tile),
            "intensity_range": _checked_range(self.intensity_range),
            "ensemble": checked_switch("ensemble", self.ensemble),
            "spread": checked_switch("spread", self.spread),
        }
        if self.spread and not self.ensemble:
            raise InputError("spread is that of an ensemble: give ensemble=True, too")
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def load(self, progress: "Progress | None" = None) -> Model:
        """The model, which others may be using, too; fetched first if necessary."""
        return shared_model(self.model, progress=progress)

    def loaded(self, progress: "Progress | None" = None) -> Self:
        """The same options with the model itself instead of its name or file."""
        return replace(self, model=self.load(progress))

    def with_range(self, image: Any) -> Self:
        """With black and white of an image, if and only if the model needs them.

        Raises InputError when they are neither given nor known from dtype and values.
        Those of a lazy image are not looked at: that would compute all of it.
        """
        import numpy as np

        from napari_vdsr.imaging.intensities import natural_range

        if self.load().equivariant:
            return replace(self, intensity_range=None)
        if self.intensity_range is not None:
            return self
        known = image if isinstance(image, np.ndarray) else np.empty(0, image.dtype)
        return replace(self, intensity_range=natural_range(known))

    def keywords(self) -> dict[str, Any]:
        """What differs from the defaults, as keywords of `napari_vdsr.upscale`."""
        return {
            each.name: getattr(self, each.name)
            for each in fields(self)
            if getattr(self, each.name) != each.default
        }

    def recorded(self) -> dict[str, Any]:
        """All options in values that any file format can hold."""
        model = self.load()
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        low_high = values["intensity_range"]
        return values | {
            "model": model.name,
            "sha256": model.sha256,
            "intensity_range": low_high and list(low_high),
        }

    def identity(self) -> dict[str, Any]:
        """All that the pixels depend on; the model also by its weights."""
        told = self.recorded()
        kept = {
            each.name: told[each.name]
            for each in fields(self)
            if not each.metadata.get("same pixels")
        }
        return {**kept, "fingerprint": self.load().fingerprint}

    def result_dtype(self, dtype: "np.dtype[Any]") -> "np.dtype[Any]":
        """Of the enlarged pixels, which may hold more than the image."""
        from napari_vdsr.imaging.intensities import with_spread

        return with_spread(dtype) if self.spread else dtype

    @property
    def key(self) -> str:
        """Equal for options that run in the same way, in any process."""
        described = repr((self.recorded(), self.load().fingerprint))
        return hashlib.sha256(described.encode()).hexdigest()[:32]


def checked_device(name: object) -> str:
    """The name of a device that some machine has."""
    if not _DEVICES.fullmatch(str(name)):
        raise InputError(
            f"device is {str(name)!r}: choose auto, cpu, cuda, mps or xpu, or one of "
            "several such as cuda:1"
        )
    return str(name)


def checked_precision(name: object) -> str:
    """The name of a precision, also of one that is given as a dtype of torch."""
    known = str(name).removeprefix("torch.")
    if known not in ("auto", *PRECISIONS):
        raise InputError(
            f"precision is {str(name)!r}: choose auto, {', '.join(PRECISIONS)}"
        )
    return known


def checked_tile(tile: object) -> int | str:
    """Pixels, "auto" or a memory budget such as "500 MB"."""
    if isinstance(tile, str) and (tile == "auto" or _BUDGET.fullmatch(tile)):
        return tile
    try:
        edge = 0 if isinstance(tile, bool) else int(tile)  # type: ignore[call-overload]
        if edge == float(tile) and edge >= 1:  # type: ignore[arg-type]
            return int(edge)
    except (TypeError, ValueError, OverflowError):  # None, NaN, infinity
        pass
    raise InputError(f"tile is {tile!r}: give pixels (at least 1), '500 MB' or 'auto'")


def budget(tile: str) -> float:
    """Bytes meant by a text such as "500 MB"."""
    match = _BUDGET.fullmatch(tile)
    assert match is not None
    return float(match[1]) * {"MB": 1e6, "GB": 1e9}[match[2].upper()]


def _checked_range(given: Any) -> tuple[float, float] | None:
    """Black and white, None where they are not given."""
    if given is None:
        return None
    try:
        if any(isinstance(value, str) for value in given):
            raise TypeError("texts are no numbers")
        low, high = (float(value) for value in given)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"intensity_range is {given!r}: give two numbers, (black, white)"
        ) from error
    if not (isfinite(low) and isfinite(high) and low < high):
        raise InputError(
            f"intensity_range is ({low:g}, {high:g}): give black, then a larger white"
        )
    return low, high
