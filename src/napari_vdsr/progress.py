"""Progress bars: the part of tqdm that is used here."""

from typing import Protocol


class Progress(Protocol):
    """Any tqdm-like object, napari's progress bars included.

    Work is counted in output pixels. To cancel, raise
    `napari_vdsr.errors.Cancelled` from `update`: the work stops there.
    """

    def reset(self, total: float | None = None) -> object:
        """Begin again with so many units of work ahead."""

    def update(self, n: float = 1) -> object:
        """Count `n` more units as done."""


class Part:
    """A part of the work of a bar: its steps are passed on, but no new start.

    Parameters
    ----------
    progress : Progress
        Goes over all parts.
    units : float
        Of this part, that are one unit of the bar.

    Attributes
    ----------
    done : float
        Units of the bar that this part was told of.
    """

    def __init__(self, progress: Progress, units: float = 1) -> None:
        self._progress = progress
        self._units = units
        self.done = 0.0

    def reset(self, total: float | None = None) -> None:
        """Go on where the bar is."""

    def update(self, n: float = 1) -> None:
        """Count `n` more units of this part as done."""
        self.done += n / self._units
        self._progress.update(n / self._units)
