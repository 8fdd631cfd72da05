"""Trainings that are left, taken up again, or meet with trouble."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from heart import Heart
from napari.utils import cancelable_progress, progress
from qtpy.QtCore import QThreadPool, QTimer
from qtpy.QtWidgets import QApplication
from training_helpers import (
    TINY,
    OpenTraining,
    Settle,
    discs,
    message,
    names,
    wait_for_end,
    wait_for_steps,
)

from napari_vdsr.files import image_files
from napari_vdsr.files.opening import OpenImage
from napari_vdsr.layers.result import METADATA_KEY, Provenance
from napari_vdsr.plugin import machine
from napari_vdsr.plugin.jobs import device_in_use
from napari_vdsr.plugin.training import unfinished
from napari_vdsr.plugin.training.panel import Training
from napari_vdsr.plugin.training.planning import Facts, Images, Plan
from napari_vdsr.plugin.training.session import Session, a_core_left
from napari_vdsr.plugin.training.settings import TrainingSettings
from napari_vdsr.plugin.viewer import TRAINING_PREVIEW
from napari_vdsr.training import Report, batches, learner, prepare, recipe
from napari_vdsr.training.learner import Learner
from napari_vdsr.training.trainer import Trainer
from napari_vdsr.zoo import load_model, user_folder

pytestmark = pytest.mark.usefixtures("nothing_drawn")


@pytest.fixture
def busy_import(monkeypatch: pytest.MonkeyPatch) -> Iterator[Event]:
    """The import of torch ends when this is set."""
    done, devices = Event(), machine._devices

    def wait(module: str) -> list[str]:
        assert done.wait(60)
        return devices(module)

    monkeypatch.setattr(machine, "_devices", wait)
    yield done
    done.set()


def nothing_is_left_running() -> bool:
    pool = QThreadPool.globalInstance()
    assert pool is not None
    done = pool.waitForDone(20_000) and pool.activeThreadCount() == 0
    return done and not progress._all_instances


def offers_unfinished(panel: Training) -> bool:
    return bool(panel.unfinished.isVisibleTo(panel))


def begin(panel: Training, settle: Any, qtbot: Any, steps: int = 3) -> None:
    settle(panel)
    panel.controls.button.click()
    assert panel.running, message(panel)
    wait_for_steps(panel, qtbot, steps)


def yes() -> None:
    box: Any = QApplication.activeModalWidget()
    box.button(box.StandardButton.Yes).click()


def test_a_training_outlives_its_panel(
    viewer: Any, open_training: OpenTraining, settle: Settle, qtbot: Any
) -> None:
    viewer.add_image(discs(), name="cells")
    panel = open_training(steps=200, name="mine")
    begin(panel, settle, qtbot)
    viewer.window.remove_dock_widget(panel)
    assert nothing_is_left_running()
    assert not (user_folder() / "mine.safetensors").exists()
    again = open_training()
    assert offers_unfinished(again)
    assert again.unfinished.chosen.choices == ("mine",)
    settle(again)
    again.form["name"].value = "mine"
    assert "not finished: resume or discard it" in settle(again)
    again.unfinished.resume.click()
    assert again.running
    wait_for_end(again, qtbot)
    assert "'mine' is in the list of models" in message(again)
    assert not offers_unfinished(again)
    again.form["name"].value = "straight"
    begin(again, settle, qtbot)
    wait_for_end(again, qtbot)
    one, other = (load_model(n).network.state_dict() for n in ("mine", "straight"))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_what_is_resumed_is_shown_and_waits_until_the_machine_is_known(
    viewer: Any, open_training: OpenTraining, settle: Settle, qtbot: Any
) -> None:
    viewer.add_image(discs(), name="cells")
    panel = open_training(steps=100000, recipe="modern", name="mine")
    begin(panel, settle, qtbot)
    viewer.window.remove_dock_widget(panel)
    assert nothing_is_left_running()
    viewer.add_image(discs(1), name="other")
    again = Training(viewer)
    again.form["recipe"].value = "quick"
    resume = again.unfinished.resume
    assert not offers_unfinished(again)
    qtbot.waitUntil(lambda: offers_unfinished(again))
    settle(again)
    rate = again.form["rate"].native.lineEdit()
    assert rate.placeholderText() == f"{recipe('quick').stages[0].learning_rate:g}"
    resume.click()
    assert again.running, message(again)
    settle(again)
    assert rate.placeholderText() == f"{recipe('modern').stages[0].learning_rate:g}"
    assert again.form["recipe"].value == "modern"
    assert again.form["images"].native.currentText() == "selected: cells"
    QTimer.singleShot(100, yes)
    again.cancel()
    wait_for_end(again, qtbot)
    assert again.form["images"].native.currentText() == "selected: other"
    again.close_down()


def test_trainings_are_looked_for_once_a_thread_has_imported_torch(
    viewer: Any,
    settle: Settle,
    qtbot: Any,
    busy_import: Event,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Reading their checkpoints imported it in the GUI thread, which took seconds."""
    looks: list[str] = []
    monkeypatch.setattr(unfinished, "find_unfinished", lambda: looks.append("") or [])
    panel = Training(viewer)
    qtbot.waitUntil(lambda: panel.models.known)
    viewer.add_image(discs(), name="cells")
    settle(panel)
    assert not looks
    busy_import.set()
    qtbot.waitUntil(lambda: bool(looks))
    panel.close_down()


