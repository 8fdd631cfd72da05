"""What the panel is set to."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Self

from napari_vdsr.errors import InputError
from napari_vdsr.imaging.geometry import Factor

CUSTOM = "custom"
PIXEL_SIZE = "pixel size"
FACTORS = ("2", "3", "4", CUSTOM, PIXEL_SIZE)
AREAS = ("whole", "view", "rectangles")
PRECISIONS = ("auto", "float32", "bfloat16", "float16")
TILES = ("auto", "128", "256", "512", "1024", "2048", "500 MB", "1 GB", "2 GB")


class FieldError(InputError):
    """A field of the panel cannot stay as it is.

    Parameters
    ----------
    field : str
        Name of the field.
    message : str
        What is wrong and what to do.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class Remembered:
    """Settings that a file keeps between two openings of a panel."""

    def changes_from(self, other: "Remembered") -> dict[str, Any]:
        """Values in which these settings differ from others.

        Parameters
        ----------
        other : Remembered
            Usually the defaults.

        Returns
        -------
        dict
            By name of the field.
        """
        theirs = asdict(other)
        return {name: v for name, v in asdict(self).items() if v != theirs[name]}

    def changed(self, values: Mapping[str, Any]) -> Self:
        """These settings with some values replaced.

        Parameters
        ----------
        values : mapping
            By name of the field; unknown names and other types are left out, as
            they may come from a file that an older or newer version wrote.

        Returns
        -------
        Remembered
            Of the same kind.
        """
        mine = asdict(self)
        for item in fields(self):
            value = values.get(item.name)
            if isinstance(value, type(mine[item.name])):
                mine[item.name] = value
        return replace(self, **mine)


@dataclass(frozen=True)
class Settings(Remembered):
    """All that Run depends on, apart from the layers.

    Attributes
    ----------
    factor : str
        One of `FACTORS`.
    value : str
        What was typed for a custom factor or a pixel size: one number, or two for
        Y and X.
    area : str
        One of `AREAS`.
    model, device, precision, tile : str
        As for `napari_vdsr.upscale`.
    black, white : str
        Intensity range, for the models that have to know it.
    bicubic, consistency : bool
        Which layers are made beside the result.
    link_contrast : bool
        Whether source and result share contrast limits and gamma.
    """

    factor: str = "2"
    value: str = ""
    area: str = "whole"
    model: str = "vdsr20"
    device: str = "auto"
    precision: str = "auto"
    tile: str = "auto"
    black: str = ""
    white: str = ""
    bicubic: bool = False
    consistency: bool = False
    link_contrast: bool = True

    @property
    def scaling(self) -> dict[str, Factor]:
        """Factor or pixel size, as the keyword that `upscale` takes.

        Raises
        ------
        FieldError
            When what was typed is no number.
        """
        if self.factor == PIXEL_SIZE:
            return {"pixel_size": _numbers(self.value, "pixel size")}
        if self.factor == CUSTOM:
            return {"factor": _numbers(self.value, "factor")}
        return {"factor": int(self.factor)}

    @property
    def intensity_range(self) -> tuple[float, float] | None:
        """Black and white, or None when neither was typed.

        Raises
        ------
        FieldError
            When only one is given, one is no number or black is not below white.
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
