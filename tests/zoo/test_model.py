import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import napari_vdsr
from napari_vdsr.errors import FileError, InputError, ModelError
from napari_vdsr.network import VDSR
from napari_vdsr.zoo import Model, cache_folder, load_model, user_folder, weight_files
from napari_vdsr.zoo.model import shared_model


def test_the_default_model_needs_no_network() -> None:
    model = load_model("vdsr20")
    assert model.network.depth == 20
    assert model.equivariant
    assert model.halo == 20
    assert model.sha256.startswith("fce3ea0e5f7ce2c952258be695b247e1")
    assert model.title == "VDSR, 20 layers"
    assert model.metadata["licence"] == "BSD-3-Clause"


def test_a_model_is_returned_as_it_is() -> None:
    model = Model(VDSR(depth=2, features=4), "mine")
    assert load_model(model) is model


@pytest.mark.parametrize("kind", [str, Path])
def test_a_saved_model_comes_back(kind: type, tmp_path: Path) -> None:
    made = Model(VDSR(depth=3, features=8), "made", metadata={"title": "Made here"})
    path = tmp_path / "made.safetensors"
    made.save(path)
    model = load_model(kind(path))
    for before, after in zip(made.network.layers, model.network.layers, strict=True):
        assert torch.equal(before.weight, after.weight)
    assert model.title == "Made here"
    assert model.metadata["depth"] == "3"
    assert model.metadata["equivariant"] == "true"
    assert model.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_saving_replaces_a_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "made.safetensors"
    path.write_bytes(b"old")
    Model(VDSR(depth=2, features=4), "made").save(path)
    assert load_model(path).network.depth == 2
    assert list(tmp_path.iterdir()) == [path]


def test_saving_where_one_cannot_is_a_typed_error(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="nowhere"):
        Model(VDSR(depth=2, features=4), "m").save(tmp_path / "nowhere" / "m.pth")


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ModelError, match=r"Did you mean 'vdsr20'\?.*vdsr20-kim2016"):
        load_model("vdsr2O")


@pytest.mark.parametrize("name", ["not/there", "not-there.safetensors"])
def test_a_file_that_is_not_there_is_named(name: str) -> None:
    with pytest.raises(FileError, match=f"cannot read {name}"):
        load_model(name)


def test_what_is_neither_name_nor_file_is_refused() -> None:
    with pytest.raises(InputError, match="not a int"):
        load_model(20)  # type: ignore[arg-type]


@pytest.mark.parametrize("data", [b"", b"II*\0 a picture", b"\x89HDF\r\n", b"{}"])
def test_a_file_of_another_kind_says_what_is_expected(
    data: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "picture.pth"
    path.write_bytes(data)
    with pytest.raises(ModelError, match=r"picture\.pth.*safetensors.*torch\.save"):
        load_model(path)


def test_weights_that_make_no_network_name_their_file(tmp_path: Path) -> None:
    path = tmp_path / "odd.pth"
    torch.save({"conv0.weight": torch.ones(2, 1, 3, 3)}, path)
    with pytest.raises(ModelError, match=r"odd\.pth.*without a gap"):
        load_model(path)


def test_a_file_far_too_large_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "large.pth"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ModelError, match="1,099,511,627,776 bytes"):
        load_model(path)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
def test_what_has_no_end_is_refused_unread(tmp_path: Path) -> None:
    (tmp_path / "zero.pth").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe.pth")
    (tmp_path / "loop.pth").symlink_to(tmp_path / "loop.pth")
    for name in ("zero.pth", "pipe.pth", "."):
        with pytest.raises(FileError, match="not a regular file"):
            load_model(tmp_path / name)
    with pytest.raises(FileError, match=r"loop\.pth"):
        load_model(tmp_path / "loop.pth")


@pytest.mark.parametrize("name", ["a" * 5000 + ".pth", "a\0b.pth"])
def test_a_path_that_cannot_be_is_a_typed_error(name: str) -> None:
    with pytest.raises(FileError, match="cannot read"):
        load_model(name)


def test_an_unknown_user_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="no such user"):
        load_model("~nosuchuser/model.pth")
    for folder, variable in (
        (cache_folder, "NAPARI_VDSR_CACHE"),
        (user_folder, "NAPARI_VDSR_MODELS"),
    ):
        monkeypatch.setenv(variable, "~nosuchuser/x")
        with pytest.raises(InputError, match=f"{variable}.*no such user"):
            folder()