def test_a_panel_closed_while_its_training_starts_leaves_nothing(
    viewer: Any,
    open_training: OpenTraining,
    settle: Settle,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its name was taken until napari ended."""
    viewer.add_image(discs(), name="cells")
    panel = open_training(name="mine")
    settle(panel)

    def bar(**options: Any) -> Any:
        viewer.window.remove_dock_widget(panel)
        return cancelable_progress(**options)

    monkeypatch.setattr("napari_vdsr.plugin.background.cancelable_progress", bar)
    panel.controls.button.click()
    assert nothing_is_left_running()
    assert not unfinished.is_begun("mine")


def test_closing_the_viewer_stops_within_a_step(
    make_napari_viewer: Any,
    viewer: Any,
    open_training: OpenTraining,
    settle: Settle,
    qtbot: Any,
) -> None:
    """The fixture itself checks that no viewer is left."""
    viewer.add_image(discs(), name="cells")
    panel = open_training(steps=100000, name="mine")
    begin(panel, settle, qtbot)
    viewer.close()
    assert nothing_is_left_running()
    (left,) = unfinished.find_unfinished()
    assert left.name == "mine"
    assert left.step >= 3


def test_a_training_that_was_killed_is_offered(
    viewer: Any, open_training: OpenTraining, qtbot: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    tifffile.imwrite(folder / "cells.tif", discs())
    told = TINY | {"images": "a folder", "steps": "400", "name": "mine"}
    code = f"""
import sys
from pathlib import Path
from napari_vdsr.training import Trainer
from napari_vdsr.plugin.training import unfinished
from napari_vdsr.plugin.training.planning import Facts
from napari_vdsr.plugin.training.planning import Images
from napari_vdsr.plugin.training.planning import Plan
from napari_vdsr.plugin.training.session import Session
from napari_vdsr.plugin.training.settings import TrainingSettings
settings = TrainingSettings().changed({told | {"folder": str(folder)}!r})
unfinished.begin(settings, [])
images = Images(folder=Path(settings.folder))
step = Trainer._one_step

def wait_and_step(trainer):
    if trainer.history.steps == 60:
        print("waiting", flush=True)
        sys.stdin.readline()
    step(trainer)

Trainer._one_step = wait_and_step
Session(Plan(settings, settings.config(), images, Facts(2), "cpu"))()
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    program = [sys.executable, "-c", code]
    with subprocess.Popen(program, env=environment, **pipes) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"waiting\n"
        assert not unfinished.find_unfinished()  # somebody is working on it
        process.kill()
    panel = open_training()
    assert panel.unfinished.chosen.choices == ("mine",)
    panel.take_up()
    wait_for_end(panel, qtbot)
    assert load_model("mine").network.depth == 2


def test_a_training_goes_on_only_with_its_images(
    viewer: Any, open_training: OpenTraining, settle: Settle, qtbot: Any
) -> None:
    viewer.add_image(discs(), name="cells")
    panel = open_training(steps=100000, name="mine")
    begin(panel, settle, qtbot)
    viewer.window.remove_dock_widget(panel)
    assert nothing_is_left_running()
    viewer.layers.clear()
    again = open_training()
    settle(again)
    again.take_up()
    assert "learns from 'cells': open that layer again" in settle(again)
    assert not again.controls.button.isEnabled()
    viewer.add_image(discs(5), name="cells")
    settle(again)
    again.form["name"].value = "other"
    settle(again)
    viewer.layers["cells"].name = "renamed"
    settle(again)
    again.take_up()
    assert "open that layer again" in message(again)
    assert again.controls.button.isEnabled()  # another training can be started
    viewer.layers["renamed"].name = "cells"
    again.take_up()
    wait_for_end(again, qtbot)
    assert "belongs to a training with other images" in settle(again)
    assert offers_unfinished(again)
    QTimer.singleShot(100, yes)
    again.unfinished.discard.click()
    assert not offers_unfinished(again)
    assert not list((user_folder() / "unfinished").iterdir())


def test_a_resumed_training_is_never_discarded_without_a_question(
    viewer: Any, open_training: OpenTraining, settle: Settle, qtbot: Any
) -> None:
    """Before its first step, it was taken for one that had just begun."""
    viewer.add_image(discs(), name="cells")
    panel = open_training(steps=100000, name="mine")
    begin(panel, settle, qtbot)
    viewer.window.remove_dock_widget(panel)
    assert nothing_is_left_running()
    again = open_training()
    settle(again)
    again.take_up()
    asked = []

    def no() -> None:
        box: Any = QApplication.activeModalWidget()
        asked.append(box.text())
        box.button(box.StandardButton.No).click()

    QTimer.singleShot(100, no)
    again.cancel()
    assert asked == ["Throw away what was learnt in this training?"]
    assert again.running
    again.pause()
    wait_for_end(again, qtbot)
    assert again.paused


def test_the_preview_of_an_earlier_panel_goes_with_what_is_discarded(
    viewer: Any, open_training: OpenTraining, settle: Settle, qtbot: Any
) -> None:
    viewer.add_image(discs(), name="cells")
    panel = open_training(steps=100000, name="mine")
    begin(panel, settle, qtbot)
    qtbot.waitUntil(lambda: "preview of mine" in names(viewer))
    viewer.window.remove_dock_widget(panel)
    assert nothing_is_left_running()
    viewer.layers["preview of mine"].name = "how it goes"
    again = open_training()
    settle(again)
    QTimer.singleShot(100, yes)
    again.unfinished.discard.click()
    assert names(viewer) == ["cells"]


def test_before_the_first_step_there_is_no_model_to_finish(
    viewer: Any, open_training: OpenTraining, settle: Settle, qtbot: Any
) -> None:
    """One that had learnt nothing, or a step beside another run, was listed."""
    viewer.add_image(discs(), name="cells")
    panel = open_training(steps=100000, name="mine")
    settle(panel)
    waits = "Waiting for another run …"
    with device_in_use:
        panel.controls.button.click()
        qtbot.waitUntil(lambda: message(panel) == waits)
        panel.controls.button.click()
        wait_for_end(panel, qtbot)
        assert panel.paused
        assert message(panel) == "Paused."
        panel.controls.stop.click()
        assert panel.paused
        assert message(panel).startswith("Nothing is learnt yet: press Resume")
        panel.controls.button.click()
        qtbot.waitUntil(lambda: message(panel) == waits)
        panel.controls.stop.click()
        wait_for_end(panel, qtbot)
    assert message(panel).startswith("Ended before the first step: there is no model")
    assert not (user_folder() / "mine.safetensors").exists()
    assert not list((user_folder() / "unfinished").iterdir())


def test_images_can_be_enlarged_while_it_trains(
    viewer: Any,
    open_panel: Any,
    open_training: OpenTraining,
    settle: Settle,
    qtbot: Any,
    run: Any,
) -> None:
    viewer.add_image(discs(), name="cells")
    first = open_panel()
    panel = open_training(steps=100000)
    panel.form["preview"].value = False
    begin(panel, settle, qtbot)
    run(first)
    assert panel.running
    assert "cells ×2 tiny" in names(viewer)
    panel.cancel()
    wait_for_end(panel, qtbot)


def test_the_viewer_goes_on_while_it_trains(
    viewer: Any,
    open_training: OpenTraining,
    settle: Settle,
    qtbot: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """GUI freezes (napari-ndev#114)."""
    heart = Heart()
    step = Trainer._one_step

    def wait_and_step(trainer: Trainer) -> None:
        heart.wait_for_beats()
        step(trainer)

    monkeypatch.setattr(Trainer, "_one_step", wait_and_step)
    viewer.add_image(discs(), name="cells")
    panel = open_training(steps=100000)
    begin(panel, settle, qtbot, steps=10)
    panel.cancel()
    wait_for_end(panel, qtbot)
    heart.stop()
    assert len(heart.waits) >= 2 * 10  # in the midst of single steps
    assert all(heart.waits)


def test_one_core_is_left_to_the_viewer() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    with a_core_left():
        assert torch.get_num_threads() == 2
    assert torch.get_num_threads() == 3
    torch.set_num_threads(before)


def test_the_time_is_estimated_as_it_is_trained(
    viewer: Any, open_training: OpenTraining, qtbot: Any, monkeypatch: Any
) -> None:
    """It was measured with more threads, and in float32 where it learns in bfloat16."""
    learn = Learner.learn
    seen = set()

    def noting(self: Any, x: torch.Tensor, *more: Any) -> torch.Tensor:
        seen.add((torch.get_num_threads(), self._precision))
        return learn(self, x, *more)

    monkeypatch.setattr(Learner, "learn", noting)
    # Processors without it, and old versions of PyTorch, compute in it slowly.
    monkeypatch.setattr(learner, "computes_bfloat16", lambda: True)
    before = torch.get_num_threads()
    viewer.add_image(discs(), name="discs")
    panel = open_training(precision="bfloat16")
    qtbot.waitUntil(lambda: bool(seen) and panel.idle)
    assert seen == {(max(1, before - 1), torch.bfloat16)}
    assert torch.get_num_threads() == before
    assert " s ·" in message(panel).replace("\u00a0", " ")


def test_a_loss_that_explodes_is_told_and_gives_the_last_good_weights(
    viewer: Any, open_training: OpenTraining, settle: Settle, qtbot: Any
) -> None:
    viewer.add_image(discs(), name="cells")
    panel = open_training(rate=1e6, steps=60, name="mine")
    begin(panel, settle, qtbot, 1)
    wait_for_end(panel, qtbot)
    assert "the loss exploded" in panel.view.remarks.text().lower()
    # Rich text, as napari runs the lines of any other together.
    assert "<br>Step " in panel.view.remarks.toolTip()
    assert message(panel).startswith("Stopped early: the loss exploded.")
    assert "'mine' is in the list of models" in message(panel)
    assert "Stopped early" in load_model("mine").metadata["description"]
    for value in load_model("mine").network.state_dict().values():
        assert value.isfinite().all()


def test_a_disk_that_takes_no_checkpoint_is_told_and_does_not_end_it(
    viewer: Any,
    open_training: OpenTraining,
    settle: Settle,
    qtbot: Any,
    notices: list[str],
) -> None:
    viewer.add_image(discs(), name="cells")
    panel = open_training(steps=100000, name="mine")
    begin(panel, settle, qtbot)
    # A folder in the place of the file: what is written cannot be moved there.
    panel.pause()
    wait_for_end(panel, qtbot)
    checkpoint = unfinished.checkpoint_of("mine")
    checkpoint.unlink()
    checkpoint.mkdir()
    (checkpoint / "in the way").touch()
    panel.resume()
    wait_for_steps(panel, qtbot, panel._session.history.steps + 2)  # type: ignore[union-attr]
    panel.pause()
    wait_for_end(panel, qtbot)
    assert any("mine.checkpoint" in notice for notice in notices)
    assert panel.paused
    panel.finish()
    wait_for_end(panel, qtbot)
    assert load_model("mine").network.depth == 2
    shutil.rmtree(checkpoint)


def test_images_are_not_needed_any_more_once_it_has_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "ROUND", 2)
    folder = tmp_path / "images"
    folder.mkdir()
    for seed in range(3):
        tifffile.imwrite(folder / f"{seed}.tif", discs(seed))
    told = TINY | {"images": "a folder", "steps": "12", "name": "mine"}
    settings = TrainingSettings().changed(told | {"folder": str(folder)})
    config = settings.config()
    checkpoint = unfinished.begin(settings, [])
    session = Session(Plan(settings, config, Images(folder=folder), Facts(2), "cpu"))
    # As a session makes it, but for the memory: no image is kept.
    prepared = prepare(folder, config, memory=1)
    session._trainer = Trainer(prepared, config, device="cpu", checkpoint=checkpoint)
    next(session._trainer.run())
    session.ask_for("pause")
    session()
    assert (session.outcome, session.message) == ("paused", "")
    shutil.rmtree(folder)
    session.renew()
    session()
    assert (session.outcome, session.message) == ("done", "")


def test_the_time_that_is_left_never_rises_while_nothing_is_wrong() -> None:
    """With a busy machine it went up and down from second to second."""
    settings = TrainingSettings().changed(TINY)
    images = Images(folder=Path("images"))
    session = Session(Plan(settings, settings.config(), images, Facts(2), "cpu"))
    shown = []
    for step, left in enumerate((200.0, 184.0, 196.0, 182.0, 600.0), 1):
        session._note(Report(step, 9, 0.1, 0.1, step, left))
        shown.append(session.remaining)
    assert shown == [200, 184, 184, 182, 600]


def test_a_name_that_is_taken_meanwhile_loses_nothing(
    viewer: Any, open_training: OpenTraining, settle: Settle, qtbot: Any
) -> None:
    viewer.add_image(discs(), name="cells")
    panel = open_training(steps=100000, name="mine")
    begin(panel, settle, qtbot)
    shutil.copy(user_folder() / "tiny.safetensors", user_folder() / "mine.safetensors")
    panel.controls.stop.click()
    assert not panel.controls.stop.isEnabled()
    wait_for_end(panel, qtbot)
    assert "'mine-1' is in the list of models" in message(panel)
    assert load_model("mine").network.depth == 3
    model = load_model("mine-1")
    assert model.network.depth == 2
    assert 3 <= json.loads(model.metadata["training"])["steps"] < 100000


def test_a_fault_of_ours_is_a_notification_and_keeps_the_checkpoint(
    viewer: Any,
    open_training: OpenTraining,
    settle: Settle,
    qtbot: Any,
    notices: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    viewer.add_image(discs(), name="cells")
    panel = open_training(steps=100000, name="mine")
    begin(panel, settle, qtbot)
    panel.pause()
    wait_for_end(panel, qtbot)

    def fail(*_: Any) -> None:
        msg = "CUDA error: unspecified launch failure"
        raise RuntimeError(msg)

    monkeypatch.setattr("napari_vdsr.training.learner.Learner.learn", fail)
    panel.resume()
    wait_for_end(panel, qtbot)
    assert any("unspecified launch failure" in text for text in notices)
    assert panel.controls.button.text() == "Start"
    assert [each.name for each in unfinished.find_unfinished()] == ["mine"]
    assert not device_in_use.locked()


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"factors": "2, 9"}, "factors", "Factor is 9"),
    ({"factors": "many"}, "factors", "The factors is 'many': type '2, 3, 4'"),
    ({"factors": "2,5"}, "factors", "'2,5' may be one number or two: type 2.5"),
    ({"factors": "1"}, "factors", "there is nothing to restore"),
    ({"depth": 1}, "depth", "whole number from 2 upwards"),
    (
        {"noise": "blind", "white_from": 500.0, "white_to": 20.0},
        "white_from",
        "from 500 to 20: give the smaller number first",
    ),
    (
        {"noise": "blind", "white_to": 1e9, "read_from": 4.0},
        "read_from",
        "from 4 to 3: give the smaller number first",
    ),
    ({"spot": "range", "spot_to": 50.0}, "spot_from", "10 coarse pixels at most"),
    ({"patch": 200}, "patch", "smaller than a patch of 200"),
    (
        {"patch": 40, "sampling": "scanner"},
        "patch",
        "64 × 72 pixels, too few: a patch of 40 needs 80 pixels of a scanner's image",
    ),
    ({"sampling": "confocal"}, "sampling", "choose reduced, gaussian, camera"),
    ({"noise": "some"}, "noise", "choose 'none' or 'blind'"),
    ({"device": "cuda:7"}, "device", "no device 'cuda:7'"),
    ({"precision": "float16"}, "precision", "cannot train in float16"),
    ({"recipe": "course"}, "images", "This network takes colours"),
    ({"begin": "model", "model": "lost"}, "model", "no model 'lost' any more"),
    ({"name": "tiny"}, "name", "there is a model 'tiny' already"),
    ({"name": "a/b"}, "name", "use 1 to 64 letters"),
    ({"images": "a folder"}, "folder", "There is no folder yet"),
    ({"images": "a folder", "folder": "/nowhere"}, "folder", "is not a folder"),
    ({"held": "a folder"}, "held_folder", "There is no folder yet"),
]


