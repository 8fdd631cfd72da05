"""Two viewers in one process, each with panels of its own."""

import shutil
import threading
from collections.abc import Callable
from typing import Any

import pytest
from qtpy.QtCore import QThreadPool
from training_helpers import TINY, OpenTraining, discs, wait_for_end, wait_for_steps

from napari_vdsr.layers.upscale import compute_plan
from napari_vdsr.plugin.background import Run
from napari_vdsr.plugin.enlarge.panel import SuperResolution
from napari_vdsr.plugin.jobs import Job
from napari_vdsr.plugin.scores.panel import Psnr
from napari_vdsr.plugin.training.panel import Training
from napari_vdsr.plugin.widgets.panel import Panel
from napari_vdsr.zoo import user_folder

Opened = Callable[[type[Panel[Any]]], tuple[Any, Any]]

KINDS = [SuperResolution, Psnr, Training]


class Waiting(Job):
    """Goes on until it is stopped, or let go."""

    title = "work of a test"

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()

    def work(self) -> None:
        while not self.go.wait(0.01):
            self.ticker.check()


def run_of(panel: Any) -> Run:
    run = panel.compare._run if isinstance(panel, Psnr) else panel._run
    assert isinstance(run, Run)
    return run


def tasks_of(viewer: Any) -> list[str]:
    """What napari names when the window of a viewer is to be closed."""
    told: list[str] = viewer.window._task_status_manager.get_status()
    return told


@pytest.fixture
def opened(make_napari_viewer: Any, qtbot: Any) -> Opened:
    """Open a viewer with a panel of some kind."""

    def open_it(kind: type[Panel[Any]]) -> tuple[Any, Any]:
        viewer = make_napari_viewer()
        panel = kind(viewer)
        viewer.window.add_dock_widget(panel, name="panel")
        qtbot.waitUntil(lambda: panel._ready and panel.idle)
        return viewer, panel

    return open_it


