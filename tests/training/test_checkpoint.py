"""Checkpoints: what they hold, and what is refused before it is used."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save_file
from small_training import picture, tiny

from napari_vdsr.errors import FileError, InputError, ModelError
from napari_vdsr.network import VDSR
from napari_vdsr.training import Trainer, prepare, train
from napari_vdsr.training.checkpoint import (
    Snapshot,
    read_checkpoint,
    read_step,
    write_checkpoint,
)
from napari_vdsr.zoo import Model

IMAGES = [picture(seed, (40, 44)) for seed in range(4)]
CONFIG = tiny(steps=8)


def resumed(path: Path, images: Any = IMAGES, **options: Any) -> Trainer:
    config = options.pop("config", CONFIG)
    return Trainer(
        prepare(images, config, warn=False),
        config,
        **{"device": "cpu", "resume": path, **options},
    )


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the checkpoint of a training that was stopped after its fourth step."""
    path = tmp_path_factory.mktemp("written") / "state.checkpoint"
    trainer = Trainer(prepare(IMAGES, CONFIG), CONFIG, device="cpu", checkpoint=path)
    steps = trainer.run()
    while trainer.history.steps < 6:
        next(steps)
    steps.close()
    return path


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"seed": 1}, "seed"),
        ({"batch": 3, "depth": 4}, "depth, batch"),
        ({"steps": 9}, "steps, learning rate or recipe"),
    ],
)
def test_a_checkpoint_of_other_settings_is_refused(
    written: Path, change: dict[str, int], word: str
) -> None:
    config = tiny(**{"steps": 8, **change})
    with pytest.raises(InputError, match=f"other settings.*{word}"):
        resumed(written, config=config)


def test_a_checkpoint_of_other_images_is_refused(written: Path) -> None:
    with pytest.raises(InputError, match="other images"):
        resumed(written, IMAGES[:3])


def test_a_copy_of_the_images_is_the_same_set(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    for number, image in enumerate(IMAGES):
        Image.fromarray(image).save(one / f"{number}.png")
    path = tmp_path / "state.checkpoint"
    train(one, config=CONFIG, device="cpu", checkpoint=path)
    shutil.copytree(one, other, copy_function=shutil.copyfile)
    assert resumed(path, other).history.steps == 8


def test_first_weights_are_known_by_their_numbers(tmp_path: Path) -> None:
    one, other = Model(VDSR(3).eval(), "one"), Model(VDSR(3).eval(), "one")
    path = tmp_path / "state.checkpoint"
    train(IMAGES, config=CONFIG, device="cpu", checkpoint=path, start_from=one)
    copied = Model(one.network, "a copy of it")
    assert resumed(path, start_from=copied).history.steps == 8
    for start in (other, None):
        with pytest.raises(InputError, match="other first weights"):
            resumed(path, start_from=start)


def test_files_that_are_no_checkpoints_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no checkpoint"):
        resumed(tmp_path / "nothing")
    (tmp_path / "text").write_text("hello")
    with pytest.raises(InputError, match="no checkpoint"):
        resumed(tmp_path / "text")
    Model(VDSR(3), "mine").save(tmp_path / "model.safetensors")
    with pytest.raises(InputError, match="start from it instead"):
        resumed(tmp_path / "model.safetensors")


def test_a_checkpoint_is_read_as_it_was_written(written: Path, tmp_path: Path) -> None:
    snapshot = read_checkpoint(written)
    path = tmp_path / "again"
    write_checkpoint(path, snapshot)
    again = read_checkpoint(path)
    assert again.values == snapshot.values
    assert read_step(path) == 4
    assert all(
        torch.equal(again.tensors[name], tensor)
        for name, tensor in snapshot.tensors.items()
    )


def test_a_checkpoint_of_an_older_version_can_be_resumed(
    written: Path, tmp_path: Path
) -> None:
    old = read_checkpoint(written)
    del old.values["history"]["gave_up"]
    for younger in ("sampling", "spot"):
        del old.values["config"][younger]
    path = tmp_path / "first format"
    metadata = {"format": "napari-vdsr checkpoint 1", "values": json.dumps(old.values)}
    save_file(old.tensors, path, metadata)
    assert read_step(path) == 4
    again = resumed(path)
    assert again.history.steps == 4 and not again.history.gave_up


def test_a_long_history_can_be_resumed(written: Path, tmp_path: Path) -> None:
    snapshot = read_checkpoint(written)
    score = {"step": 4, "psnr": {"x2": 30.1}, "enlarged": {"x2": 29.9}}
    scores = snapshot.values["history"]["scores"]
    scores[:] = [scores[0] if scores else score] * 20_000
    path = tmp_path / "long"
    write_checkpoint(path, snapshot)
    again = resumed(path)
    assert len(again.history.scores) == 20_000
    list(again.run())
    again.model().save(tmp_path / "model.safetensors")


@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_is_found(where: float, bit: int, written: Path) -> None:
    data = bytearray(written.read_bytes())
    data[int(where * len(data))] ^= 1 << bit
    path = written.with_name("flipped")
    path.write_bytes(data)
    try:
        snapshot = read_checkpoint(path)
    except InputError as error:
        assert "checkpoint" in str(error)
    else:  # within the metadata that nothing depends on
        assert snapshot.values == read_checkpoint(written).values


def without(name: str) -> Callable[[Snapshot], object]:
    return lambda it: it.tensors.pop(name)


def tensor(name: str, change: Callable[[Any], Any]) -> Callable[[Snapshot], object]:
    return lambda it: it.tensors.update({name: change(it.tensors[name])})


def value(name: str, new: Any) -> Callable[[Snapshot], object]:
    return lambda it: it.values.update({name: new})


FIRST = "optimiser.0.exp_avg"


@pytest.mark.parametrize(
    "damage",
    [
        without(FIRST),
        without("mean.1"),
        without("generator"),
        without("network.conv0.parametrizations.weight.original"),
        lambda it: it.tensors.update(extra=torch.zeros(3)),
        tensor(FIRST, lambda it: it.reshape(-1)[:1].clone()),
        tensor(FIRST, lambda it: it.reshape(-1)),
        tensor(FIRST, lambda it: it.double()),
        tensor(FIRST, lambda it: it * float("nan")),
        tensor(f"{FIRST}_sq", lambda it: it - 1),
        tensor("optimiser.0.step", lambda it: -it),
        tensor("mean.0", lambda it: it / 0),
        tensor("generator", lambda it: it[:8].clone()),
        tensor("generator", lambda it: it.double()),
        value("step", 5),
        value("step", "four"),
        value("step", -1),
        value("slowed", 0),
        value("slowed", float("nan")),
        value("bad", [0, 0]),
        value("bad", None),
        value("limit", -1.0),
        value("row", [float("inf")]),
        value("row", 3),
        value("history", {}),
        value("history", []),
        value("history", {"losses": [[1]]}),
        lambda it: it.values.clear(),
        lambda it: it.values.pop("images"),
        lambda it: it.values.pop("limit"),
    ],
)
def test_what_no_training_wrote_is_refused(
    damage: Callable[[Snapshot], object], written: Path, tmp_path: Path
) -> None:
    snapshot = read_checkpoint(written)
    damage(snapshot)
    snapshot.values.setdefault("step", 4)
    path = tmp_path / "state.checkpoint"
    write_checkpoint(path, snapshot)
    with pytest.raises(InputError, match="checkpoint"):
        resumed(path)


def test_the_step_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    Model(VDSR(3), "mine").save(path)
    with pytest.raises(ModelError, match="damaged checkpoint"):
        read_step(path)
