"""One image at one factor: what methods are given and how they are judged."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.evaluation.planes import Planes, planes_of, scaled_luminance
from napari_vdsr.evaluation.ranges import DataRange
from napari_vdsr.imaging.sampling import Sampling


@dataclass(frozen=True, eq=False)
class Trial:
    """One image at one factor.

    Attributes
    ----------
    reference : ndarray, shape (..., Y, X[, 3])
        The truth.
    low : ndarray, shape (..., y, x[, 3])
        What methods enlarge; of the same dtype and with colours if those have.
    rgb : bool
        Whether reference and low hold colours.
    colours : ndarray, shape (..., y, x, 3), optional
        What methods enlarge that look at R, G and B, where `low` is luminance.
    data_range : DataRange
        The peak of the scores, and why.
    limits : tuple of float
        Black and white.
    border : int
        Pixels to cut off before scoring.
    stored : numpy.dtype, optional
        The dtype in which results would be stored, where that is not theirs: they
        are rounded and clipped to what it holds.
    sampling : {"reduced", "gaussian", "camera", "scanner"}, optional
        How `low` was made of the truth; None for a real pair.
    electrons : float, optional
        Electrons at white of the noise that was added to `low`.
    fit : bool
        Whether contrast and offset of `low` may be others than the truth's.
    """

    reference: NDArray[Any]
    low: NDArray[Any]
    rgb: bool
    data_range: DataRange
    limits: tuple[float, float]
    border: int
    colours: NDArray[Any] | None = None
    stored: np.dtype[Any] | None = None
    sampling: Sampling | None = "reduced"
    electrons: float | None = None
    fit: bool = False

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
        """Bring a result into the form that is scored.

        Parameters
        ----------
        result : ndarray
            An enlargement of `low` or, if `colours`, of `colours`.
        colours : bool
            Whether luminance is still to be taken.

        Returns
        -------
        ndarray
            Of the shape of the reference.
        """
        result = self._rounded(result)
        if not colours:
            return result
        return self._rounded(scaled_luminance(result, self.data_range.value))

    def _rounded(self, values: NDArray[Any]) -> NDArray[Any]:
        return values if self.stored is None else held_by(self.stored, values)


def held_by(dtype: np.dtype[Any], values: NDArray[Any]) -> NDArray[Any]:
    """Values rounded and clipped to what a dtype holds; floats hold them as is."""
    if dtype.kind == "f":
        return values
    limits = np.iinfo(dtype)
    held: NDArray[Any] = np.clip(np.rint(values), limits.min, limits.max)
    return held