@pytest.mark.parametrize("kind", KINDS)
def test_another_viewer_that_closes_stops_no_run(
    opened: Opened, qtbot: Any, kind: type[Panel[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was told of the run, as the one that was used last, and stopped it."""
    viewer, panel = opened(kind)
    other, _ = opened(kind)
    run, job, ended = run_of(panel), Waiting(), list[str]()
    run._on_tick, run._on_end = lambda _: None, lambda job: ended.append(job.outcome)
    assert run.start(job)
    assert tasks_of(viewer) == ["napari-vdsr: work of a test"]
    assert tasks_of(other) == []
    other.close()
    assert not job.ticker.cancelled
    job.go.set()
    qtbot.waitUntil(lambda: not run.running)
    assert ended == ["done"]
    assert tasks_of(viewer) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_viewer_that_closes_stops_its_own_run_alone(
    opened: Opened, qtbot: Any, kind: type[Panel[Any]]
) -> None:
    viewer, panel = opened(kind)
    _, other = opened(kind)
    job, beside = Waiting(), Waiting()
    for each, work in ((panel, job), (other, beside)):
        run_of(each)._on_tick = run_of(each)._on_end = lambda _: None
        assert run_of(each).start(work)
    viewer.close()
    qtbot.waitUntil(lambda: job.outcome == "cancelled")
    assert not beside.ticker.cancelled
    beside.go.set()
    qtbot.waitUntil(lambda: not run_of(other).running)
    assert beside.outcome == "done"


def test_a_run_says_what_it_waits_for_and_results_stay_with_their_viewers(
    make_napari_viewer: Any,
    open_panel: Callable[..., SuperResolution],
    settle: Any,
    qtbot: Any,
    cells: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    go = threading.Event()

    def held(*arguments: Any) -> Any:
        assert go.wait(60)
        return compute_plan(*arguments)

    monkeypatch.setattr("napari_vdsr.plugin.enlarge.work.compute_plan", held)
    viewers, panels = [], []
    for name, factor in (("first", "2"), ("second", "3")):
        viewers.append(make_napari_viewer())
        viewers[-1].add_image(cells, name=name)
        panels.append(open_panel(viewers[-1], factor=factor))
    for panel in panels:
        settle(panel)
        panel.controls.button.click()
    said = panels[1].controls.message
    words = "Waiting for the super-resolution of first …"
    qtbot.waitUntil(lambda: said.text() == words)
    go.set()
    qtbot.waitUntil(lambda: not any(panel.running for panel in panels))
    names = [[layer.name for layer in viewer.layers] for viewer in viewers]
    assert names == [["first", "first ×2 tiny"], ["second", "second ×3 tiny"]]
    assert [panel.settings.factor for panel in panels] == ["2", "3"]


def test_a_new_model_is_listed_in_all_viewers(
    make_napari_viewer: Any,
    viewer: Any,
    open_training: OpenTraining,
    open_panel: Callable[..., SuperResolution],
    settle: Any,
    qtbot: Any,
) -> None:
    other = open_panel(make_napari_viewer())
    viewer.add_image(discs(), name="discs")
    panel = open_training(name="mine")
    settle(panel)
    panel.controls.button.click()
    wait_for_end(panel, qtbot)
    qtbot.waitUntil(lambda: "mine" in other.form["model"].choices)
    panel.use_model()
    assert other.settings.model == "tiny"
    assert "Super-resolution" in " ".join(viewer.window.dock_widgets)


@pytest.mark.parametrize("kind", [SuperResolution, Psnr, Training])
def test_a_model_that_a_run_fetched_is_listed_in_all_viewers(
    opened: Opened, qtbot: Any, kind: type[Panel[Any]]
) -> None:
    """Others still offered to fetch it."""
    viewer, panel = opened(kind)
    _, other = opened(SuperResolution)
    viewer.add_image(discs(), name="discs")
    qtbot.waitUntil(lambda: panel.idle)
    tiny = user_folder() / "tiny.safetensors"
    if isinstance(panel, Psnr):
        panel.book.setCurrentIndex(1)
        panel.model.form["model"].value = "tiny"
        button, run = panel.model.work.button, panel.model._run
    else:
        values = {"model": "tiny"} if isinstance(panel, SuperResolution) else TINY
        panel.settings = panel.settings.changed(values)
        button, run = panel.controls.button, panel._run
    qtbot.waitUntil(lambda: panel.idle)
    assert button.isEnabled()
    button.click()
    shutil.copy(tiny, user_folder() / "fetched.safetensors")
    qtbot.waitUntil(lambda: not run.running)
    qtbot.waitUntil(lambda: "fetched" in other.form["model"].choices)


def test_a_training_that_goes_on_elsewhere_is_not_resumed_twice(
    make_napari_viewer: Any,
    viewer: Any,
    open_training: OpenTraining,
    settle: Any,
    qtbot: Any,
) -> None:
    """The button of the other panel did nothing, without a word."""
    viewer.add_image(discs(), name="discs")
    first = open_training(steps=100000, name="mine")
    settle(first)
    first.controls.button.click()
    wait_for_steps(first, qtbot)
    viewer.window.remove_dock_widget(first)
    pool = QThreadPool.globalInstance()
    assert pool is not None
    assert pool.waitForDone(60_000)
    second_viewer = make_napari_viewer()
    second_viewer.add_image(discs(), name="discs")
    panels = [Training(viewer), Training(second_viewer)]
    for panel in panels:
        qtbot.waitUntil(lambda p=panel: not p.unfinished.isHidden() and p.idle)
        assert list(panel.unfinished.chosen.choices) == ["mine"]
    panels[0].unfinished.resume.click()
    wait_for_steps(panels[0], qtbot)
    panels[1].unfinished.resume.click()
    assert not panels[1].running
    assert "goes on elsewhere" in settle(panels[1])
    assert panels[1].unfinished.isHidden()
    for panel in panels:
        panel.close_down()
