"""Take the pictures of the tutorial on fluorescence.

    xvfb-run -a -s "-screen 0 1600x1200x24" python docs/fluorescence_screenshots.py

opens the simulated confocal image that the plugin offers as a sample, enlarges it in
the panel and writes ``docs/images/fluorescence-*.png``.
"""

import napari
from make_screenshots import PANEL_WIDTH, WINDOW, take, wait, wait_until
from qtpy.QtCore import Qt

from napari_vdsr.plugin.enlarge.panel import SuperResolution


def main() -> None:
    """Take both pictures."""
    viewer = napari.Viewer()
    viewer.open_sample("napari-vdsr", "filaments")
    panel = SuperResolution(viewer)
    dock = viewer.window.add_dock_widget(panel, name="Super-resolution", area="right")
    window = panel.window()
    window.resize(*WINDOW)
    wait(0.5)
    window.resizeDocks([dock], [PANEL_WIDTH], Qt.Orientation.Horizontal)
    wait_until(lambda: panel.controls.message.value.endswith(" s"), "the estimate")
    wait_until(lambda: "noise" in panel.controls.image.value.lower(), "the look at it")
    viewer.reset_view()
    viewer.scene.camera.zoom *= 2.5
    wait(1)
    take(window, "fluorescence-before", crop=False)
    panel.controls.run.native.click()
    wait_until(lambda: not panel.running, "the result")
    wait(1)
    take(window, "fluorescence-after", crop=False)
    viewer.close()


if __name__ == "__main__":
    main()
