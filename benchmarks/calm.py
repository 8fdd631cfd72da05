"""How long the window is blocked by what a user does.

    xvfb-run -a -s "-screen 0 1600x1200x24" python benchmarks/calm.py

opens napari with the panels and does one thing after another. For each it prints the
longest single event of the GUI thread, in milliseconds of that thread's own processor
time: while it lasts, the window does not answer. What napari needs for comparable
things of its own stands above, as nothing that shows a layer can be quicker.
"""

import argparse
import gc
import os
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from typing import Any

# Nobody's own settings and models are to be used, or changed.
os.environ["XDG_CONFIG_HOME"] = tempfile.mkdtemp()
os.environ["NAPARI_CONFIG"] = os.path.join(os.environ["XDG_CONFIG_HOME"], "n.yaml")
os.environ["NAPARI_VDSR_MODELS"] = os.path.join(os.environ["XDG_CONFIG_HOME"], "models")

import napari
import numpy as np
from napari.layers import Image
from qtpy.QtCore import QEvent, QObject, QTimer
from qtpy.QtWidgets import QApplication

SIZE = 200  # pixels of the images, as high as wide


class Watched(QApplication):
    """Measures the longest event."""

    def __init__(self) -> None:
        super().__init__(["calm"])
        self.longest = 0.0
        self._depth = 0

    def notify(self, receiver: QObject | None, event: QEvent | None) -> bool:
        """Handle an event; those within another one are part of it."""
        self._depth += 1
        start = time.thread_time()
        try:
            return super().notify(receiver, event)
        finally:
            self._depth -= 1
            if not self._depth:
                self.longest = max(self.longest, time.thread_time() - start)


class Table:
    """Does things in the event loop and prints the longest block of each."""

    def __init__(self, app: Watched, repeats: int) -> None:
        self._app = app
        self._repeats = repeats

    def row(
        self,
        name: str,
        do: Callable[[], Any],
        until: Callable[[], bool] = lambda: True,
        before: Callable[[], Any] = lambda: None,
        repeats: int | None = None,
    ) -> None:
        """Do something until something is so; the median of several times."""
        blocks = []
        for _ in range(repeats or self._repeats):
            before()
            blocks.append(self._once(do, until))
        blocks.sort()
        print(f"{name:<58} {1000 * blocks[len(blocks) // 2]:5.0f} ms", flush=True)

    def rest(self) -> None:
        """Let the window draw."""
        wait(self._app, 0.1)

    def _once(self, do: Callable[[], Any], until: Callable[[], bool]) -> float:
        gc.collect()  # or Python does it meanwhile, for all that napari holds
        wait(self._app, 0.3)
        done: list[bool] = []

        def act() -> None:
            do()
            done.append(True)

        self._app.longest = 0.0
        QTimer.singleShot(0, act)
        end = time.monotonic() + 120
        while not (done and until()):
            if time.monotonic() > end:
                sys.exit("waited 120 s in vain")
            wait(self._app, 0.01)
        wait(self._app, 0.5)  # what it leaves to be done when idle
        return self._app.longest


