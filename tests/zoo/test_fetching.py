import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from webserver import Answer, Server, giving

from napari_vdsr.errors import Cancelled, FetchError
from napari_vdsr.zoo import fetch, load_model, models, weight_files

URL_OF_THE_PAPER = "https://github.com/huangzehao/caffe-vdsr/raw/5a839232d179"


class Bar:
    """Remembers what it was told; cancels after so many bytes."""

    def __init__(self, cancel_after: float = float("inf")) -> None:
        self.total: float | None = None
        self.seen = 0.0
        self.updates = 0
        self.cancel_after = cancel_after

    def reset(self, total: float | None = None) -> None:
        self.total = total
        self.seen = 0

    def update(self, n: float = 1) -> None:
        self.seen += n
        self.updates += 1
        if self.seen > self.cancel_after:
            raise Cancelled("enough")


def test_the_first_use_fetches_and_the_second_needs_no_network(
    listed: dict[str, object], server: Server, folders: Path
) -> None:
    assert load_model("small").network.depth == 3
    assert server.paths == ["/small-1.safetensors"]
    server.stop()
    assert load_model("small").sha256 == listed["sha256"]
    assert [path.name for path in (folders / "cache").iterdir()] == [
        "small-1.safetensors"
    ]


def test_listing_models_asks_no_server(
    listed: dict[str, object], server: Server
) -> None:
    card = next(card for card in models() if card.name == "small")
    assert not card.here
    assert server.paths == []
    fetch("small")
    assert next(card for card in models() if card.name == "small").here


