"""What must never get into the repository, and what must stay equal in it."""

import hashlib
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# Spelt in two parts, so that this file does not contain what it looks for.
FORBIDDEN = re.compile(
    "|".join(
        (
            r"(?<![\w.~])/(?:work|root|home|Users|opt)" + r"/\w",
            r"(?:pypi|pythonhosted|debian|npmjs)" + r"\.org",
            r"find" + r"[-_]links",
        )
    )
)


def tracked() -> Iterator[Path]:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: there is no list of tracked files")
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True
    )
    for name in listing.stdout.decode().split("\0"):
        path = ROOT / name
        if name and path.is_file():
            yield path


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_no_file_of_others_is_tracked(shared: Path) -> None:
    theirs = {
        digest(path): path
        for folder in (shared / "data", shared / "weights" / "third_party")
        for path in folder.rglob("*")
        if path.is_file()
    }
    assert theirs
    found = {path: theirs[digest(path)] for path in tracked() if digest(path) in theirs}
    assert not found, "these may be used but not passed on"


def test_no_tracked_file_names_this_machine_or_a_package_host() -> None:
    found = []
    for path in tracked():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(ROOT)}: {m[0]}" for m in FORBIDDEN.finditer(text)]
    assert not found


def test_no_large_file_but_weights_and_pictures_is_tracked() -> None:
    allowed = {".safetensors", ".png"}
    large = [
        path.relative_to(ROOT)
        for path in tracked()
        if path.stat().st_size > 300_000 and path.suffix not in allowed
    ]
    assert not large


def test_manifest_at_the_top_equals_the_one_in_the_package() -> None:
    inside = ROOT / "src" / "napari_vdsr" / "napari.yaml"
    assert (ROOT / "napari.yaml").read_bytes() == inside.read_bytes()