def test_a_wrong_field_is_framed_before_start(
    viewer: Any, open_training: OpenTraining, settle: Settle
) -> None:
    viewer.add_image(discs(), name="cells")
    panel = open_training()
    settle(panel)
    right = panel.form.settings
    for settings, field, words in WRONG:
        panel.form.settings = right.changed(settings)
        assert words.lower() in settle(panel).lower()
        assert not panel.controls.button.isEnabled()
        widget = panel.form[field]
        framed = getattr(widget, "line", widget.native)
        assert "border" in framed.styleSheet()
    panel.form.settings = right
    settle(panel)
    assert panel.controls.button.isEnabled()
    assert "border" not in framed.styleSheet()


def test_layers_that_are_no_images_are_refused(
    viewer: Any, open_training: OpenTraining, settle: Settle, tmp_path: Path
) -> None:
    panel = open_training()
    assert "No layer is selected" in settle(panel)
    viewer.add_labels(np.zeros((40, 40), int), name="nuclei")
    assert "'nuclei' is a Labels layer" in settle(panel)
    viewer.layers.clear()
    made = {METADATA_KEY: Provenance(TRAINING_PREVIEW).written()}
    viewer.add_image(discs(), name="preview of mine", metadata=made)
    assert "'preview of mine' is a preview" in settle(panel)
    viewer.add_image(discs(), name="cells")
    assert "2-layer network" in settle(panel)


