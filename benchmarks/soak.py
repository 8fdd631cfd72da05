"""Random use of the panels for minutes: memory, threads and widgets have to stay.

    xvfb-run -a python benchmarks/soak.py --minutes 10

A round opens a viewer, does twenty things that people do, in random order and without
waiting for what the thing before began, and closes the viewer. What is left is counted
after each round; the exit status is 1 when anything grows.
"""

import argparse
import gc
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any
from weakref import WeakSet

import numpy as np
import psutil

_THINGS = 20  # a round
_BUTTONS = [*"Run Cancel Preview Start Pause Resume Compare".split(), "Finish now"]
_LEAST = 6  # rounds
_MOST_GROWTH = 1.05  # of memory, from the second third of the rounds to the last


@dataclass
class Left:
    """What is there after a round."""

    memory: float  # MB
    threads: int
    widgets: int
    layers: int  # of images that were added, or made
    panels: int


@dataclass
class User:
    """Somebody who presses what there is to press."""

    chance: random.Random
    alone: bool = False  # whether napari has no panels
    layers: "WeakSet[Any]" = field(default_factory=WeakSet)
    panels: "WeakSet[Any]" = field(default_factory=WeakSet)
    runs: int = 0

    def round(self, things: int = _THINGS) -> Left:
        """Use a new viewer, and count what it leaves."""
        import napari

        self.viewer = napari.Viewer(show=False)
        self.viewer.layers.events.inserted.connect(self._remember)
        self.add_image()
        for _ in range(things):
            self.chance.choice(self._things())()
            self.wait(self.chance.uniform(0, 0.3))
        self.viewer.close()
        del self.viewer
        return self._left()

    def add_image(self) -> None:
        """Open an image."""
        pixels = np.random.default_rng(self.chance.randrange(99)).random((96, 112))
        counts = (pixels * 4000).astype(np.uint16)
        self.viewer.add_image(counts, contrast_limits=(0, 4000))

    def remove_layer(self) -> None:
        """Remove any layer."""
        if self.viewer.layers:
            self.viewer.layers.remove(self.chance.choice(self.viewer.layers))

    def select_layer(self) -> None:
        """Select one layer."""
        if self.viewer.layers:
            self.viewer.layers.selection = {self.chance.choice(self.viewer.layers)}

    def rename_layer(self) -> None:
        """Give a layer another name, perhaps a strange one."""
        if self.viewer.layers:
            layer = self.chance.choice(self.viewer.layers)
            layer.name = self.chance.choice(["cells", "<b>%s</b>", "a\nb", "{}"])

    def turn(self) -> None:
        """Look at the layers in 3-D, or again in 2-D."""
        self.viewer.dims.ndisplay = 5 - self.viewer.dims.ndisplay

    def open_panel(self) -> None:
        """Open one more panel of any kind."""
        from napari_vdsr.plugin.enlarge.panel import SuperResolution
        from napari_vdsr.plugin.scores.panel import Psnr
        from napari_vdsr.plugin.training.panel import Training

        kind = self.chance.choice([SuperResolution, SuperResolution, Psnr, Training])
        panel = kind(self.viewer)
        self.viewer.window.add_dock_widget(panel, name=f"{len(self._shown())}")
        self.panels.add(panel)

    def close_panel(self) -> None:
        """Close any panel, whatever it is doing."""
        shown = self._shown()
        if shown:
            self.viewer.window.remove_dock_widget(self.chance.choice(shown).parent())

    def press(self) -> None:
        """Press any of the buttons that start and stop work."""
        from qtpy.QtWidgets import QPushButton

        panels = self._shown()
        if not panels:
            return
        panel = self.chance.choice(panels)
        buttons = [
            button
            for button in panel.findChildren(QPushButton)
            if button.text() in _BUTTONS and button.isEnabled()
        ]
        if buttons:
            before = is_running(panel)
            self.chance.choice(buttons).click()
            self.runs += is_running(panel) and not before

    def let_it_end(self) -> None:
        """Wait until what runs has come to its end."""
        self.wait(10, until=lambda: not any(map(is_running, self._shown())))

    def wait(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        """Let the windows work for some time, or until something is so."""
        from qtpy.QtWidgets import QApplication

        end = time.monotonic() + seconds
        QApplication.processEvents()
        while time.monotonic() < end and not until():
            QApplication.processEvents()
            time.sleep(0.005)

    def _things(self) -> list[Callable[[], None]]:
        if self.alone:
            return [self.add_image, self.remove_layer, self.select_layer, self.turn]
        often = [self.open_panel, self.press, self.press, self.let_it_end]
        others = [self.add_image, self.remove_layer, self.select_layer, self.turn]
        return [*often, *others, self.rename_layer, self.close_panel]

    def _shown(self) -> list[Any]:
        shown = self.viewer.window.dock_widgets.values()
        return [widget for widget in shown if widget in self.panels]

    def _remember(self, event: Any) -> None:
        self.layers.add(event.value)

    def _left(self) -> Left:
        from qtpy.QtCore import QThreadPool
        from qtpy.QtWidgets import QApplication

        QThreadPool.globalInstance().waitForDone(20_000)
        for _ in range(3):
            self.wait(0.1)
            gc.collect()
        memory = psutil.Process().memory_info().rss / 1e6
        widgets = len(QApplication.allWidgets())
        alive = len(self.layers), len(self.panels)
        return Left(memory, threading.active_count(), widgets, *alive)


def is_running(panel: Any) -> bool:
    """Whether a panel is at work."""
    return bool(getattr(panel, "compare", panel).running)


def prepare(folder: Path) -> None:
    """Give panels settings and a model that are quick, and a folder of their own."""
    os.environ["NAPARI_VDSR_MODELS"] = str(folder)
    os.environ["XDG_CONFIG_HOME"] = str(folder / "config")
    os.environ["NAPARI_CONFIG"] = str(folder / "napari.yaml")
    from napari_vdsr.network import VDSR
    from napari_vdsr.plugin.enlarge.settings import Settings
    from napari_vdsr.plugin.settings import save_settings
    from napari_vdsr.plugin.training.settings import TrainingSettings
    from napari_vdsr.zoo import Model

    Model(VDSR(depth=3, features=8), "tiny").save(folder / "tiny.safetensors")
    quick = Settings(model="tiny", device="cpu", tile="64")
    save_settings(quick, Settings())
    train = {"depth": 2, "factors": "2", "steps": 200, "patch": 16, "batch": 2}
    training = TrainingSettings().changed({**train, "device": "cpu"})
    save_settings(training, TrainingSettings(), "training")


def grown(rounds: list[Left]) -> list[str]:
    """What has grown, in words."""
    third = max(1, len(rounds) // 3)  # in the first one libraries fill their caches
    first, last = rounds[-2 * third : -third], rounds[-third:]
    found = []
    for name in ("threads", "widgets", "layers", "panels"):
        before = max(getattr(each, name) for each in first)
        after = min(getattr(each, name) for each in last)
        if after > before:
            found.append(f"{name}: {before} -> {after}")
    before, after = (median(each.memory for each in part) for part in (first, last))
    if after > _MOST_GROWTH * before:
        found.append(f"memory: {before:.0f} -> {after:.0f} MB")
    return found


def soak(minutes: float, seed: int, alone: bool) -> tuple[list[Left], int]:
    """Use panels for so many minutes; what each round left, and how many runs began."""
    user, rounds = User(random.Random(seed), alone), []
    end = time.monotonic() + 60 * minutes
    while time.monotonic() < end or len(rounds) < _LEAST:
        rounds.append(user.round())
    return rounds, user.runs


def main() -> int:
    """Soak and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--alone", action="store_true", help="napari without panels")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder))
        rounds, runs = soak(given.minutes, given.seed, given.alone)
    print("| round | memory, MB | threads | widgets | layers | panels |")
    print("| --- | --- | --- | --- | --- | --- |")
    for number in sorted(
        {*range(0, len(rounds), len(rounds) // 10 + 1), len(rounds) - 1}
    ):
        it = rounds[number]
        print(
            f"| {number + 1} | {it.memory:.0f} | {it.threads} | {it.widgets} | "
            f"{it.layers} | {it.panels} |"
        )
    found = grown(rounds)
    words = f"it grows: {', '.join(found)}" if found else "nothing grows"
    print(f"\n{len(rounds)} rounds in {given.minutes:g} minutes, {runs} runs: {words}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
