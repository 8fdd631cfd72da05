"""A registry with a small model that a web server on this machine gives out."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from webserver import Server, giving

from napari_vdsr.network import VDSR
from napari_vdsr.zoo import Model, registry, weight_files


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def weights(tmp_path: Path) -> bytes:
    """Give the bytes of a small model's file."""
    path = tmp_path / "made.safetensors"
    Model(VDSR(depth=3, features=24), "small").save(path)
    return path.read_bytes()


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep fetched models and those of the user in a folder of this test."""
    monkeypatch.setenv("NAPARI_VDSR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NAPARI_VDSR_MODELS", str(tmp_path / "models"))
    monkeypatch.delenv("NAPARI_VDSR_WEIGHTS_URL", raising=False)
    return tmp_path


@pytest.fixture
def listed(
    folders: Path, server: Server, weights: bytes, monkeypatch: pytest.MonkeyPatch
) -> dict[str, object]:
    """List a model ``small`` that the server gives out, besides the real ones."""
    server.answers = [giving(weights)]
    entry: dict[str, object] = {
        "name": "small",
        "file": "small-1.safetensors",
        "title": "Small",
        "description": "For tests.",
        "architecture": "vdsr",
        "factors": [2],
        "licence": "BSD-3-Clause",
        "source": "made here",
        "scores": [],
        "size": len(weights),
        "sha256": hashlib.sha256(weights).hexdigest(),
        "urls": [f"{server.url}/small-1.safetensors"],
    }
    entries = [*registry._entries(), entry]
    monkeypatch.setattr(registry, "_entries", lambda: entries)
    monkeypatch.setattr(weight_files, "_RETRIES", 0)
    return entry
