"""What the panel is set to."""

import contextlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Self

from napari_vdsr.errors import InputError
from napari_vdsr.imaging.geometry import Factor
from napari_vdsr.options import RunOptions
from napari_vdsr.zoo import DEFAULT_MODEL

CUSTOM = "custom"
PIXEL_SIZE = "pixel size"
FACTORS = ("2", "3", "4", CUSTOM, PIXEL_SIZE)
AREAS = ("whole", "view", "rectangles")
PRECISIONS = ("auto", "float32", "bfloat16", "float16")
TILES = ("auto", "128", "256", "512", "1024", "2048", "500 MB", "1 GB", "2 GB")


class FieldError(InputError):
    """A field has a wrong value; the message says what to do."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class Remembered:
    """Settings that a file keeps between two openings of a panel."""

    def changes_from(self, other: "Remembered") -> dict[str, Any]:
        """Values that differ from others, usually the defaults, by field name."""
        theirs = asdict(other)
        return {name: v for name, v in asdict(self).items() if v != theirs[name]}

    def changed(self, values: Mapping[str, Any]) -> Self:
        """These settings with some values replaced, by field name.

        Unknown names and wrong types are ignored, as an older or newer version may have
        written the file; older ones kept numbers as text.
        """
        mine = asdict(self)
        for item in fields(self):
            value, kind = values.get(item.name), type(mine[item.name])
            if kind in (int, float) and isinstance(value, int | float | str):
                with contextlib.suppress(ValueError):
                    mine[item.name] = kind(value)
            elif isinstance(value, kind):
                mine[item.name] = value
        return replace(self, **mine)


@dataclass(frozen=True)
class Settings(Remembered):
    """All that Run depends on, apart from the layers."""

    factor: str = "2"  # one of FACTORS
    value: str = ""  # custom factor or pixel size: one number, or two for Y and X
    area: str = "whole"  # one of AREAS
    # As for `napari_vdsr.upscale`.
    model: str = DEFAULT_MODEL
    device: str = "auto"
    precision: str = "auto"
    tile: str = "auto"
    ensemble: bool = False
    # Intensity range, for the models that have to know it.
    black: str = ""
    white: str = ""
    # Layers to make beside the result.
    bicubic: bool = False
    consistency: bool = False
    spread: bool = False  # of the ensemble
    link_contrast: bool = True  # source and result share contrast limits and gamma

    @property
    def scaling(self) -> dict[str, Factor]:
        """Factor or pixel size as a keyword of `upscale`; FieldError if no number."""
        if self.factor == PIXEL_SIZE:
            return {"pixel_size": _numbers(self.value, "pixel size")}
        if self.factor == CUSTOM:
            return {"factor": _numbers(self.value, "factor")}
        return {"factor": int(self.factor)}

    @property
    def options(self) -> RunOptions:
        """How the network is run; InputError where a value is wrong."""
        values = {each.name: getattr(self, each.name) for each in fields(RunOptions)}
        return RunOptions(**values | {"spread": self.spread and self.ensemble})

    @property
    def intensity_range(self) -> tuple[float, float] | None:
        """Black and white, or None when neither was typed.

        Raises FieldError when only one is given, one is no number, or black is not
        below white.
        """
        if not (self.black or self.white):
            return None
        try:
            low, high = float(self.black), float(self.white)
        except ValueError:
            low = high = 0.0
        if low < high:
            return low, high
        msg = (
            f"The intensity range is '{self.black}' to '{self.white}': "
            "give black, then a larger white."
        )
        raise FieldError("range", msg)


def _numbers(text: str, what: str) -> Factor:
    """One number, or two for Y and X."""
    try:
        values = [float(part) for part in text.replace(";", ",").split(",")]
    except ValueError:
        values = []
    if len(values) == 1:
        return values[0]
    if len(values) == 2:
        return values[0], values[1]
    said = f"The {what} is '{text}'" if text.strip() else f"There is no {what} yet"
    msg = f"{said}: type one number, or two for Y and X such as '2, 3'."
    raise FieldError("factor", msg)
