"""What all work of the panel has in common."""

from collections import deque
from typing import Any

from napari_vdsr.errors import Cancelled, VdsrError
from napari_vdsr.plugin.model.ticker import Ticker


class ScoringWork:
    """Work for a thread of its own, which touches nothing of Qt.

    Attributes
    ----------
    ticker : Ticker
        For looking at the progress and for stopping it.
    results : deque
        Filled by the work; whoever shows them takes them out.
    outcome : str
        "" while it runs, then "done", "cancelled" or "failed".
    message : str
        Why it failed, in words for the user.
    """

    def __init__(self) -> None:
        self.ticker = Ticker()
        self.results: deque[Any] = deque()
        self.outcome = ""
        self.message = ""

    def __str__(self) -> str:
        """What napari shows when it is closed during the work."""
        return "scores of images"

    def work(self) -> None:
        """Fill `results`."""
        raise NotImplementedError

    def __call__(self) -> None:
        """Do the work, and never raise what a user may cause."""
        outcome = "failed"
        try:
            self.work()
            outcome = "done"
        except Cancelled:
            outcome = "cancelled"
        except VdsrError as error:
            text = str(error)
            self.message = f"{text[:1].upper()}{text[1:]}".rstrip(".") + "."
        except MemoryError:
            self.message = (
                "The memory of this computer is full: close other programs, or "
                "compare a part of the images."
            )
        finally:
            self.outcome = outcome