def test_changing_a_loaded_model_changes_no_other() -> None:
    first = load_model("vdsr5")
    before = first.fingerprint
    with torch.no_grad():
        next(first.network.layers).weight.zero_()
    first.network.double()
    assert first.metadata is not load_model("vdsr5").metadata
    assert load_model("vdsr5").fingerprint == before
    assert shared_model("vdsr5").fingerprint == before


def old(path: Path) -> Path:
    """Let a file be a minute old: of newer ones, the time tells too little."""
    os.utime(path, (time.time() - 60,) * 2)
    return path


def test_a_file_is_read_again_once_it_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "made.safetensors"
    Model(VDSR(depth=2, features=4), "made").save(path)
    first = shared_model(old(path))
    assert shared_model(path) is first
    Model(VDSR(depth=2, features=4), "made").save(path)
    second = shared_model(path)  # of the same size
    assert second.sha256 != first.sha256
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))  # perhaps at the same time
    assert shared_model(path).sha256 not in (first.sha256, second.sha256)


COUNTED = """
import hashlib, sys
import numpy as np
from napari_vdsr import models, upscale

opened, hashed = [], []
def watch(event, arguments):
    if event == "open" and str(arguments[0]).endswith(".safetensors"):
        opened.append(arguments[0])
sys.addaudithook(watch)
usual = hashlib.sha256
def counting(data=b"", **settings):
    if len(data) > 100_000:
        hashed.append(len(data))
    return usual(data, **settings)
hashlib.sha256 = counting
image = np.random.default_rng(0).random((12, 12))
for name in ("vdsr5", "mine"):
    first = upscale(image, model=name, device="cpu")
    assert np.array_equal(upscale(image, model=name, device="cpu"), first)
    models(), models()
print(len(opened), len(hashed), len(set(opened)))
"""


def test_a_process_opens_and_hashes_a_file_of_weights_once(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    Model(load_model("vdsr5").network, "mine").save(folder / "mine.safetensors")
    old(folder / "mine.safetensors")
    done = subprocess.run(
        [sys.executable, "-c", COUNTED],
        capture_output=True,
        text=True,
        env={**os.environ, "NAPARI_VDSR_MODELS": str(folder)},
    )
    # The file of the user is opened for its header in the list, too.
    assert done.stdout.strip() == "3 2 2", done.stderr


def test_the_embedded_file_is_the_released_one() -> None:
    package = Path(napari_vdsr.__file__).parent / "zoo" / "embedded"
    released = Path(__file__).parents[2] / "weights"
    if not released.is_dir():
        pytest.skip("the released weights are in the repository only")
    for path in package.iterdir():
        assert path.read_bytes() == (released / path.name).read_bytes()


LISTING = """
import sys, napari_vdsr
cards = napari_vdsr.models()
assert [card.name for card in napari_vdsr.models()][0] == "vdsr20-scanner"
import napari_vdsr.zoo
assert napari_vdsr.zoo.load_model
print({"torch", "pooch", "requests", "napari"} & sys.modules.keys())
"""


def test_models_are_listed_without_loading_torch() -> None:
    output = subprocess.run(
        [sys.executable, "-c", LISTING], capture_output=True, text=True, check=True
    )
    assert output.stdout.strip() == "set()"


BARE = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {
            "pooch", "platformdirs", "requests", "scipy", "skimage", "tifffile"
        }:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
from napari_vdsr.zoo import load_model
load_model("vdsr20").save(sys.argv[1])
assert load_model(sys.argv[1]).network.depth == 20
assert "torch._dynamo" not in sys.modules  # takes seconds to import
"""


def test_a_machine_with_little_but_torch_can_load_and_save(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-c", BARE, str(tmp_path / "a.safetensors")], check=True
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_process_can_load_while_its_parent_was_loading(
    tmp_path: Path, child_code: Any
) -> None:
    path = tmp_path / "mine.safetensors"
    Model(VDSR(3), "mine").save(path)

    def load(wait: Callable[[], None]) -> None:
        with weight_files._opened._kept._lock, weight_files._decoding:
            wait()

    assert child_code(load, lambda: load_model(path).network.depth) == 3
