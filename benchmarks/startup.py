"""How long people wait: napari's start, the panel, the first result, pauses.

    xvfb-run -a python benchmarks/startup.py

Every line is measured in fresh processes, of which the quickest counts; the pause is
the longest time during a run in which the window could not answer.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

START = """
import sys, time
begin = time.perf_counter()
import napari
from npe2 import PluginManager
from qtpy.QtWidgets import QApplication
if {without}:
    manager = PluginManager.instance()
    manager.discover()
    manager.disable("napari-vdsr")
viewer = napari.Viewer()
QApplication.processEvents()
print(time.perf_counter() - begin)
"""

PANEL = """
import time
import napari
from qtpy.QtWidgets import QApplication
viewer = napari.Viewer()
QApplication.processEvents()
begin = time.perf_counter()
viewer.window.add_plugin_dock_widget("napari-vdsr", "Super-resolution")
QApplication.processEvents()
print(time.perf_counter() - begin)
"""

FIRST = """
import time
begin = time.perf_counter()
import numpy as np
import napari_vdsr
napari_vdsr.upscale(np.random.default_rng(0).random((256, 256), np.float32), 2)
print(time.perf_counter() - begin)
"""

PAUSE = """
import time
import napari, numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication
viewer = napari.Viewer()
image = np.random.default_rng(0).integers(0, 4000, (512, 512)).astype(np.uint16)
viewer.add_image(image)
_, panel = viewer.window.add_plugin_dock_widget("napari-vdsr", "Super-resolution")
def until(condition):
    while not condition():
        QApplication.processEvents()
        time.sleep(0.001)
until(lambda: "MB" in panel.controls.message.text() and panel.idle)
beats = []
heart = QTimer()
heart.timeout.connect(lambda: beats.append(time.perf_counter()))
heart.start(5)
panel.controls.button.click()
until(lambda: not panel.running)
print(max(b - a for a, b in zip(beats, beats[1:])))
"""


def main() -> None:
    """Print all of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    rows = [
        ("napari starts, without the plugin", START.format(without=True)),
        ("napari starts, with the plugin", START.format(without=False)),
        ("the panel opens, in a napari that is there", PANEL),
        ("256 x 256 pixels enlarged x2, from a fresh process", FIRST),
        ("longest pause of the window, 512 x 512 enlarged, shown", PAUSE),
    ]
    print(f"{os.cpu_count()} cores, quickest of {repeats}")
    for words, code in rows:
        print(f"{words:54} {min(measure(code) for _ in range(repeats)):6.2f} s")


def measure(code: str) -> float:
    """Run code in a process of its own; it prints its seconds last."""
    with tempfile.TemporaryDirectory() as folder:
        # Neither the user's settings nor those of a former run.
        own = {"XDG_CONFIG_HOME": folder, "NAPARI_CONFIG": str(Path(folder) / "n.yaml")}
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | own,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    return float(done.stdout.split()[-1])


if __name__ == "__main__":
    main()
