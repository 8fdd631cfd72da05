"""Files that are opened once for all parts that are read one behind the other."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_vdsr.files.opening import OpenImage


class Opened:
    """The image that was read last, kept open for the next part of it.

    Attributes
    ----------
    remarks : dict of str to None
        What was said about the files when they were opened, each text once.
    """

    def __init__(self) -> None:
        self.remarks: dict[str, None] = {}
        self._path: Path | None = None
        self._image: OpenImage | None = None

    def image(self, path: Path) -> "OpenImage":
        """Give the image in a file; the one before is closed.

        Parameters
        ----------
        path : Path
            As for `napari_vdsr.files.open_image`.

        Returns
        -------
        OpenImage
            Not to be closed.
        """
        if self._image is None or path != self._path:
            self.close()
            self._image = self._open(path)
            self._path = path
        return self._image

    def close(self) -> None:
        """Close the image that is open, if any."""
        image, self._image = self._image, None
        if image is not None:
            image.close()

    def _open(self, path: Path) -> "OpenImage":
        from napari_vdsr.files import open_image

        image = open_image(path, warn=False)
        self.remarks |= dict.fromkeys(image.remarks)
        return image


_OPENED: ContextVar[Opened] = ContextVar("_OPENED")  # each thread has its own


@contextmanager
def opened_once() -> Iterator[Opened]:
    """Read parts of files, of which the last one stays open until the end.

    Within another such block, that one is gone on with.

    Yields
    ------
    Opened
    """
    outer = _OPENED.get(None)
    if outer is not None:
        yield outer
        return
    opened = Opened()
    token = _OPENED.set(opened)
    try:
        yield opened
    finally:
        _OPENED.reset(token)
        opened.close()
