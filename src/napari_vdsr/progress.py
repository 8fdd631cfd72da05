"""What a progress bar has to offer: the part of tqdm that is used here."""

from typing import Protocol

__all__ = ["Progress"]


class Progress(Protocol):
    """Any tqdm-like object, napari's progress bars included.

    Work is counted in output pixels. To cancel, raise
    `napari_vdsr.errors.Cancelled` from `update`: the work stops there.
    """

    def reset(self, total: float | None = None) -> object:
        """Begin again with so many units of work ahead."""

    def update(self, n: float = 1) -> object:
        """Count `n` more units as done."""
