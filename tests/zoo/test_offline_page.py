"""The steps of docs/offline.md, with a small model in the place of another's."""

import hashlib
import shlex
import socket
from pathlib import Path
from typing import Any

import certifi
import numpy as np
import pytest
import tifffile
import torch
from pages import ROOT, blocks
from webserver import Server, giving

from napari_vdsr.cli import main
from napari_vdsr.network import VDSR
from napari_vdsr.zoo import registry, weight_files

BLOCKS = blocks(ROOT / "docs" / "offline.md", "ci: offline")
FILE = "model_epoch_50.pth"


@pytest.fixture
def weights(tmp_path: Path) -> bytes:
    """Give the bytes of a checkpoint as its authors publish them."""
    torch.save(VDSR(depth=3, features=24).state_dict(), tmp_path / "made.pth")
    return (tmp_path / "made.pth").read_bytes()


@pytest.fixture
def author(
    weights: bytes, server: Server, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> Server:
    """Give the server that has what ``vdsr20-twtygqyy`` is here."""
    entries = [dict(entry) for entry in registry._entries()]
    entry = next(entry for entry in entries if entry["file"] == FILE)
    entry |= {"sha256": hashlib.sha256(weights).hexdigest(), "size": len(weights)}
    entry["urls"] = [f"{server.url}/{FILE}"]
    monkeypatch.setattr(registry, "_entries", lambda: entries)
    monkeypatch.setattr(weight_files, "_RETRIES", 0)
    monkeypatch.chdir(folders)
    tifffile.imwrite("cells.tif", np.arange(80, dtype=np.uint8).reshape(8, 10))
    server.answers = [giving(weights)]
    return server


@pytest.fixture
def without_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError("Network is unreachable")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def run(block: str, monkeypatch: pytest.MonkeyPatch, **places: object) -> list[int]:
    """Run a block line by line, with the places of here for those in the text."""
    done = []
    for line in block.splitlines():
        for here in places.values():
            line = line.replace(*here)  # type: ignore[misc]
        words = shlex.split(line)
        if words[0] == "export":
            monkeypatch.setenv(*words[1].split("=", 1))
        else:
            done.append(main(words[1:]))
    return done


def test_weights_are_brought_by_hand(
    author: Server,
    folders: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(BLOCKS[0], monkeypatch) == [0]
    fetched = Path(capsys.readouterr().out.strip())
    author.stop()
    monkeypatch.setenv("NAPARI_VDSR_CACHE", str(folders / "elsewhere"))
    assert run(BLOCKS[1], monkeypatch) == [0]
    line = next(
        line for line in capsys.readouterr().out.splitlines() if "fetched" in line
    )
    folder = Path(line.removeprefix("fetched").strip())
    assert run(BLOCKS[2], monkeypatch) == [1]
    assert str(folder / FILE) in capsys.readouterr().err
    folder.mkdir(exist_ok=True)
    fetched.rename(folder / fetched.name)
    assert run(BLOCKS[2], monkeypatch) == [0]
    assert tifffile.imread("cells-x2.tif").shape == (16, 20)


def test_a_group_shares_a_folder(
    author: Server,
    folders: Path,
    weights: bytes,
    monkeypatch: pytest.MonkeyPatch,
    without_network: None,
) -> None:
    group = folders / "group"
    group.mkdir()
    (group / FILE).write_bytes(weights)
    group.chmod(0o555)
    here = ("/group/vdsr-weights", str(group))
    assert run(BLOCKS[3], monkeypatch, group=here) == [0]
    group.chmod(0o755)


def test_a_mirror_gives_what_the_public_address_cannot(
    author: Server, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = ("http://mirror.example:8000", f"{author.url}/mirror")
    assert run(BLOCKS[4], monkeypatch, mirror=here) == [0]
    assert author.paths == [f"/mirror/{FILE}"]


def test_a_proxy_is_asked_for_an_encrypted_connection(
    author: Server,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    entry = next(entry for entry in registry._entries() if entry["file"] == FILE)
    entry["urls"] = ["https://weights.invalid/it.pth"]
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    proxy = ("http://proxy.example:3128", author.url)
    certificates = ("/etc/ssl/certs/our-network.pem", certifi.where())
    author.answers = [giving(b"", status=407)]
    assert run(BLOCKS[5], monkeypatch, proxy=proxy, bundle=certificates) == [1]
    assert author.paths == ["weights.invalid:443"]
    assert "the proxy cannot be used" in capsys.readouterr().err


def test_the_models_of_the_package_need_no_network(
    author: Server, without_network: None
) -> None:
    for model in ("vdsr20-scanner", "vdsr20-camera", "vdsr20", "vdsr5"):
        assert main(["upscale", "cells.tif", f"{model}.tif", "--model", model]) == 0
    assert main(["describe", "cells.tif"]) == 0
    assert main(["models", "list"]) == 0


def test_every_block_of_the_page_is_tried() -> None:
    assert len(BLOCKS) == 6
