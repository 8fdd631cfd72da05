"""Files that stay open while their parts are read one after another."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_vdsr.files.opening import OpenImage


class Opened:
    """Keeps the image that was read last open for its next part."""

    def __init__(self) -> None:
        self.remarks: dict[str, None] = {}  # about the files, each text once
        self._path: Path | None = None
        self._image: OpenImage | None = None

    def image(self, path: Path) -> "OpenImage":
        """Return the image in a file; the one before is closed. Do not close it."""
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
    """Read parts of files; the last file stays open until the end of the block.

    Inside another such block, the outer one is used.
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
