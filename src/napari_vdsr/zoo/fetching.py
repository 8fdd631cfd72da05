"""Bringing the weights of listed models to this machine, once and verified."""

import shutil
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from napari_vdsr.errors import FetchError
from napari_vdsr.zoo.weight_files import has_content

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_vdsr.progress import Progress
    from napari_vdsr.zoo.card import Card


_TIMEOUT = 20  # seconds without a byte
_RETRIES = 2
_REPORT_EVERY = 0.05  # seconds: more would keep a window busy


def bring(card: "Card", progress: "Progress | None" = None) -> None:
    """Bring the weights of a model from one of its addresses to where its card says.

    Raises FetchError when they can be had from none of its addresses.
    """
    reasons = []
    for url in card.urls:
        try:
            _download(card, url, progress)
        except (OSError, ValueError) as error:
            reasons.append(f"{url}: {_reason(error)}")
            # Another process may have been quicker, or put it there by hand.
            if not has_content(card.path, card.sha256):
                continue
        return
    raise FetchError(
        f"could not fetch {card.name!r}:\n"
        + "\n".join(f"- {reason}" for reason in reasons)
        + f"\nTo use it without a download, put the file with sha256 {card.sha256} "
        f"at {card.path}"
    )


def _download(card: "Card", url: str, progress: "Progress | None") -> None:
    """Bring a file from one address into the cache, or raise and leave nothing."""
    import pooch

    pooch.get_logger().setLevel("WARNING")
    card.path.parent.mkdir(parents=True, exist_ok=True)
    file = card.path.name
    # To a temporary file, verified, moved into place: that is pooch's way.
    registry = pooch.create(
        path=card.path.parent,
        base_url="",
        registry={file: f"sha256:{card.sha256}"},
        urls={file: url},
        retry_if_failed=_RETRIES,
    )
    downloader: Callable[..., None] = _copy
    if url.startswith(("http://", "https://")):
        bar = _Bar(card.size, progress)
        downloader = pooch.HTTPDownloader(progressbar=bar, timeout=_TIMEOUT)
    registry.fetch(file, downloader=downloader)
    with suppress(OSError):  # a shared cache is for all, but temporary files are not
        card.path.chmod(0o644)


def _copy(url: str, output_file: str, _: Any) -> None:
    shutil.copyfile(url, output_file)


class _Bar:
    """Passes what pooch tells its kind of progress bar, in bytes, on to ours."""

    def __init__(self, size: int, progress: "Progress | None") -> None:
        self._size = size
        self._progress = progress
        self._seen = self._passed_on = 0
        self._when = 0.0

    @property
    def total(self) -> int:
        """Bytes that the server announces; pooch sets it when an attempt starts."""
        return self._size

    @total.setter
    def total(self, _: int) -> None:
        self._seen = self._passed_on = 0
        if self._progress is not None:
            self._progress.reset(total=self._size)

    def update(self, count: int) -> None:
        """Count bytes; pooch counts whole chunks."""
        self._seen += count
        if self._seen > self._size + 100_000:
            raise ValueError(f"it is longer than the expected {self._size} bytes")
        if time.monotonic() - self._when > _REPORT_EVERY:
            self._pass_on(min(self._seen, self._size))

    def reset(self) -> None:
        """Start counting again; pooch then fills the bar with `close`."""
        self._seen = 0

    def close(self) -> None:
        """Fill the bar."""
        self._pass_on(self._size)

    def _pass_on(self, seen: int) -> None:
        self._when = time.monotonic()
        if self._progress is not None and seen > self._passed_on:
            self._progress.update(seen - self._passed_on)
            self._passed_on = seen


def _reason(error: Exception) -> str:
    """Why a download failed, in one line."""
    from requests import HTTPError, exceptions

    cause = _innermost(error)
    if isinstance(cause, TimeoutError) or isinstance(error, exceptions.Timeout):
        return f"the server sent nothing for {_TIMEOUT} seconds"
    if isinstance(error, HTTPError):
        return f"the server answers {str(error).partition(' for url')[0]}"
    if isinstance(error, exceptions.ChunkedEncodingError):
        return "the connection ended before the file was complete"
    if isinstance(error, exceptions.ProxyError):
        return f"the proxy cannot be used ({cause})"
    if isinstance(error, exceptions.SSLError):
        return f"its certificate is not trusted ({cause})"
    if isinstance(error, exceptions.ConnectionError):
        return f"no connection ({cause})"
    if isinstance(error, ValueError) and "hash" in str(error):
        return "its content is not the expected one (another sha256)"
    return str(error)


def _innermost(error: BaseException) -> BaseException:
    """What the operating system said, under the layers of libraries."""
    while (below := error.__cause__ or error.__context__) is not None:
        error = below
    return error