@pytest.mark.parametrize("field", ["folder", "held_folder"])
def test_what_lies_in_a_folder_is_looked_at_after_start(
    viewer: Any,
    open_training: OpenTraining,
    settle: Settle,
    qtbot: Any,
    tmp_path: Path,
    field: str,
) -> None:
    """A folder can be a tree of a network drive: not to be walked while it is typed."""
    viewer.add_image(discs(), name="cells")
    panel = open_training()
    chooser = panel.form["images"] if field == "folder" else panel.form["held"]
    chooser.value = "a folder"
    empty = tmp_path / "empty"
    (empty / "within").mkdir(parents=True)
    widget = panel.form[field]
    widget.value = str(empty)
    settle(panel)
    assert panel.controls.button.isEnabled(), message(panel)
    panel.controls.button.click()
    wait_for_end(panel, qtbot)
    assert "holds no image" in settle(panel)
    assert "border" in widget.line.styleSheet()


def test_what_only_pixels_tell_is_said_at_once(
    viewer: Any, open_training: OpenTraining, settle: Settle, qtbot: Any
) -> None:
    limits = {"contrast_limits": (0, 9)}
    viewer.add_image(np.full((64, 64), 9, np.uint8), name="flat", **limits)
    viewer.add_image(np.full((64, 64), np.nan, np.float32), name="gaps", **limits)
    panel = open_training()
    for name, words in (("flat", "every pixel is 9"), ("gaps", "NaN or infinite")):
        panel.form["images"].value = name
        settle(panel)
        panel.controls.button.click()
        wait_for_end(panel, qtbot)
        assert words in settle(panel)  # and stays until something is changed
        assert "border" in panel.form["images"].native.styleSheet()
        assert panel.controls.button.isEnabled()
    assert not list((user_folder() / "unfinished").iterdir())


