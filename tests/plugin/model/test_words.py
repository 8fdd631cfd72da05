"""Estimates, progress, scripts and memory: what the panel says and keeps."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.layers import Image

from napari_vdsr.errors import Cancelled
from napari_vdsr.files.atomic import file_name
from napari_vdsr.plugin.enlarge.plan import Batch, plan_tasks
from napari_vdsr.plugin.enlarge.probes import Speeds
from napari_vdsr.plugin.enlarge.settings import Settings
from napari_vdsr.plugin.enlarge.words import as_script, how_it_ended, look_ahead
from napari_vdsr.plugin.enlarge.work import Execution, Saving
from napari_vdsr.plugin.jobs import Ticker
from napari_vdsr.plugin.settings import save_settings, saved_values, state_file
from napari_vdsr.plugin.words import (
    Outlook,
    format_bytes,
    format_duration,
    label_of,
    tooltip_of,
)
from napari_vdsr.zoo import models


def batch(*shapes: tuple[int, ...], **settings: Any) -> Batch:
    layers = [Image(np.zeros(shape, np.uint16)) for shape in shapes]
    return plan_tasks(layers, Settings(**settings), lambda layer: [None])


def test_the_outlook_gives_shape_memory_and_time() -> None:
    """Out of memory without warning (stardist-napari#24, micro-sam#331)."""
    outlook = look_ahead(batch((5, 512, 512)), 12.4, available=1e9)
    assert outlook.text == ("Result 5 planes of 1024 × 1024 px · 10 MB · about 12 s")
    assert outlook.level == "info"
    tight = look_ahead(batch((5, 512, 512), (9, 9)), None, available=5e6)
    assert tight.level == "warning"
    assert tight.text == "2 results · 10 MB. Only 5.0 MB of memory are free."


def test_the_outlook_gives_the_size_of_the_pixels() -> None:
    layer = Image(np.zeros((2, 30, 40)), scale=(1, 0.2, 0.2), units=("s", "um", "nm"))
    layer.units = ("s", "um", "um")
    planned = plan_tasks([layer], Settings(), lambda layer: [None])
    text = look_ahead(planned, 3.0, available=1e9).text
    assert text == "Result 2 planes of 60 × 80 px of 0.1 µm · 77 kB · about 3 s"


def test_the_size_of_the_pixels_may_come_from_an_affine_transform() -> None:
    layer = Image(np.zeros((30, 40)), affine=np.diag((0.2, 0.4, 1)), units="um")
    planned = plan_tasks([layer], Settings(), lambda layer: [None])
    text = look_ahead(planned, 3.0, available=1e9).text
    assert text.startswith("Result 60 × 80 px of 0.1 × 0.2 µm")


@pytest.mark.parametrize(("factor", "fits"), [("2", False), ("3", True)])
def test_a_factor_that_srcnn_is_not_made_for_is_said_before_run(
    factor: str, fits: bool
) -> None:
    """32.4 dB where bicubic has 33.9, without a word."""
    card = next(card for card in models() if card.name == "srcnn-915-x3")
    outlook = look_ahead(batch((30, 30), factor=factor), 1.0, 1e9, card=card)
    assert (outlook.level, outlook.field) == (
        ("info", "") if fits else ("warning", "model")
    )
    assert ("is made for ×3, and not for ×2" in outlook.text) is not fits


@pytest.mark.parametrize("name", ["a\nb", "<b>x</b>", "%s {} {0}", "", "é" * 300])
def test_any_name_of_a_layer_gives_a_name_of_a_file(name: str) -> None:
    found = file_name(name)
    assert found
    assert len(found.encode()) < 250
    assert not set(found) & set('/\\:*?"<>|\n')


@pytest.mark.parametrize(("count", "lines"), [(1, 1), (3, 3), (5, 4)])
def test_what_is_left_out_is_told_in_few_lines_and_in_full(
    count: int, lines: int
) -> None:
    reasons = [f"Left out: '{number}'. It is odd." for number in range(count)]
    outlook = look_ahead(Batch(batch((9, 9)).tasks, reasons), None, available=1e9)
    first, *said = outlook.text.splitlines()
    assert first == "Result 18 × 18 px · 648 bytes"
    assert len(said) == lines
    assert said[: min(3, count)] == reasons[:3]
    assert (
        said[3:] == ["2 more left out: hold the mouse here to read which."][: count - 3]
    )
    assert outlook.details.splitlines() == reasons
    assert outlook.level == "warning"


def test_news_come_first_and_nothing_is_said_twice() -> None:
    news = Outlook("Done in 2 s.\nLeft out: a.\nLeft out: b.", details="a\nb")
    now = Outlook("2 results\nLeft out: b.\nLeft out: c.", "warning", details="b\nc")
    both = now.below(news)
    assert both.text.splitlines() == [
        "Done in 2 s.",
        *("Left out: a.", "Left out: b."),
        "2 results",
        "Left out: c.",
    ]
    assert both.details == "a\nb\nc"
    assert both.level == "warning"
    assert now.below(Outlook("")) == now


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "under 1 s"), (0.7, "1 s"), (59.6, "1 min"), (3700, "1 h 1 min")],
)
def test_durations_are_said_as_people_do(seconds: float, words: str) -> None:
    assert format_duration(seconds) == words


