"""What the panel is set to, and how its form shows it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self, TypeVar

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

T = TypeVar("T")

CUSTOM = "custom"
PIXEL_SIZE = "pixel size"
FILE = ":file"  # the choice in the list of models that asks for a file
UNSET = -1e12  # no intensity: the range is not given
TILES = ("auto", "128", "256", "512", "1024", "2048", "500 MB", "1 GB", "2 GB")

# No pixel has the size 0: "0,05" is a number with a decimal comma, in any locale.
_COMMA = re.compile(r"(?<![\d.,])0,(?=\d)")
# A unit after a number, where that is no exponent and no "x" between two numbers.
_UNIT = re.compile(r"(?<=[\d.])\s*(?!e[-+]?\d|x\s*[\d.])([^\d\s,;.×]+)", re.IGNORECASE)


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

    def changed(self, values: Mapping[str, Any]) -> Self:
        """These settings with some values replaced; a request for a file is no model.

        An earlier version may have kept it.
        """
        return super().changed({k: v for k, v in values.items() if v != FILE})

    def scaling_in(self, units: Sequence[str]) -> dict[str, Factor]:
        """Factor or pixel size as a keyword of `upscale`, for a layer in these units.

        They are those of Y and X; without them, units that were typed are left out.
        Raises FieldError without a number, or if its unit is none of length.
        """
        if self.factor != PIXEL_SIZE:
            return {"factor": _one_or_two(self._numbers("factor", "2, 3"))}
        values = self._numbers("pixel size", "0.1, 0.2 µm")
        typed = _UNIT.findall(self.value)
        if typed and units:
            several = zip(_both(values), _both(typed), units, strict=True)
            values = [self._in_unit(*each) for each in several]
        return {"pixel_size": _one_or_two(values)}

    def _numbers(self, what: str, example: str) -> list[float]:
        """The number of a factor or pixel size, or those of Y and X."""
        text = plain = self.value if _typed(self) else self.factor
        if self.factor == PIXEL_SIZE:
            plain = _UNIT.sub(" ", _COMMA.sub("0.", text))
        wanted = f"one number, or two for Y and X such as '{example}'"
        values = read_numbers("factor", plain, what, wanted, text)
        if len(values) > 2:
            raise FieldError(
                "factor",
                f"'{text}' is more than two numbers: type one for Y and X each.",
            )
        return values

    def _in_unit(self, value: float, unit: str, layers: str) -> float:
        """A length that was typed in the unit of a layer."""
        mine, theirs = (normalise_unit(each) or "" for each in (unit, layers))
        length = convert_length(value, mine, theirs)
        if length is None:
            why = f"the unit of the layer is {layers}. Type a number in that unit."
            if not theirs:
                why = (
                    "the layer has no pixel size, since napari has not read it from "
                    "the file. Choose a factor instead."
                )
            raise FieldError("factor", f"'{self.value}' cannot be had: {why}")
        return length

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


def _both(values: list[T]) -> tuple[T, T]:
    """One for Y and one for X, where one may stand for both."""
    return values[0], values[-1]


def _one_or_two(values: list[float]) -> Factor:
    """A number as `upscale` takes it, whole ones as people write them."""
    whole = [int(value) if value.is_integer() else value for value in values]
    return whole[0] if len(whole) == 1 else _both(whole)
