"""Take the pictures of the training panel that the documentation shows.

    xvfb-run -a -s "-screen 0 1600x1200x24" python docs/training_screenshots.py

opens napari with an image that comes with scikit-image, trains a small network on it
by the panel's own buttons and writes ``docs/images/training-*.png``. The model goes
into a folder that is thrown away.
"""

import os
import tempfile

os.environ["NAPARI_VDSR_MODELS"] = tempfile.mkdtemp()

import napari
from make_screenshots import (
    IMAGES,
    open_at_the_right,
    take,
    take_looks,
    wait,
    wait_until,
)
from skimage import data

from napari_vdsr.plugin.training.panel import Training

STEPS = 300
SEEN = 5  # scores when the picture is taken


def main() -> None:
    """Take all pictures."""
    IMAGES.mkdir(exist_ok=True)
    viewer = napari.Viewer()
    panel = Training(viewer)
    dock = open_at_the_right(viewer, panel, "VDSR training")
    viewer.add_image(
        data.immunohistochemistry(),
        rgb=True,
        name="tissue",
        scale=(0.5, 0.5),
        units=("um", "um"),
    )
    panel.form["steps"].value = STEPS
    panel.form["name"].value = "tissue-5"
    wait_until(lambda: panel.idle, "the estimate")
    wait(1)
    take(panel, "training-before")
    panel.controls.button.click()
    wait_until(lambda: scores(panel) >= SEEN, "the curves", 500)
    wait(1.5)
    take(panel, "training-during")
    take(panel.window(), "training-napari", crop=False)
    panel.controls.stop.click()
    wait_until(lambda: not panel.running, "the model")
    wait(1)
    take(panel, "training-after")
    panel.settings = panel.settings.changed({"more": True})
    wait_until(lambda: panel.idle, "the estimate")
    take_looks(viewer, panel, dock, "training-looks")
    viewer.close()


def scores(panel: Training) -> int:
    """How often the network has been scored."""
    history = None if panel._session is None else panel._session.history
    return 0 if history is None else len(history.scores)


if __name__ == "__main__":
    main()
