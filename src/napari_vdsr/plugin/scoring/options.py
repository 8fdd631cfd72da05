"""How layers are compared."""

import math
from dataclasses import dataclass

from napari_vdsr.plugin.settings import FieldError


@dataclass(frozen=True)
class ScoreOptions:
    """The fields of the comparison."""

    data_range: str = ""  # as typed; empty or "auto" follows the data
    luminance: bool = True  # else R, G and B together
    border: int = 0  # pixels cut off at every side
    fit: bool = True  # also the range-invariant PSNR
    error_maps: bool = False

    @property
    def peak(self) -> float | None:
        """The data range; None to follow the data, FieldError if not positive."""
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
