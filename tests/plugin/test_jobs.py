"""One job at a time: its progress, its end, what it says when something goes wrong."""

import gc
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from types import SimpleNamespace
from typing import Any
from weakref import ref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from napari.utils import cancelable_progress, progress
from qtpy.QtCore import QThreadPool
from qtpy.QtWidgets import QWidget

from napari_vdsr.errors import Cancelled, InputError
from napari_vdsr.plugin import jobs
from napari_vdsr.plugin.background import Run
from napari_vdsr.plugin.jobs import (
    Job,
    Ticker,
    device_in_use,
    device_unless,
    sentence,
)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("napari_vdsr.plugin.jobs.time.monotonic", made)
    return made


class Small(Job):
    """Does what a test says."""

    def __init__(self, do: Callable[["Small"], None] = lambda _: None) -> None:
        super().__init__()
        self.do = do

    def work(self) -> None:
        self.do(self)


class Panel:
    """Takes note of what a run reports."""

    def __init__(self, parent: Any, viewer: Any = None) -> None:
        self.seen: list[Any] = []
        self.run = Run(
            parent,
            viewer,
            on_tick=lambda tick: self.seen.append(tick.phase),
            on_result=self.seen.append,
            on_end=lambda job: self.seen.append(job.outcome),
        )


@pytest.fixture
def panel(qtbot: Any) -> Iterator[Panel]:
    parent = QWidget()
    qtbot.addWidget(parent)
    made = Panel(parent)
    yield made
    made.run.close()


# Remaining time


@given(st.lists(st.floats(0.7, 1.3), min_size=1, max_size=30), st.floats(0.5, 2))
def test_the_remaining_time_never_rises_while_tiles_take_about_the_same(
    tiles: list[float], guess: float
) -> None:
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("napari_vdsr.plugin.jobs.time.monotonic", clock)
        ticker = Ticker()
        ticker.begin("Upscaling", len(tiles), expected=guess * len(tiles))
        shown = []
        for seconds in tiles:
            for _ in range(10):
                clock.now += seconds / 10
                shown.append(ticker.read().remaining)
            ticker.update()
            shown.append(ticker.read().remaining)
    known = [each for each in shown if each is not None]
    assert len(known) == len(shown)
    assert all(later <= sooner for sooner, later in pairwise(known))
    assert known[-1] == 0


def test_the_remaining_time_counts_down_within_a_tile_but_not_past_it(
    clock: Clock,
) -> None:
    ticker = Ticker()
    ticker.begin("Upscaling", 10)
    clock.now = 2
    ticker.update()
    assert ticker.read().remaining == 18
    clock.now = 3
    assert ticker.read().remaining == 17
    clock.now = 40  # this tile hangs: what follows it still takes its time
    assert ticker.read().remaining == 16


def test_the_bar_moves_while_the_only_tile_is_computed(clock: Clock) -> None:
    """It stood at 0 % to the end; and it never goes back."""
    ticker = Ticker()
    ticker.begin("Upscaling", 2, expected=10)
    shown = []
    for clock.now in (0, 5, 40):
        shown.append(ticker.read().fraction)
    ticker.update()
    shown.append(ticker.read().fraction)
    ticker.update()
    shown.append(ticker.read().fraction)
    assert shown == [0, 0.5, 0.9, 0.9, 1]


def test_a_machine_that_became_slow_is_not_hidden(clock: Clock) -> None:
    ticker = Ticker()
    ticker.begin("Upscaling", 10, expected=10)
    clock.now = 1
    assert ticker.read().remaining == 9
    clock.now = 20
    ticker.update()
    assert ticker.read().remaining == 180


# How jobs end


