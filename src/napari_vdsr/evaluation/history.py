"""What was done to an image earlier, as far as its values show it."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import InputError, picked

# Found on public images, before and after such changes; tests check them.
_SATURATED = 0.001  # part of the pixels at an end of the scale
_PILE = 4  # times as many pixels as at the value beside the end
_COMB = 0.05  # part of the values that are missing among frequent ones
_FREQUENT = 20  # pixels at the values around a missing one
_FLAT = 0.8  # part of the neighbours that are equal
_JPEG = 4.0  # standard errors
_ENOUGH = 4096  # pixels from which the number of values tells anything
_MOST_VALUES = 2**16  # of a histogram


@dataclass(frozen=True)
class ValueHistory:
    """What the values of an image tell about its past.

    Attributes
    ----------
    top : float
        Part of the pixels at the largest value, if there are many more than at the next
        value; otherwise 0.
    bottom : float
        The same at the smallest value.
    distinct : int
        Different values among the examined pixels.
    pixels : int
        How many were examined.
    bits : int
        Bits of a value in the dtype.
    step : float
        All values are a whole number of steps apart; 0 for floats.
    missing : float
        Part of the values that never occur although those around them are frequent:
        the comb that a change of contrast leaves in 8-bit images.
    flat : float
        Part of the neighbours that are equal, background and saturated pixels left
        out: nearly all in masks, labels and drawings.
    jpeg : float
        Strength of the 8 x 8 grid that JPEG leaves, in standard errors.
    """

    top: float
    bottom: float
    distinct: int
    pixels: int
    bits: int
    step: float
    missing: float
    flat: float
    jpeg: float

    @property
    def saturated(self) -> bool:
        """Whether more than a pixel in a thousand is at the largest value."""
        return self.top >= _SATURATED

    @property
    def cut_off(self) -> bool:
        """Whether more than a pixel in a thousand is at the smallest value."""
        return self.bottom >= _SATURATED

    @property
    def eight_bit(self) -> bool:
        """Whether there are no more values than 8 bits hold."""
        few = self.distinct <= 256 and self.pixels >= _ENOUGH
        return self.bits == 8 or few

    @property
    def comb(self) -> bool:
        """Whether values are missing in its histogram."""
        return self.missing >= _COMB

    @property
    def was_jpeg(self) -> bool:
        """Whether the grid of JPEG is found."""
        return self.jpeg >= _JPEG

    @property
    def like_labels(self) -> bool:
        """Whether it looks like a mask, labels or a drawing."""
        return self.flat >= _FLAT or self.distinct <= 2

    @property
    def remarks(self) -> tuple[str, ...]:
        """Remarks on it, in sentences without a full stop."""
        said = {
            f"{100 * self.top:.2g} % of the pixels are saturated: what was there is "
            "lost": self.saturated,
            f"{100 * self.bottom:.2g} % of the pixels are cut off at the smallest "
            "value": self.cut_off,
            f"it holds only {self.distinct} different values in {self.bits} bits: it "
            "was an 8-bit image before, or is very faint": (
                self.eight_bit and self.bits > 8
            ),
            "values are missing in its histogram: its contrast was changed after it "
            "had been rounded": self.comb,
            "it was stored as JPEG, which takes fine detail away and leaves a grid of "
            "8 x 8 pixels": self.was_jpeg,
        }
        return tuple(words for words, holds in said.items() if holds)

    def to_json(self) -> dict[str, object]:
        """Give the history as plain values for JSON."""
        names = "saturated cut_off eight_bit comb was_jpeg like_labels"
        return asdict(self) | picked(self, names)


def history_of(windows: Sequence[NDArray[Any]]) -> ValueHistory:
    """Examine the values of parts of an image, each of shape (Y, X).

    The grid of JPEG is found if the parts begin at multiples of 8 pixels from one
    another.
    """
    everything = np.concatenate([window.ravel() for window in windows])
    everything = everything[np.isfinite(everything)]
    if not everything.size:
        raise InputError("no pixel has a value: all are NaN or infinite")
    values, counts = np.unique(everything, return_counts=True)
    whole = everything.dtype.kind in "iu"
    step = _common_step(values) if whole else 0.0
    return ValueHistory(
        top=_pile(counts[::-1], everything.size),
        bottom=_pile(counts, everything.size),
        distinct=len(values),
        pixels=int(everything.size),
        bits=8 * everything.dtype.itemsize,
        step=step,
        missing=_missing(values, counts, step) if whole else 0.0,
        flat=_flat(windows, float(values[0]), float(values[-1])),
        jpeg=jpeg_grid(windows),
    )


def _pile(counts: NDArray[np.intp], pixels: int) -> float:
    """Part of the pixels at the first value, if far more than at the second; else 0."""
    if len(counts) < 2:
        return 0.0
    return float(counts[0] / pixels) if counts[0] > _PILE * counts[1] else 0.0


def _common_step(values: NDArray[Any]) -> float:
    """Greatest number that divides all distances of whole values."""
    # Distances may overflow int64: read without a sign they are right again.
    unsigned = np.diff(values.astype(np.int64).view(np.uint64))
    return float(np.gcd.reduce(unsigned)) if len(unsigned) else 0.0


def _missing(values: NDArray[Any], counts: NDArray[np.intp], step: float) -> float:
    """Part of the values that never occur although those around them are frequent."""
    if len(values) < 8:
        return 0.0
    distances = (values.astype(np.float64) - float(values[0])) / step
    if distances[-1] >= _MOST_VALUES:
        return 0.0
    places = distances.astype(np.int64)
    histogram = np.zeros(places[-1] + 1)
    histogram[places] = counts
    around = np.convolve(histogram, [1, 1, 0, 1, 1], mode="same") / 4
    frequent = around >= _FREQUENT
    empty = frequent & (histogram == 0)
    return float(empty.sum() / frequent.sum()) if frequent.any() else 0.0


def _flat(windows: Sequence[NDArray[Any]], low: float, high: float) -> float:
    """Part of the neighbours that are equal, ends of the scale and gaps left out."""
    equal = pairs = 0
    for window in windows:
        inside = np.isfinite(window[:, :-1])
        inside &= (window[:, :-1] != low) & (window[:, :-1] != high)
        pairs += int(inside.sum())
        equal += int((inside & (window[:, :-1] == window[:, 1:])).sum())
    return equal / pairs if pairs else 0.0


Floats = NDArray[np.float64]

_BLOCK = 8
_LEAST = 4  # blocks along an axis
_LARGE_STEPS = 0.95  # quantile at which larger steps are clipped
_ALONE = 0.25  # of what a place stands out by: above those half and a quarter away


def jpeg_grid(windows: Sequence[NDArray[Any]]) -> float:
    """Strength of the 8 x 8 grid in standard errors, in the axis where it is weaker.

    In a picture that was cropped the grid is shifted. Any shift is found, but it must
    be the same one in all windows. 0 for a grid of 2 or 4 pixels.
    """
    planes = [window.astype(np.float64) for window in windows]
    planes = [plane for plane in planes if np.isfinite(plane).all()]
    along_x = _strength([_excess(plane) for plane in planes])
    along_y = _strength([_excess(plane.T) for plane in planes])
    return min(along_x, along_y)


def _excess(plane: Floats) -> Floats:
    """How much larger each step along X is than those beside it, (blocks, 8)."""
    steps = np.abs(np.diff(plane, axis=1))
    excess = steps[:, 1:-1] - (steps[:, :-2] + steps[:, 2:]) / 2
    blocks = excess.shape[1] // _BLOCK
    if blocks < _LEAST:
        return np.empty((0, _BLOCK))
    # Edges of the structure would drown the grid.
    limit = np.quantile(np.abs(excess), _LARGE_STEPS)
    columns = np.clip(excess, -limit, limit).mean(axis=0)
    found: Floats = columns[: blocks * _BLOCK].reshape(blocks, _BLOCK)
    return found / limit if limit else found


def _strength(parts: list[Floats]) -> float:
    """How far the largest of the eight places stands out from the others."""
    blocks = np.concatenate(parts) if parts else np.empty((0, _BLOCK))
    if not len(blocks):
        return 0.0
    places = blocks.mean(axis=0)
    place = int(places.argmax())
    others = np.delete(blocks, place, axis=1)
    error = float(others.std()) / math.sqrt(len(blocks))
    difference = float(places[place] - others.mean())
    # Enlarging by 2 or 4 leaves a grid of 2 or 4 pixels, of which 8 is a multiple.
    _, _, quarter, _, half, _, three, _ = np.roll(places, -place)
    alike = max(half, (quarter + three) / 2)
    if not error or places[place] - alike < _ALONE * difference:
        return 0.0
    return difference / error
