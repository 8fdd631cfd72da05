"""One image at one factor: what methods are given and how they are scored."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.evaluation.planes import Planes, planes_of, scaled_luminance
from napari_vdsr.evaluation.ranges import DataRange
from napari_vdsr.imaging.sampling import Sampling


@dataclass(frozen=True, eq=False)
class Trial:
    """One image at one factor."""

    reference: NDArray[Any]  # the truth, (..., Y, X[, 3])
    low: NDArray[Any]  # what methods enlarge, (..., y, x[, 3]) of the same dtype
    rgb: bool  # whether both hold colours
    data_range: DataRange  # the peak of the scores
    limits: tuple[float, float]  # black and white
    border: int  # pixels to cut off before scoring
    # R, G and B, (..., y, x, 3), for methods that need them where `low` is luminance.
    colours: NDArray[Any] | None = None
    # Results are rounded and clipped to the dtype in which they would be stored.
    stored: np.dtype[Any] | None = None
    sampling: Sampling | None = "reduced"  # None for a real pair
    electrons: float | None = None  # at white, of the noise that was added to `low`
    fit: bool = False  # whether contrast and offset of `low` may differ from the truth

    @property
    def stack(self) -> tuple[int, ...]:
        """Shape of the leading axes."""
        return self.reference.shape[: -3 if self.rgb else -2]

    @property
    def shape(self) -> tuple[int, int]:
        """Pixels of the truth in Y and X."""
        y, x = self.reference.shape[-3:-1] if self.rgb else self.reference.shape[-2:]
        return y, x

    @property
    def pixels(self) -> int:
        """Pixels of the truth, all planes."""
        return int(self.reference.size // (3 if self.rgb else 1))

    @property
    def factors(self) -> tuple[float, float]:
        """Factors of Y and X."""
        y, x = self.low.shape[-3:-1] if self.rgb else self.low.shape[-2:]
        return self.shape[0] / y, self.shape[1] / x

    def beside(self, result: NDArray[Any]) -> Planes:
        """The truth and a finished result, to be compared plane by plane."""
        return planes_of(
            self.reference,
            result,
            self.data_range,
            border=self.border,
            luminance="auto",
            rgb=self.rgb,
        )

    def finished(self, result: NDArray[Any], *, colours: bool = False) -> NDArray[Any]:
        """Bring an enlargement into the form that is scored, as the reference is.

        With `colours` it is that of `colours`, and its luminance is still to be taken.
        """
        result = self._rounded(result)
        if not colours:
            return result
        return self._rounded(scaled_luminance(result, self.data_range.value))

    def _rounded(self, values: NDArray[Any]) -> NDArray[Any]:
        return values if self.stored is None else held_by(self.stored, values)


def held_by(dtype: np.dtype[Any], values: NDArray[Any]) -> NDArray[Any]:
    """Values rounded and clipped to an integer dtype; unchanged for floats."""
    if dtype.kind == "f":
        return values
    limits = np.iinfo(dtype)
    held: NDArray[Any] = np.clip(np.rint(values), limits.min, limits.max)
    return held