def wait(app: QApplication, seconds: float) -> None:
    """Let the window live on."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        app.processEvents()
        # Left to the event loop itself, without which napari keeps all old widgets.
        app.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        time.sleep(0.002)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3, help="of each action")
    app = Watched()
    table = Table(app, parser.parse_args().repeats)
    viewer = napari.Viewer()
    wait(app, 1)
    pixels = np.random.default_rng(0).integers(0, 255, (SIZE, SIZE)).astype(np.uint8)
    print("napari alone:")
    napari_alone(table, viewer, pixels)
    print("Super-resolution:")
    enlarging(table, viewer, pixels)
    print("PSNR:")
    scoring(table, viewer, pixels)
    print("VDSR training:")
    training(table, viewer)
    viewer.close()


def napari_alone(table: Table, viewer: Any, pixels: Any) -> None:
    """What napari takes for things of its own."""
    viewer.add_image(pixels, name="first")  # the very first is slower
    table.row("add an image", lambda: viewer.add_image(pixels))
    table.row("remove an image", lambda: viewer.layers.pop())
    made: list[Image] = []
    # The floor of what shows a result, which is made before and not selected.
    table.row(
        "insert an image, made before, and do not select it",
        lambda: insert(viewer, made.pop()),
        before=lambda: made.append(Image(pixels)),
    )
    table.row("add four images", lambda: [viewer.add_image(pixels) for _ in range(4)])
    while len(viewer.layers) > 1:
        viewer.layers.pop()
        table.rest()
    table.row("open a dock with a form", lambda: a_dock(viewer), repeats=1)


def insert(viewer: Any, image: Image) -> None:
    """Insert an image above the first without selecting it."""
    viewer.layers._activate_on_insert = False
    viewer.layers.insert(1, image)
    viewer.layers._activate_on_insert = True


def a_dock(viewer: Any) -> None:
    """Open a dock of magicgui with as many fields as the first panel."""
    from magicgui.widgets import ComboBox, Container, PushButton

    boxes = [ComboBox(choices=["a", "b"], label=str(n)) for n in range(8)]
    buttons = [PushButton(text=str(n)) for n in range(6)]
    viewer.window.add_dock_widget(Container(widgets=[*boxes, *buttons]))


def enlarging(table: Table, viewer: Any, pixels: Any) -> None:
    """The first panel."""
    from napari_vdsr.plugin.enlarge.panel import SuperResolution

    viewer.layers[0].name = "image"
    panel = opened(table, viewer, SuperResolution, "Super-resolution")
    idle = _idle(panel)
    table.row("what it finds out then", lambda: None, idle, repeats=1)
    table.row("choose a factor", lambda: _turn(panel), idle)
    table.row("select another layer", lambda: viewer.layers.selection.clear(), idle)
    viewer.layers.selection = {viewer.layers["image"]}

    def one_image() -> None:
        while len(viewer.layers) > 1:
            viewer.layers.pop()
            table.rest()
        viewer.layers.selection = {viewer.layers[0]}
        panel.catch_up()

    def four_images() -> None:
        one_image()
        for number in range(3):
            viewer.add_image(pixels, name=f"image {number}")
            table.rest()
        viewer.layers.selection = set(viewer.layers)
        panel.catch_up()

    table.row("Run, until the result is shown", panel.start, idle, one_image)
    table.row("Run again, beside the first result", panel.start, idle)
    one_image()
    table.row("Preview", panel.start_preview, idle)
    panel.settings = panel.settings.changed({"bicubic": True, "consistency": True})
    table.row("Run with two layers beside it", panel.start, idle, one_image)
    panel.settings = panel.settings.changed({"bicubic": False, "consistency": False})
    table.row("Run with four results", panel.start, idle, four_images)
    one_image()


def scoring(table: Table, viewer: Any, pixels: Any) -> None:
    """The second panel."""
    from napari_vdsr.plugin.scores.panel import Psnr

    viewer.add_image(pixels // 2, name="other")
    panel = opened(table, viewer, Psnr, "PSNR")
    for number in (1, 2):  # made when it is first shown
        show = partial(panel.book.setCurrentIndex, number)
        table.row(f"show its tab {number + 1}", show, repeats=1)
    panel.book.setCurrentIndex(0)
    compare, model = panel.compare, panel.model

    def idle() -> bool:
        return panel.idle and not (compare.running or model.running)

    def ticked() -> None:
        compare.layers.tick(viewer.layers["image"])

    table.row("what it finds out then", lambda: None, idle, repeats=1)
    table.row("tick a layer", ticked, idle, repeats=1)
    table.row("Compare, until the scores are shown", compare.start, idle)
    panel.book.setCurrentIndex(1)
    table.row("Score, until the images are shown", model.start, idle, table.rest)
    while len(viewer.layers) > 1:
        viewer.layers.pop()
        table.rest()
    stack = np.stack([pixels, 255 - pixels, pixels // 2])
    for name in ("stack", "other stack"):
        viewer.add_image(stack + (name == "stack"), name=name)
        table.rest()
    panel.catch_up()
    compare.reference.value = viewer.layers["stack"]
    compare.layers.tick(viewer.layers["other stack"])
    panel.book.setCurrentIndex(0)
    table.row("Compare stacks, with the first curve", compare.start, idle, repeats=1)
    table.row("Compare stacks again", compare.start, idle)
    viewer.layers.pop()
    viewer.layers.pop()


def training(table: Table, viewer: Any) -> None:
    """The third panel."""
    from napari_vdsr.plugin.training.panel import Training

    panel = opened(table, viewer, Training, "VDSR training")
    idle = _idle(panel)
    # Steps enough for some drawings of the curves, with little work in each.
    small = {"depth": 3, "factors": "2", "steps": 400, "patch": 16, "batch": 4}
    panel.settings = panel.settings.changed(small)
    table.row("what it finds out then", lambda: None, idle, repeats=1)
    viewer.layers.selection = {viewer.layers[0]}

    def shown() -> bool:
        return bool(panel.view.curves.points("loss"))

    def done() -> bool:
        return idle() and not panel.paused

    table.row("Start, until the first curve is shown", panel.start, shown, repeats=1)
    table.row("the next curves and previews", lambda: None, _later(3), repeats=1)
    table.row("Finish now", panel.finish, done, repeats=1)
    table.row("Start again, to the end", panel.start, done, repeats=1)


def opened(table: Table, viewer: Any, kind: Callable[[Any], Any], name: str) -> Any:
    """Open a panel, which is a row of the table, and return it."""
    panels: list[Any] = []

    def open_it() -> None:
        panels.append(kind(viewer))
        viewer.window.add_dock_widget(panels[0], name=name)

    table.row("open the panel", open_it, repeats=1)
    return panels[0]


def _turn(panel: Any) -> None:
    settings = panel.settings
    other = "3" if settings.factor == "2" else "2"
    panel.settings = settings.changed({"factor": other})


def _later(seconds: float) -> Callable[[], bool]:
    """Whether these seconds have passed since the first question."""
    asked: list[float] = []

    def passed() -> bool:
        asked.append(time.monotonic())
        return asked[-1] - asked[0] > seconds

    return passed


def _idle(panel: Any) -> Callable[[], bool]:
    def idle() -> bool:
        return panel.idle and not panel.running

    return idle


if __name__ == "__main__":
    main()
