"""How layers are compared."""

import math
from dataclasses import dataclass

from napari_vdsr.plugin.model.settings import FieldError


@dataclass(frozen=True)
class ScoreOptions:
    """What the fields of the comparison say.

    Attributes
    ----------
    data_range : str
        What was typed; empty or "auto" to follow the data.
    luminance : bool
        Whether colours are compared by luminance, or else R, G and B together.
    border : int
        Pixels cut off at every side.
    fit : bool
        Whether the range-invariant PSNR stands beside the plain one.
    error_maps : bool
        Whether maps of the differences are made.
    """

    data_range: str = ""
    luminance: bool = True
    border: int = 0
    fit: bool = True
    error_maps: bool = False

    @property
    def peak(self) -> float | None:
        """The data range as a number; None when it follows the data.

        Raises
        ------
        FieldError
            When something else than a positive number was typed.
        """
        text = self.data_range.strip()
        if text.lower() in ("", "auto"):
            return None
        try:
            peak = float(text)
        except ValueError:
            peak = math.nan
        if math.isfinite(peak) and peak > 0:
            return peak
        msg = (
            f"The data range is '{text}': type a positive number, or leave the field "
            "empty to follow the data."
        )
        raise FieldError("data_range", msg)