def test_one_small_image_is_learnt_from_whole_and_that_is_told(
    viewer: Any, open_training: OpenTraining, settle: Settle, qtbot: Any
) -> None:
    viewer.add_image(discs(shape=(18, 20)), name="cells")
    panel = open_training(name="mine")
    begin(panel, settle, qtbot, 1)
    wait_for_end(panel, qtbot)
    assert "nothing is held out" in panel.view.remarks.text()
    assert panel.view.curves.points("gain") == {}
    assert message(panel).startswith("'mine' is in the list of models.")


def test_files_are_opened_while_they_are_looked_through_and_not_after_a_cancel(
    viewer: Any,
    open_training: OpenTraining,
    settle: Settle,
    qtbot: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for seed in range(3):
        tifffile.imwrite(tmp_path / f"{seed}.tif", discs(seed))
    panel = open_training(images="a folder", folder=str(tmp_path), name="mine")
    settle(panel)
    real, phases = image_files.open_tiff, []

    def opened(path: Path) -> OpenImage:
        session = panel._session
        assert session is not None
        phases.append(session.ticker.read().phase)
        session.ask_for("cancel")
        return real(path)

    monkeypatch.setattr(image_files, "open_tiff", opened)
    panel.controls.button.click()
    wait_for_end(panel, qtbot)
    assert phases == ["Looking through the images"]


def test_leaving_while_the_images_are_looked_through_keeps_nothing(
    viewer: Any, open_training: OpenTraining, settle: Settle, tmp_path: Path
) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    for seed in range(40):
        tifffile.imwrite(folder / f"{seed:02}.tif", discs(seed, (200, 200)))
    panel = open_training(images="a folder", folder=str(folder), name="mine")
    settle(panel)
    panel.controls.button.click()
    viewer.window.remove_dock_widget(panel)
    assert nothing_is_left_running()
    assert not list((user_folder() / "unfinished").iterdir())
