"""Whether two images are on one scale of intensities."""

import math

import numpy as np
from numpy.typing import NDArray

_SEVERAL = 3.0  # times the spread: no method changes contrast like that
_LOOKED_AT = 2**16  # pixels of a plane that its deviation is taken from


class Spreads:
    """How far the values of two images spread, told of each pair of planes."""

    def __init__(self) -> None:
        self._low = [math.inf, math.inf]
        self._high = [-math.inf, -math.inf]
        self._deviation = [0.0, 0.0]

    def __call__(
        self, reference: NDArray[np.float64], image: NDArray[np.float64]
    ) -> None:
        """Look at two planes of one shape."""
        for number, plane in enumerate((reference, image)):
            self._low[number] = min(self._low[number], float(np.nanmin(plane)))
            self._high[number] = max(self._high[number], float(np.nanmax(plane)))
            some = plane.ravel()[:: max(1, plane.size // _LOOKED_AT)]
            some = some[~np.isnan(some)]
            if some.size:  # not squared: values may be as large as floats can be
                spread = np.abs(some - some.mean()).mean()
                self._deviation[number] += float(spread)

    def contradiction(self) -> str | None:
        """Say that the scales differ several-fold; None if they do not.

        The spans have to, the largest values, which stay where contrast is low, and the
        mean deviations, which a hot pixel hardly changes.
        """
        spans = [high - low for low, high in zip(self._low, self._high, strict=True)]
        if not (all(spans) and all(self._deviation)):
            return None  # a constant image has no scale
        tops = [max(-a, b) for a, b in zip(self._low, self._high, strict=True)]
        pairs = (spans, tops, self._deviation)
        ratios = [image / reference for reference, image in pairs if reference]
        if min(ratios) <= _SEVERAL and max(ratios) >= 1 / _SEVERAL:
            return None
        (a, b), (c, d) = zip(self._low, self._high, strict=True)
        return (
            f"the reference's values lie in {a:g} to {b:g} and the image's in {c:g} to "
            f"{d:g}: the PSNR compares them as they are; bring both to one scale, or "
            "use that after the affine fit (fit=True, --fit)"
        )