def slow(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.end_headers()
    request.wfile.write(b"x")
    time.sleep(1)


FAILURES = {
    "wrong bytes": (giving(b"x" * 500), "another sha256"),
    "truncated": (giving(b"x" * 500, announced=5000), "before the file was complete"),
    "not there": (giving(b"no", status=404), "404"),
    "slow": (slow, "sent nothing for"),
    "endless": (giving(b"x" * 300_000), "longer than the expected"),
    "empty": (giving(b""), "another sha256"),
}


@pytest.mark.parametrize("kind", FAILURES)
def test_a_failed_download_names_address_content_and_place(
    kind: str,
    listed: dict[str, object],
    server: Server,
    folders: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer, reason = FAILURES[kind]
    server.answers = [answer]
    monkeypatch.setattr(weight_files, "_TIMEOUT", 0.3)
    with pytest.raises(FetchError) as caught:
        load_model("small")
    message = str(caught.value)
    assert f"{server.url}/small-1.safetensors" in message
    assert reason in message
    assert str(listed["sha256"]) in message
    assert str(folders / "cache" / "small-1.safetensors") in message
    assert list((folders / "cache").iterdir()) == []
    assert load_model("vdsr20").network.depth == 20


def test_a_refused_connection_is_named(
    listed: dict[str, object], server: Server, folders: Path
) -> None:
    server.stop()
    with pytest.raises(FetchError, match=r"no connection .*refused") as caught:
        fetch("small")
    assert str(listed["sha256"]) in str(caught.value)
    assert list((folders / "cache").iterdir()) == []


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """Let the system refuse to write on, as it does when a disk is full."""
    resource = pytest.importorskip("resource", reason="Windows has no such limit")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_named_and_leaves_nothing(
    listed: dict[str, object], server: Server, folders: Path
) -> None:
    with files_no_larger_than(5000), pytest.raises(FetchError, match="too large"):
        fetch("small")
    assert list((folders / "cache").iterdir()) == []


def test_a_cache_that_cannot_be_written_is_named(
    listed: dict[str, object], folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folders / "file").touch()
    monkeypatch.setenv("NAPARI_VDSR_CACHE", str(folders / "file" / "cache"))
    with pytest.raises(FetchError, match=r"file.cache") as caught:
        fetch("small")
    assert str(listed["sha256"]) in str(caught.value)
    assert load_model("vdsr20").network.depth == 20


def test_a_filled_cache_is_only_read(
    listed: dict[str, object], server: Server, folders: Path, weights: bytes
) -> None:
    cache = folders / "cache"
    cache.mkdir()
    (cache / "small-1.safetensors").write_bytes(weights)
    cache.chmod(0o555)
    before = cache.stat().st_mtime_ns
    assert load_model("small").network.depth == 3
    assert cache.stat().st_mtime_ns == before
    assert server.paths == []
    cache.chmod(0o755)


def test_a_damaged_file_in_the_cache_is_fetched_again(
    listed: dict[str, object], server: Server, folders: Path, weights: bytes
) -> None:
    path = fetch("small")
    path.write_bytes(weights[:-1] + b"?")
    assert fetch("small").read_bytes() == weights
    path.write_bytes(weights[:-1] + b"?")
    server.stop()
    with pytest.raises(FetchError):
        load_model("small")


def test_a_failed_download_is_tried_again(
    listed: dict[str, object],
    server: Server,
    weights: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(weight_files, "_RETRIES", 1)
    server.answers = [giving(b"bad"), giving(weights)]
    assert fetch("small").read_bytes() == weights
    assert len(server.paths) == 2


def test_every_address_is_tried_in_turn(
    listed: dict[str, object], server: Server, weights: bytes
) -> None:
    first, second = f"{server.url}/first", f"{server.url}/second"
    listed["urls"] = [first, second]
    server.answers = [giving(b"no", status=404), giving(weights)]
    assert fetch("small").read_bytes() == weights
    assert server.paths == ["/first", "/second"]


def test_all_addresses_are_named_when_none_works(
    listed: dict[str, object], server: Server
) -> None:
    listed["urls"] = [f"{server.url}/first", f"{server.url}/second"]
    server.answers = [giving(b"no", status=404), giving(b"no", status=500)]
    with pytest.raises(FetchError, match=r"(?s)/first.*404.*/second.*500"):
        fetch("small")


def test_a_mirror_is_asked_first(
    listed: dict[str, object], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAPARI_VDSR_WEIGHTS_URL", f"{server.url}/mirror/")
    fetch("small")
    assert server.paths == ["/mirror/small-1.safetensors"]


def test_a_folder_can_be_a_mirror(
    listed: dict[str, object],
    server: Server,
    folders: Path,
    weights: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mirror = folders / "mirror"
    mirror.mkdir()
    (mirror / "small-1.safetensors").write_bytes(weights)
    monkeypatch.setenv("NAPARI_VDSR_WEIGHTS_URL", str(mirror))
    assert fetch("small").read_bytes() == weights
    assert server.paths == []


def test_wrong_bytes_in_a_mirror_are_refused(
    listed: dict[str, object],
    server: Server,
    folders: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (folders / "small-1.safetensors").write_bytes(b"wrong")
    monkeypatch.setenv("NAPARI_VDSR_WEIGHTS_URL", str(folders))
    server.answers = [giving(b"wrong as well")]
    with pytest.raises(FetchError, match="another sha256"):
        fetch("small")
    assert list((folders / "cache").iterdir()) == []


def test_a_proxy_of_the_environment_is_used(
    listed: dict[str, object], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed["urls"] = ["http://weights.invalid/small-1.safetensors"]
    monkeypatch.setenv("HTTP_PROXY", server.url)
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    fetch("small")
    assert server.paths == ["http://weights.invalid/small-1.safetensors"]


def test_progress_counts_the_bytes_of_the_file(
    listed: dict[str, object], weights: bytes
) -> None:
    bar = Bar()
    fetch("small", progress=bar)
    assert bar.total == bar.seen == len(weights)


def trickling(body: bytes) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        for start in range(0, len(body), 1024):
            try:
                request.wfile.write(body[start : start + 1024])
            except OSError:  # nobody listens any more
                return
            time.sleep(0.002)

    return answer


def test_progress_is_told_at_the_rate_of_a_screen(
    listed: dict[str, object], server: Server, weights: bytes
) -> None:
    server.answers = [trickling(weights)]
    bar = Bar()
    start = time.monotonic()
    fetch("small", progress=bar)
    assert 2 <= bar.updates <= 3 + (time.monotonic() - start) / 0.05


def test_cancelling_stops_the_download_and_leaves_nothing(
    listed: dict[str, object], server: Server, folders: Path, weights: bytes
) -> None:
    server.answers = [trickling(weights)]
    bar = Bar(cancel_after=0)
    with pytest.raises(Cancelled):
        load_model("small", progress=bar)
    assert bar.seen < len(weights)
    assert list((folders / "cache").iterdir()) == []


SCRIPT = """
import json, sys
from napari_vdsr.zoo import fetch, registry
registry._entries = lambda: [json.loads(sys.argv[1])]
print(fetch("small"))
"""


def test_two_processes_that_fetch_at_once_both_succeed(
    listed: dict[str, object], server: Server, folders: Path, weights: bytes
) -> None:
    server.answers = [trickling(weights)]
    both = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT, json.dumps(listed)],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ,
        )
        for _ in range(2)
    ]
    path = folders / "cache" / "small-1.safetensors"
    for process in both:
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        assert output.strip() == str(path)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == listed["sha256"]
    assert list(path.parent.iterdir()) == [path]


def test_a_fetched_file_can_be_read_by_others(listed: dict[str, object]) -> None:
    assert fetch("small").stat().st_mode & 0o444 == 0o444


def test_reference_weights_come_from_their_pinned_addresses() -> None:
    cards = {card.name: card for card in models()}
    assert cards["vdsr20-kim2016"].urls[0].startswith(URL_OF_THE_PAPER)
    assert cards["vdsr20-kim2016"].sha256.startswith("f613166660840af1")
    assert "/514b021044018baf" in cards["vdsr20-twtygqyy"].urls[0]
    assert cards["vdsr20-twtygqyy"].sha256.startswith("eab4d79ae5a6e5ac")
