"""Every line of code in the README and the guides runs."""

import importlib
import inspect
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from distributed import LocalCluster
from napari.layers import Image
from pages import PAGES, ROOT, code_of

from napari_vdsr import load_model
from napari_vdsr.cli import main

# Minutes are too long for a test.
SHORTER = {
    "--steps 200": "--steps 1 --batch 1",
    "shape=(128, 128)": "shape=(56, 56)",
    "range(6, 8)": "range(6, 7)",
    "photons=100, seed=1": "photons=100, seed=1, shape=(96, 96)",
}


def names_used_by_the_guides() -> dict[str, object]:
    image = np.random.default_rng(0).integers(0, 200, (48, 68), dtype=np.uint8)
    return {
        "image": image,
        "layer": Image(image, scale=(0.1, 0.1)),
        "photo": np.stack([image] * 3, axis=-1),
        "reference": image,
        "stack": np.stack([image] * 2)[None, :, None],
    }


def make_files_of_the_guides() -> None:
    picture = np.random.default_rng(0).integers(0, 200, (48, 40), dtype=np.uint8)
    Path("images").mkdir()
    tifffile.imwrite("cells.tif", picture[::2, ::2])
    tifffile.imwrite("truth.tif", picture)
    tifffile.imwrite("images/a.tif", picture)
    torch.save(load_model("vdsr20").network.state_dict(), "my_network.pth")


def run(line: str) -> int:
    """Run a line of the shell; our own command runs in this process, for speed."""
    if line.startswith("napari-vdsr ") and not re.search(r"[|&;<>$*?`\\]", line):
        return main(shlex.split(line, comments=True)[1:])
    folder = str(Path(sys.executable).parent)
    environment = os.environ | {"PATH": folder + os.pathsep + os.environ["PATH"]}
    return subprocess.run(["bash", "-euc", line], env=environment).returncode


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_code_in_the_guides_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Processes would take seconds to start; tests/lazy has some for all its tests.
    threads = partial(
        LocalCluster, processes=False, protocol="tcp", dashboard_address="127.0.0.1:0"
    )
    monkeypatch.setattr("dask.distributed.LocalCluster", threads)
    monkeypatch.setattr("napari_vdsr.lazy.blocks.BLOCK", 128)
    monkeypatch.setenv("NAPARI_VDSR_MODELS", str(tmp_path / "models"))
    monkeypatch.chdir(tmp_path)
    make_files_of_the_guides()
    names = names_used_by_the_guides() | {"__name__": "__main__"}
    for language, note, code in code_of(page):
        for long, short in SHORTER.items():
            code = code.replace(long, short)
        if language == "python" and "not run" not in note:
            exec(compile(code, str(page), "exec"), names)
        elif language == "bash" and "ci: shell" in note:
            for line in code.replace("\\\n", "").splitlines():
                assert run(line) == 0, line


@pytest.mark.parametrize(
    "page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name
)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(
        r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")
    ):
        assert (page.parent / target).exists(), target


API = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")


def objects_with_a_page() -> Iterator[str]:
    """Give the full names in the tables of docs/api.md, each of which makes a page."""
    module = ""
    for line in API.splitlines():
        if line.startswith(".. currentmodule:: "):
            module = line.split()[-1]
        elif re.fullmatch(r"   ~?[\w.]+", line):
            yield f"{module}.{line.strip().lstrip('~')}"


def documented(name: str) -> object:
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


PUBLIC = ("", ".errors", ".network", ".simulation", ".training", ".zoo")


@pytest.mark.parametrize("room", PUBLIC)
def test_every_public_object_has_a_page(room: str) -> None:
    module = importlib.import_module(f"napari_vdsr{room}")
    names = getattr(module, "__all__", None) or [
        name
        for name, value in vars(module).items()
        if getattr(value, "__module__", "") == module.__name__
        and isinstance(value, type)
    ]
    pages = [documented(name) for name in objects_with_a_page()]
    missing = [name for name in names if getattr(module, name) not in pages]
    assert not missing


def test_pages_of_functions_describe_every_parameter() -> None:
    for name in objects_with_a_page():
        function = documented(name)
        if not inspect.isfunction(function):
            continue
        text = inspect.getdoc(function) or ""
        headings = re.findall(r"^([*\w, ]+?)(?: : .*)?$", text, re.MULTILINE)
        described = {word.strip("* ") for line in headings for word in line.split(",")}
        assert set(inspect.signature(function).parameters) <= described, name


def test_attributes_have_a_line_each() -> None:
    # Several names in a line are joined into one word on their page.
    for name in objects_with_a_page():
        attributes = (inspect.getdoc(documented(name)) or "").partition("Attributes\n")
        assert not re.search(r"^\w+, .* : ", attributes[2], re.MULTILINE), name
