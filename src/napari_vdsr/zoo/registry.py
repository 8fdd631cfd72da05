"""The models that the package lists, in ``registry.json`` beside this file.

A released file is never replaced under its name: ``vdsr20-1.safetensors`` is followed
by ``vdsr20-2.safetensors``, and the name of the model points to the newest.
"""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

from napari_vdsr.version import __version__
from napari_vdsr.zoo.card import Card, Score
from napari_vdsr.zoo.folders import cache_folder

DEFAULT_MODEL = "vdsr20-scanner"
"""The model whose worst case is best, chosen as docs/believe.md tells."""

_HERE = Path(__file__).parent
_RELEASED = "https://github.com/napari-vdsr/napari-vdsr/raw/v{version}/weights"


def registered() -> list[Card]:
    """List the models that the package knows by name, the default first."""
    return [_card(entry) for entry in _entries()]


def registered_as(name: str) -> Card | None:
    """Look up one model of the list."""
    # The card of another model may need a folder that a bare machine cannot tell.
    found = (_card(entry) for entry in _entries() if entry["name"] == name)
    return next(found, None)


def is_registered(sha256: str) -> bool:
    """Whether a file of the list has this content."""
    return any(entry["sha256"] == sha256 for entry in _entries())


@cache
def _entries() -> list[dict[str, Any]]:
    text = (_HERE / "registry.json").read_text(encoding="utf-8")
    entries: list[dict[str, Any]] = json.loads(text)["models"]
    return entries


def _card(entry: dict[str, Any]) -> Card:
    embedded = _HERE / "embedded" / entry["file"]
    path = embedded if embedded.is_file() else cache_folder() / entry["file"]
    return Card(
        name=entry["name"],
        title=entry["title"],
        description=entry["description"],
        architecture=entry["architecture"],
        factors=tuple(entry["factors"]),
        sampling=entry.get("sampling", "reduced"),
        licence=entry["licence"],
        source=entry["source"],
        scores=tuple(Score(*score) for score in entry["scores"]),
        size=entry["size"],
        sha256=entry["sha256"],
        urls=_urls(entry),
        origin="built-in",
        path=path,
        here=_has_size(path, entry["size"]),
    )


def _urls(entry: dict[str, Any]) -> tuple[str, ...]:
    """Addresses of a file: the user's mirror, then those in the list."""
    released = _RELEASED.format(version=__version__)
    listed = [url.format(released=released) for url in entry["urls"]]
    mirror = os.environ.get("NAPARI_VDSR_WEIGHTS_URL")
    if mirror:
        listed.insert(0, f"{mirror.rstrip('/')}/{entry['file']}")
    return tuple(listed)


def _has_size(path: Path, size: int) -> bool:
    # Whether it is the right file is checked when it is used.
    try:
        return path.stat().st_size == size
    except OSError:
        return False
