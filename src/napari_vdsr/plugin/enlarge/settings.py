"""What the panel is set to, and how its form shows it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from napari_vdsr.files.picture import convert_length, normalise_unit
from napari_vdsr.imaging.geometry import Factor
from napari_vdsr.options import RunOptions
from napari_vdsr.plugin.settings import (
    PRECISIONS,
    FieldError,
    Remembered,
    read_numbers,
    shown,
)
from napari_vdsr.zoo import DEFAULT_MODEL

CUSTOM = "custom"
PIXEL_SIZE = "pixel size"
UNSET = -1e12  # no intensity: the range is not given
TILES = ("auto", "128", "256", "512", "1024", "2048", "500 MB", "1 GB", "2 GB")

_WITH_UNIT = re.compile(r"(.*\d)\s*([^\d\s,;.]+)\s*")


def _typed(settings: Any) -> bool:
    return settings.factor in (CUSTOM, PIXEL_SIZE)


@dataclass(frozen=True)
class Settings(Remembered):
    """All that Run depends on, apart from the layers."""

    factor: str = shown(
        "2",
        "Factor",
        "How many times more pixels along Y and along X. 'Custom' takes any number "
        "from 1 to 8, or two for Y and X; 'pixel size' asks for pixels of that size "
        "instead.",
        choices={
            **{f"×{number}": number for number in ("2", "3", "4")},
            "custom": CUSTOM,
            "pixel size": PIXEL_SIZE,
        },
    )
    value: str = shown(
        "",
        "Custom factor or pixel size",
        "One number, or two for Y and X such as '2, 3'. A pixel size may have a unit: "
        "'0.1 µm'; without one, it is that of the layer.",
        beside=True,
        when=_typed,
    )
    area: str = shown(
        "whole",
        "Area",
        "Enlarge all of the layer, the plane that is in view, or the bounding boxes "
        "of the shapes in a Shapes layer. A part has the same values as it would "
        "have in the whole.",
        choices={
            "whole layer": "whole",
            "what is in view": "view",
            "shapes drawn in …": "rectangles",
        },
    )
    # From here on as for `napari_vdsr.upscale`.
    model: str = shown(
        DEFAULT_MODEL,
        "Model",
        "The network. Models that are not here yet are fetched by Run, once.",
        choices={},
    )
    black: float = shown(
        UNSET,
        "Black",
        "Value of black in the image. This model was trained with 0 for black and "
        "1 for white and has to know what they are here.",
        row="Range",
        least=UNSET,
        most=-UNSET,
        blank="black",
    )
    white: float = shown(
        UNSET,
        "White",
        "Value of white in the image.",
        beside=True,
        least=UNSET,
        most=-UNSET,
        blank="white",
    )
    more: bool = shown(False, "Advanced", fold=True)
    device: str = shown(
        "auto",
        "Device",
        "Where the network runs: 'auto' takes a graphics card where there is one.",
        choices={"auto": "auto", "cpu": "cpu"},
    )
    precision: str = shown(
        "auto",
        "Precision",
        "Number format of the hidden layers; enlargement and sum keep full "
        "precision. 'auto' takes the fastest that is safe on the device.",
        choices={name: name for name in PRECISIONS},
    )
    tile: str = shown(
        "auto",
        "Tile",
        "Images are worked on in tiles of so many pixels, or as many as fit the "
        "memory given. The result is the same for every size; choose a smaller one "
        "when memory runs out.",
        choices={f"{t} pixels" if t.isdecimal() else t: t for t in TILES},
    )
    ensemble: bool = shown(
        False,
        "mean of 8 flips and turns",
        "Run the network on the eight flips and turns of the image and take the mean: "
        "a little closer to the truth, and eight times as slow.",
        row="Ensemble",
    )
    bicubic: bool = shown(
        False,
        "bicubic",
        "Also add what plain bicubic enlargement gives, for comparison.",
        row="Also make",
    )
    consistency: bool = shown(
        False,
        "consistency",
        "Also add a map of what is left when the result is reduced again and the "
        "source subtracted: near zero where the result agrees with what was "
        "measured. It starts hidden.",
        beside=True,
    )
    spread: bool = shown(
        False,
        "where not sure",
        "Also add how far the eight results lie apart (their standard deviation): "
        "large where the network is not sure. It starts hidden.",
        row="and",
        when=lambda settings: settings.ensemble,
    )
    link_contrast: bool = True  # source and result share contrast limits and gamma

    @property
    def scaling(self) -> dict[str, Factor]:
        """Factor or pixel size as a keyword of `upscale`, without its unit.

        Raises FieldError if there is no number.
        """
        if not _typed(self):
            return {"factor": int(self.factor)}
        what = "pixel size" if self.factor == PIXEL_SIZE else "factor"
        text = self._number_and_unit()[0]
        values = read_numbers(
            "factor", text, what, "one number, or two for Y and X such as '2, 3'"
        )
        if len(values) > 2:
            raise FieldError(
                "factor",
                f"'{self.value}' is more than two numbers: type one for Y and X each.",
            )
        name = what.replace(" ", "_")
        return {name: values[0] if len(values) == 1 else (values[0], values[1])}

    def scaling_in(self, units: Sequence[str]) -> dict[str, Factor]:
        """The scaling for a layer with these units of Y and X.

        Raises FieldError if the unit that was typed is none of length.
        """
        unit = self._number_and_unit()[1]
        if not unit:
            return self.scaling
        values = _pair(self.scaling["pixel_size"])
        converted = []
        for value, theirs in zip(values, units, strict=True):
            length = convert_length(
                value, normalise_unit(unit) or unit, normalise_unit(theirs) or ""
            )
            if length is None:
                raise FieldError(
                    "factor",
                    f"'{self.value}' cannot be had: the unit of the layer is "
                    f"{theirs}. Type a number in that unit.",
                )
            converted.append(length)
        return {"pixel_size": (converted[0], converted[1])}

    def _number_and_unit(self) -> tuple[str, str]:
        found = _WITH_UNIT.fullmatch(self.value) if self.factor == PIXEL_SIZE else None
        return (found[1], found[2]) if found else (self.value, "")

    @property
    def options(self) -> RunOptions:
        """How the network is run; InputError where a value is wrong."""
        values = {each.name: getattr(self, each.name) for each in fields(RunOptions)}
        return RunOptions(**values | {"spread": self.spread and self.ensemble})

    @property
    def intensity_range(self) -> tuple[float, float] | None:
        """Black and white, or None when neither was typed.

        Raises FieldError when only one is given or black is not below white.
        """
        given = [value for value in (self.black, self.white) if value != UNSET]
        if not given:
            return None
        if len(given) == 2 and self.black < self.white:
            return self.black, self.white
        black, white = (
            "nothing" if value == UNSET else f"{value:g}"
            for value in (self.black, self.white)
        )
        raise FieldError(
            "black",
            f"The intensity range is {black} to {white}: "
            "give black, then a larger white.",
        )

    def without_range(self) -> "Settings":
        """The same settings for a model that need not know black and white."""
        return replace(self, black=UNSET, white=UNSET)


def _pair(value: Factor) -> tuple[float, float]:
    """One number or two as two."""
    return (value[0], value[1]) if isinstance(value, tuple) else (value, value)
