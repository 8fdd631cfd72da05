"""Take the pictures of the tutorial on fluorescence.

    xvfb-run -a -s "-screen 0 1600x1200x24" python docs/fluorescence_screenshots.py

opens the simulated confocal image that the plugin offers as a sample, enlarges it in
the panel and writes ``docs/images/fluorescence-*.png``.
"""

import napari
from make_screenshots import open_at_the_right, take, wait, wait_until

from napari_vdsr.plugin.enlarge.panel import SuperResolution


def main() -> None:
    """Take both pictures."""
    viewer = napari.Viewer()
    viewer.open_sample("napari-vdsr", "filaments")
    panel = SuperResolution(viewer)
    open_at_the_right(viewer, panel, "Super-resolution")
    window = panel.window()
    wait_until(lambda: panel.controls.message.text().endswith(" s"), "the estimate")
    wait_until(lambda: "noise" in panel.controls.image.text().lower(), "the look at it")
    viewer.reset_view()
    viewer.scene.camera.zoom *= 2.5
    wait(1)
    take(window, "fluorescence-before", crop=False)
    panel.controls.button.click()
    wait_until(lambda: not panel.running, "the result")
    wait(1)
    take(window, "fluorescence-after", crop=False)
    viewer.close()


if __name__ == "__main__":
    main()
