"""The base of all work of the panel."""

from collections import deque
from typing import Any

from napari_vdsr.errors import Cancelled, VdsrError
from napari_vdsr.plugin.model.ticker import Ticker


class ScoringWork:
    """Work for a thread of its own, which touches nothing of Qt."""

    def __init__(self) -> None:
        self.ticker = Ticker()
        self.results: deque[Any] = deque()  # whoever shows them takes them out
        self.outcome = ""  # then "done", "cancelled" or "failed"
        self.message = ""  # for the user: why it failed

    def __str__(self) -> str:
        """What napari shows when it is closed during the work."""
        return "scores of images"

    def work(self) -> None:
        """Fill `results`."""
        raise NotImplementedError

    def __call__(self) -> None:
        """Do the work; errors that a user may cause end up in `message`."""
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