def failing(error: Exception) -> Small:
    def fail(_: Small) -> None:
        raise error

    return Small(fail)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (InputError("the factor is 9"), "The factor is 9."),
        (MemoryError(), "There is too little memory: close other programs, or "),
        (RuntimeError("CUDA out of memory"), "There is too little memory: close "),
    ],
)
def test_what_a_user_may_cause_is_said_in_words(error: Exception, message: str) -> None:
    job = failing(error)
    job()
    assert job.outcome == "failed"
    assert job.message.startswith(message)
    assert job.fault is None


def test_a_mistake_of_the_program_is_kept_for_the_report() -> None:
    fault = RuntimeError("unspecified launch failure")
    job = failing(fault)
    job()
    assert (job.outcome, job.message, job.fault) == ("failed", "", fault)


def test_cancelled_is_neither() -> None:
    job = failing(Cancelled("stopped"))
    job()
    assert (job.outcome, job.message, job.fault) == ("cancelled", "", None)


def test_a_job_can_be_done_again() -> None:
    job = failing(InputError("no"))
    job()
    job.renew()
    job.do = lambda each: each.results.append(1)
    job()
    assert (job.outcome, job.message, list(job.results)) == ("done", "", [1])


def test_one_computes_at_a_time_and_the_other_says_that_it_waits() -> None:
    def use(job: Small) -> None:
        with job.the_device():
            assert device_in_use.locked()

    job = Small(use)
    device_in_use.acquire()
    thread = threading.Thread(target=job)
    thread.start()
    try:
        while job.ticker.read().phase != "Waiting for another run":
            assert thread.is_alive()
    finally:
        device_in_use.release()
    thread.join(10)
    assert job.outcome == "done"
    assert not device_in_use.locked()


def test_waiting_for_the_device_can_be_cancelled() -> None:
    def use(job: Small) -> None:
        with job.the_device():
            raise AssertionError("the device was in use")

    job = Small(use)
    device_in_use.acquire()
    thread = threading.Thread(target=job)
    thread.start()
    job.ticker.cancel()
    thread.join(10)
    device_in_use.release()
    assert job.outcome == "cancelled"


def test_a_sentence_begins_with_a_capital_and_ends_once() -> None:
    assert sentence("it is full") == "It is full."
    assert sentence("Is it full?") == "Is it full?"
    assert sentence("a.b.") == "A.b."
    assert sentence("") == ""


# Runs


def test_results_come_one_at_a_time_and_before_the_end(
    panel: Panel, qtbot: Any
) -> None:
    def fill(job: Small) -> None:
        job.results.extend("abc")

    looks: list[int] = []
    panel.run._timer.timeout.connect(lambda: looks.append(len(panel.seen)))
    assert panel.run.start(Small(fill))
    qtbot.waitUntil(lambda: not panel.run.running)
    assert panel.seen[-4:] == ["a", "b", "c", "done"]
    assert all(b - a <= 1 for a, b in pairwise(looks))


def test_each_step_of_showing_a_result_has_a_tick_of_its_own(qtbot: Any) -> None:
    """Together they would block the window for longer."""
    parent, seen = QWidget(), list[str]()
    qtbot.addWidget(parent)

    def show(result: str) -> Iterator[None]:
        seen.append(f"make {result}")
        yield
        seen.append(f"add {result}")

    run = Run(
        parent,
        None,
        on_tick=lambda _: None,
        on_result=show,
        on_end=lambda job: seen.append(job.outcome),
    )
    run._timer.timeout.connect(lambda: seen.append("|"))
    assert run.start(Small(lambda job: job.results.extend("ab")))
    qtbot.waitUntil(lambda: "done" in seen, timeout=20_000)
    ticks = [tick for tick in "".join(seen).split("|") if tick]
    assert ticks == ["make a", "add a", "make b", "add b", "done"]


