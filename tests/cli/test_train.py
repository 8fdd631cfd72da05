"""`napari-vdsr train`, as it is typed."""

import json
import os
import re
import shlex
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import zarr
from PIL import Image

from napari_vdsr.cli import main
from napari_vdsr.errors import FileError
from napari_vdsr.files.atomic import locked
from napari_vdsr.training import Trainer
from napari_vdsr.training.checkpoint import read_step
from napari_vdsr.zoo import Model, load_model, models

SHORT = ["--depth", "3", "--patch", "16", "--batch", "4", "--device", "cpu"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    images = tmp_path / "images"
    images.mkdir()
    random = np.random.default_rng(0)
    for number in range(4):
        coarse = random.integers(0, 256, (10, 12), dtype=np.uint8)
        Image.fromarray(coarse).resize((60, 50)).save(images / f"{number}.png")
    return images


def test_a_folder_becomes_a_model_with_its_history(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output, log = tmp_path / "mine.safetensors", tmp_path / "mine.csv"
    arguments = ["train", str(folder), "--output", str(output), *SHORT]
    arguments += ["--steps", "6", "--factor", "2", "--factor", "2.5", "--json"]
    arguments += ["--noise", "1", "0", "2", "--log", str(log)]
    arguments += ["--precision", "float32"]
    assert main(arguments) == 0
    printed = capsys.readouterr()
    result = json.loads(printed.out)
    assert result["config"]["factors"] == [2.0, 2.5]
    assert result["config"]["noise"]["read_noise"] == 2.0
    assert result["config"]["precision"] == "float32"
    assert result["history"]["steps"] == 6
    assert result["parameters"] == load_model(output).network.parameter_count
    assert set(result["history"]["scores"][-1]["psnr"]) == {"x2", "x2.5"}
    assert log.read_text().splitlines()[-1].startswith("6,")
    assert sorted(tmp_path.iterdir()) == sorted([folder, output, log])


def config_of(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> Any:
    assert main([*arguments, "--steps", "1", "--overwrite", "--json"]) == 0
    return json.loads(capsys.readouterr().out)["config"]


def test_how_the_images_were_taken_reaches_the_training(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "mine.safetensors"
    arguments = ["train", str(folder), "--output", str(output), *SHORT]
    arguments += ["--factor", "2", "--recipe", "microscope"]
    usual = config_of(arguments, capsys)
    assert usual["sampling"] == "scanner"
    assert usual["spot"] == {"sigma": [0.15, 0.9], "share": 0.7}
    assert usual["noise"]["white"] == [15.0, 10_000.0]
    assert load_model(output).metadata["sampling"] == "scanner"

    mixed = ["--sampling", "camera=0.7, scanner=0.3", "--spot", "0.2", "0.4"]
    mixed += ["--blind-noise", "20", "300", "--read-noise", "1", "2", "--clean", "0"]
    changed = config_of([*arguments, *mixed], capsys)
    assert changed["sampling"] == {"camera": 0.7, "scanner": 0.3}
    assert changed["spot"] == {"sigma": [0.2, 0.4], "share": 0.7}
    assert changed["noise"]["white"] == [20.0, 300.0]
    assert changed["noise"]["read_noise"] == [1.0, 2.0]
    assert changed["noise"]["clean"] == 0.0
    assert load_model(output).metadata["sampling"] == "camera"

    off = config_of([*arguments, "--spot", "0", "0", "--clean", "1"], capsys)
    assert off["spot"] is None
    assert off["noise"] is None
    known = config_of([*arguments, "--noise", "1", "0", "2"], capsys)
    assert known["noise"]["gain"] == 1.0


def test_any_recipe_may_have_blind_noise(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "mine.safetensors"
    arguments = ["train", str(folder), "--output", str(output), *SHORT]
    assert config_of(arguments, capsys)["noise"] is None
    noise = config_of([*arguments, "--blind-noise", "50", "60"], capsys)["noise"]
    assert noise["white"] == [50.0, 60.0]
    assert noise["clean"] == 0.25


def test_a_model_is_fine_tuned_and_added_to_the_users_own(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Without --add the command to type is told, and it works as it stands."""
    monkeypatch.setenv("NAPARI_VDSR_MODELS", str(tmp_path / "models"))
    first = tmp_path / "my first.safetensors"
    arguments = ["train", str(folder), *SHORT, "--steps", "2"]
    assert main([*arguments, "--output", str(first)]) == 0
    told = capsys.readouterr().err
    (command,) = re.findall("to have it in the panels .*: (napari-vdsr .*)", told)
    assert "my-first" not in {card.name for card in models()}
    assert main(shlex.split(command)[1:]) == 0
    assert "my-first" in {card.name for card in models()}
    capsys.readouterr()
    second = tmp_path / "second.safetensors"
    tuned = ["--output", str(second), "--start-from", str(first), "--add"]
    assert main([*arguments, *tuned]) == 0
    assert "models import" not in capsys.readouterr().err
    model = load_model("second")
    assert "Fine-tuned from my first" in model.metadata["description"]


def test_a_folder_of_zarrs_is_trained_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stack = np.random.default_rng(0).integers(0, 4000, (5, 40, 50), np.uint16)
    for name in "abc":
        zarr.create_array(
            str(tmp_path / "images" / f"{name}.zarr"), data=stack, chunks=(1, 40, 50)
        )
    (tmp_path / "images" / "b.zarr" / "c" / "2" / "0" / "0").write_bytes(b"damaged")
    output = tmp_path / "mine.safetensors"
    arguments = ["train", str(tmp_path / "images"), "--output", str(output), *SHORT]
    assert main([*arguments, "--steps", "2"]) == 0
    messages = capsys.readouterr().err
    assert "b.zarr: damaged" in messages
    assert "are left out" in messages
    assert output.exists()


@pytest.mark.skipif(os.name != "posix", reason="Windows sends no SIGINT")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_keeps_what_was_learned_and_resume_goes_on(
    number: signal.Signals,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = tmp_path / "mine.safetensors"
    checkpoint = tmp_path / "mine.safetensors.checkpoint"
    arguments = ["train", str(folder), "--output", str(output), *SHORT]
    arguments += ["--steps", "110", "--recipe", "adapt"]
    log = tmp_path / "mine.csv"
    arguments += ["--log", str(log)]
    step = Trainer._one_step

    def signal_and_step(trainer: Trainer) -> None:
        if trainer.history.steps == 60:
            os.kill(os.getpid(), number)
        step(trainer)

    monkeypatch.setattr(Trainer, "_one_step", signal_and_step)
    assert main(arguments) == 128 + number
    monkeypatch.setattr(Trainer, "_one_step", step)
    assert (
        "interrupted after step 61 of 110: the same command with --resume goes on"
        in capsys.readouterr().err
    )
    assert not output.exists()
    assert log.read_text().startswith("step,loss,learning_rate")

    whole = tmp_path / "whole.safetensors"
    assert main([*arguments, "--resume"]) == 0
    assert not checkpoint.exists()
    names = {str(output): str(whole), str(log): str(tmp_path / "whole.csv")}
    assert main([names.get(word, word) for word in arguments]) == 0
    assert log.read_text() == (tmp_path / "whole.csv").read_text()
    states = [load_model(path).network.state_dict() for path in (output, whole)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


@pytest.mark.skipif(os.name != "posix", reason="Windows sends no SIGINT")
def test_a_signal_while_the_model_is_written_finds_the_work_done(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = Model.save

    def save_and_stop(model: Model, *where: Any, **how: Any) -> None:
        save(model, *where, **how)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Model, "save", save_and_stop)
    output = tmp_path / "mine.safetensors"
    arguments = ["train", str(folder), "--output", str(output), *SHORT]
    assert main([*arguments, "--steps", "1"]) == 0
    assert sorted(tmp_path.iterdir()) == sorted([folder, output])


def test_a_training_that_gives_up_fails_but_keeps_the_last_good_weights(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NAPARI_VDSR_MODELS", str(tmp_path / "models"))
    output = tmp_path / "mine.safetensors"
    arguments = ["train", str(folder), "--output", str(output), *SHORT]
    arguments += ["--steps", "300", "--learning-rate", "1e6", "--add", "--json"]
    arguments += ["--precision", "float32"]
    assert main(arguments) == 1
    printed = capsys.readouterr()
    history = json.loads(printed.out)["history"]
    assert history["gave_up"]
    told = f"error: stopped early, after step {history['steps']} of 300"
    assert told in printed.err
    assert "the last good weights" in printed.err
    assert not output.with_name("mine.safetensors.checkpoint").exists()
    model = load_model(output)
    assert all(p.isfinite().all() for p in model.network.parameters())
    assert "mine" not in {card.name for card in models()}


def test_what_can_be_known_is_told_before_the_images_are_looked_through(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NAPARI_VDSR_MODELS", str(tmp_path / "models"))
    arguments = ["train", str(folder), *SHORT, "--steps", "1", "--output"]
    assert main([*arguments, str(tmp_path / "my cells.safetensors"), "--add"]) == 0
    capsys.readouterr()
    (tmp_path / "other").mkdir()
    same = str(tmp_path / "other" / "my-cells.safetensors")
    assert main([*arguments, same, "--add"]) == 2
    assert main([*arguments, same, "--resume"]) == 1
    told = capsys.readouterr().err
    assert "there is a model 'my-cells' already" in told
    assert "there is no checkpoint" in told
    assert "looking through" not in told


@pytest.mark.parametrize(
    ("extra", "status", "message"),
    [
        (["--steps", "0"], 2, "steps is 0"),
        (["--learning-rate", "0"], 2, "learning rate is 0"),
        (["--factor", "9"], 2, "factor is 9"),
        (["--patch", "500"], 2, "smaller than a patch of 500"),
        (["--precision", "half"], 2, "precision is 'half'"),
        (["--sampling", "confocal"], 2, "choose reduced, gaussian, camera"),
        (["--sampling", "scanner=1,sem=1"], 2, "choose reduced, gaussian, camera"),
        (["--sampling", "scanner,camera"], 2, "each name once with its share"),
        (["--sampling", "scanner=1,scanner=2"], 2, "each name once with its share"),
        (["--sampling", "scanner=-1"], 2, "each name once with its share"),
        (["--sampling", "scanner=0"], 2, "one at least above 0"),
        (["--spot", "0.9", "0.1"], 2, "the smaller one first"),
        (["--spot", "-1", "1"], 2, "two numbers from 0 upwards"),
        (["--blind-noise", "0", "10"], 2, "two numbers above 0"),
        (["--blind-noise", "10", "5"], 2, "the smaller one first"),
        (["--blind-noise", "5", "10", "--read-noise", "-1", "1"], 2, "read_noise is"),
        (["--blind-noise", "5", "10", "--clean", "2"], 2, "clean is 2"),
        (["--blind-noise", "5", "10", "--noise", "1", "0", "1"], 2, "the one or the"),
        (["--read-noise", "0", "1"], 2, "say more of --blind-noise"),
        (
            ["--sampling", "scanner", "--patch", "40"],
            2,
            "a patch of 40 needs 80 pixels of a scanner's image",
        ),
        (["--resume"], 1, "no checkpoint"),
        (["--start-from", "nothing"], 1, "nothing"),
        (["--log", "log.txt"], 2, "does not end in .csv"),
    ],
)
def test_wrong_arguments_are_explained(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    extra: list[str],
    status: int,
    message: str,
) -> None:
    output = tmp_path / "mine.safetensors"
    arguments = ["train", str(folder), "--output", str(output)]
    assert main([*arguments, *extra]) == status
    assert message in capsys.readouterr().err
    assert not output.exists()


def test_nothing_that_exists_is_replaced(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "mine.safetensors"
    output.write_text("precious")
    assert main(["train", str(folder), "--output", str(output), *SHORT]) == 1
    assert "exists already" in capsys.readouterr().err
    assert output.read_text() == "precious"


@pytest.fixture
def arguments(folder: Path, tmp_path: Path) -> list[str]:
    output = tmp_path / "mine.safetensors"
    return ["train", str(folder), "--output", str(output), *SHORT, "--recipe", "adapt"]


def test_a_training_killed_before_its_checkpoint_was_removed_is_finished(
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = tmp_path / "mine.safetensors"
    checkpoint = tmp_path / "mine.safetensors.checkpoint"
    unlink = Path.unlink

    def killed(path: Path, missing_ok: bool = False) -> None:
        if path == checkpoint:
            raise SystemExit(9)
        unlink(path, missing_ok)

    arguments += ["--steps", "52"]
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", killed)
        assert main(arguments) == 9
    made, state = output.read_bytes(), checkpoint.read_bytes()
    for more in ([], ["--resume"], ["--json"]):
        checkpoint.write_bytes(state)
        capsys.readouterr()
        assert main([*arguments, *more]) == 0
        printed = capsys.readouterr()
        assert "mine.safetensors is finished" in printed.err
        assert output.read_bytes() == made
        assert not checkpoint.exists()
    assert json.loads(printed.out)["history"]["steps"] == 52
    for other in (["--seed", "5"], ["--steps", "51"]):
        checkpoint.write_bytes(state)
        assert main([*arguments, *other]) == 1
        assert "exists already" in capsys.readouterr().err


def test_a_target_that_cannot_be_written_is_found_before_the_first_step(
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(Trainer, "run", lambda _: pytest.fail("it was trained"))
    missing = [*arguments, "--log", str(tmp_path / "missing" / "a.csv")]
    assert main(missing) == 1
    assert "does not exist" in capsys.readouterr().err
    circle = tmp_path / "circle.safetensors"
    circle.symlink_to(circle)
    assert main([*arguments, "--output", str(circle), "--overwrite"]) == 1
    assert f"cannot write {circle}" in capsys.readouterr().err
    deep = "/".join(["d" * 200] * 30)
    assert main([*arguments, "--output", f"{deep}/a.safetensors"]) == 1
    assert "it is too long" in capsys.readouterr().err
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert main(arguments) == 1
    assert "no permission to write" in capsys.readouterr().err


def test_two_trainings_never_share_an_output(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with locked(tmp_path / ".mine.safetensors.lock", "another one"):
        assert main([*arguments, "--steps", "1"]) == 1
        assert "another training is writing" in capsys.readouterr().err
    assert main([*arguments, "--steps", "1"]) == 0
    assert not list(tmp_path.glob(".*"))


def failing(name: str) -> Any:
    def fail(*_: Any, **__: Any) -> None:
        raise FileError(f"cannot write {name}: the disk is full")

    return fail


def test_a_log_that_cannot_be_written_ends_no_training(
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("napari_vdsr.cli.training.replacing", failing("the log"))
    log = ["--log", str(tmp_path / "mine.csv")]
    assert main([*arguments, *log, "--steps", "2"]) == 0
    assert "warning: cannot write the log" in capsys.readouterr().err
    assert (tmp_path / "mine.safetensors").exists()


def test_a_model_needs_no_room_for_a_last_checkpoint(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "napari_vdsr.training.trainer.write_checkpoint", failing("the checkpoint")
    )
    assert main([*arguments, "--steps", "2"]) == 0
    assert load_model(tmp_path / "mine.safetensors").network.depth == 3


def test_a_model_that_cannot_be_written_is_kept_in_the_checkpoint(
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Model, "save", failing("the model"))
        assert main([*arguments, "--steps", "3"]) == 1
    assert "cannot write the model" in capsys.readouterr().err
    assert read_step(tmp_path / "mine.safetensors.checkpoint") == 3
    assert main([*arguments, "--steps", "3", "--resume"]) == 0
    assert load_model(tmp_path / "mine.safetensors").network.depth == 3


def test_a_training_reports_into_files_too(
    arguments: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("napari_vdsr.training.trainer._OFTEN", 0)
    assert main([*arguments, "--steps", "20"]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert sum("of 20: loss" in line for line in lines) == 9
    assert any("step 20: loss" in line and "dB" in line for line in lines)