@pytest.mark.parametrize(
    ("size", "words"), [(999, "999 bytes"), (1e3, "1.0 kB"), (3e13, "30000 GB")]
)
def test_sizes_are_said_as_people_do(size: float, words: str) -> None:
    assert format_bytes(size) == words


def test_speeds_are_known_once_measured() -> None:
    speeds = Speeds()
    key = ("vdsr20", "cpu", "auto", False)
    assert speeds.seconds(key, 100) is None
    speeds.learn(key, 1000, 2.0)
    speeds.learn(key, 0, 0.0)
    assert speeds.seconds(key, 100) == pytest.approx(0.2)


def test_a_tiny_preview_does_not_spoil_the_estimate() -> None:
    """A start that costs the same for all sizes made 7 s to 1 h 22 min."""
    speeds = Speeds()
    key = ("vdsr20", "cpu", "auto", False)
    speeds.learn(key, 25_600, 0.1)
    speeds.learn(key, 560, 0.5)
    assert speeds.seconds(key, 1_800_000) == pytest.approx(7.5, rel=0.05)
    speeds.learn(key, 1_800_000, 9.0)
    assert speeds.seconds(key, 1_800_000) == pytest.approx(9.0)
    assert speeds.seconds(key, 3_600_000) == pytest.approx(17.5, rel=0.05)


def test_the_title_of_a_run_names_few_layers() -> None:
    """It is as wide as napari's bar."""
    layers = [Image(np.zeros((9, 9)), name=f"cells\n{number}") for number in range(9)]
    planned = plan_tasks(layers, Settings(), lambda layer: [None])
    title = "super-resolution of cells 0, cells 1, cells 2, cells 3, cells 4, 4 more"
    assert str(Execution(planned, Settings())) == title
    assert str(Execution(Batch(planned.tasks[:2], []), Settings())) == title[:36]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a.zarr", "Stopped. Save under the same name to resume."),
        ("a.tif", "Stopped; no file was written."),
    ],
)
def test_only_what_can_be_resumed_is_said_to_be(name: str, words: str) -> None:
    saving = Saving(batch((9, 9)), Settings(), [Path(name)])
    saving.outcome = "cancelled"
    assert how_it_ended(saving).text == words


def test_a_ticker_says_how_far_and_stops() -> None:
    ticker = Ticker()
    ticker.begin("Upscaling", 100, expected=5)
    assert ticker.read().remaining == pytest.approx(5, abs=0.5)
    ticker.reset(10)
    ticker.update(25)
    assert ticker.read().fraction == 0.25
    ticker.cancel()
    with pytest.raises(Cancelled):
        ticker.update(1)
    assert ticker.read().fraction == 0.26


def test_a_ticker_stops_when_napari_closes() -> None:
    ticker = Ticker()
    ticker.stopped_elsewhere = lambda: True
    with pytest.raises(Cancelled):
        ticker.begin("Upscaling")


def test_a_script_names_what_is_not_as_by_default() -> None:
    layer = Image(np.zeros((40, 40)), name="it's")
    settings = Settings(factor="3", tile="256", precision="float32")
    region = (slice(0, 10), slice(5, 20))
    planned = plan_tasks([layer], settings, lambda layer: [region])
    text = as_script(planned.tasks, settings)
    assert 'viewer.layers["it\'s"]' in text
    assert "factor=3" in text
    assert "tile=256" in text
    assert "precision='float32'" in text
    assert "region=(slice(0, 10), slice(5, 20))" in text
    assert "device" not in text
    compile(text, "script", "exec")


def test_only_what_was_changed_is_kept(tmp_path: Path) -> None:
    save_settings(Settings(factor="4"), Settings())
    kept = Settings(device="cpu").changed(saved_values())
    assert kept == Settings(factor="4", device="cpu")


@pytest.mark.parametrize(
    "content", ["", "[1]", '{"factor": 3, "other": 1}', '{"model": ":file"}']
)
def test_an_odd_memory_is_no_obstacle(content: str) -> None:
    state_file().parent.mkdir(parents=True)
    state_file().write_text(content)
    assert Settings().changed(saved_values()) == Settings()


def test_a_memory_that_cannot_be_written_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(
        "platformdirs.user_config_path", lambda name: tmp_path / "file" / name
    )
    save_settings(Settings(factor="4"), Settings())


def test_models_say_whether_they_are_here() -> None:
    """Weights behind a firewall, no visible download (micro-sam#1093)."""
    labels = {card.name: label_of(card) for card in models()}
    assert labels["vdsr20"] == "vdsr20: reduced images"
    assert labels["vdsr20-scanner"] == "vdsr20-scanner: confocal"
    assert labels["vdsr20-kim2016"].startswith("needs 2.5 MB – ")
    card = next(card for card in models() if card.name == "vdsr20")
    mine = replace(card, name="mine", title="mine: VDSR, 20 layers", sampling="")
    assert label_of(mine) == "mine – VDSR, 20 layers"
    assert max(map(len, tooltip_of(card).split("<br>"))) <= 70 + len("<qt>")
    hostile = replace(card, description="<img src='file:///etc/passwd'>")
    assert "<img" not in tooltip_of(hostile)