def test_a_click_queued_behind_run_starts_nothing(
    panel: Panel, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """napari handles events, such as a second click, while it makes a bar."""
    begun: list[Small] = []
    second = Small(begun.append)
    answers: list[bool] = []

    def bar(**options: Any) -> Any:
        if not answers:
            answers.append(panel.run.start(second))
        return cancelable_progress(**options)

    monkeypatch.setattr("napari_vdsr.plugin.background.cancelable_progress", bar)
    first = Small(begun.append)
    assert panel.run.start(first)
    qtbot.waitUntil(lambda: not panel.run.running)
    assert answers == [False]
    assert begun == [first]
    assert not progress._all_instances


def test_nothing_is_shown_while_the_bar_of_another_run_is_made(
    panel: Panel, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it took would block the window together with the making of the bar."""
    parent = QWidget()
    qtbot.addWidget(parent)
    other = Panel(parent)
    assert other.run.start(Small(lambda job: job.results.append("a")))
    meanwhile: list[list[Any]] = []

    def bar(**options: Any) -> Any:
        qtbot.wait(300)  # events are handled; the other one looks several times
        meanwhile.append(list(other.seen))
        return cancelable_progress(**options)

    monkeypatch.setattr("napari_vdsr.plugin.background.cancelable_progress", bar)
    assert panel.run.start(Small(lambda job: None))
    assert meanwhile == [[]]
    qtbot.waitUntil(lambda: "done" in other.seen, timeout=20_000)
    assert "a" in other.seen
    other.run.close()


def test_a_window_that_cannot_be_told_of_a_run_does_not_stop_it(
    panel: Panel, qtbot: Any
) -> None:
    """What tells it is private to napari, and may change."""
    other = Panel(panel.run._timer.parent(), SimpleNamespace(window=object()))
    assert other.run.start(Small())
    qtbot.waitUntil(lambda: not other.run.running)
    assert other.seen[-1] == "done"


def test_a_panel_closed_while_its_run_starts_starts_nothing(
    panel: Panel, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bar(**options: Any) -> Any:
        panel.run.close()
        return cancelable_progress(**options)

    monkeypatch.setattr("napari_vdsr.plugin.background.cancelable_progress", bar)
    begun: list[Small] = []
    assert not panel.run.start(Small(begun.append))
    assert not panel.run.running
    assert not begun
    assert not progress._all_instances


def test_a_finished_run_keeps_nothing_of_its_job(panel: Panel, qtbot: Any) -> None:
    job = Small()
    job.batch = np.zeros(3)  # type: ignore[attr-defined]
    kept = ref(job)
    panel.run.start(job)
    qtbot.waitUntil(lambda: not panel.run.running)
    del job
    gc.collect()
    assert kept() is None


def test_a_long_job_takes_no_thread_from_others(panel: Panel, qtbot: Any) -> None:
    """With one core there is one thread for workers: a training kept it for hours."""
    pool = QThreadPool.globalInstance()
    assert pool is not None
    before = pool.maxThreadCount()
    pool.setMaxThreadCount(1)
    done = threading.Event()
    other = Panel(panel.run._timer.parent())
    try:
        panel.run.start(Small(lambda _: done.wait(10) and None))
        other.run.start(Small(lambda job: job.results.append("beside")))
        qtbot.waitUntil(lambda: not other.run.running)
        assert panel.run.running
    finally:
        done.set()
        qtbot.waitUntil(lambda: not panel.run.running)
        assert pool.maxThreadCount() == 1
        pool.setMaxThreadCount(before)


def test_who_waits_for_the_device_comes_before_who_has_just_had_it() -> None:
    """A training gives the device back for a moment only, again and again."""
    got, turns = threading.Event(), 0

    class Waiting(Job):
        def work(self) -> None:
            with self.the_device():
                got.set()

    with device_unless(lambda: False):
        thread = threading.Thread(target=Waiting())
        thread.start()
        # It holds the next turn as soon as it waits.
        while not jobs._next_turn.locked():
            pass
    while not got.is_set() and turns < 1000:
        with device_unless(lambda: False):
            turns += 1
    thread.join()
    assert turns <= 1
