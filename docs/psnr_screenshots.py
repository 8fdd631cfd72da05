"""Take the pictures of the PSNR panel that the documentation shows.

    xvfb-run -a -s "-screen 0 1600x1200x24" python docs/psnr_screenshots.py

opens napari with a stack made of an image that comes with scikit-image, presses the
panel's own buttons and writes ``docs/images/psnr-*.png``.
"""

import napari
import numpy as np
from make_screenshots import (
    IMAGES,
    open_at_the_right,
    take,
    take_looks,
    wait,
    wait_until,
)
from napari.components import ViewerModel
from napari.layers import Image
from skimage import data

from napari_vdsr.imaging.resample import resize
from napari_vdsr.layers import upscale_layer
from napari_vdsr.plugin.scores.panel import Psnr

PLANES = 12


def main() -> None:
    """Take all pictures."""
    IMAGES.mkdir(exist_ok=True)
    viewer = napari.Viewer()
    panel = Psnr(viewer)
    dock = open_at_the_right(viewer, panel, "PSNR")
    window = panel.window()
    truth, result = add_stack(viewer)
    viewer.reset_view()
    compare, model, check = panel.compare, panel.model, panel.check
    panel.catch_up()
    compare.reference.value = truth
    compare.layers.tick(result)
    compare.form["error_maps"].value = True
    compare.start()  # unless it has begun by itself
    wait_until(lambda: bool(compare.scores) and not compare.running, "the figures")
    wait(1)
    take(compare, "psnr-compare")
    take(window, "psnr-napari", crop=False)
    panel.book.setCurrentWidget(panel.book.widget(1))
    panel.catch_up()
    model.truth.value = truth
    model.work.button.click()
    wait_until(lambda: not model.running, "the model")
    model.tile.value = True
    wait(1)
    take(window, "psnr-side-by-side", crop=False)
    model.tile.value = False
    panel.book.setCurrentWidget(panel.book.widget(2))
    check.result.value = result
    check.consistency.button.click()
    wait_until(lambda: not check.running, "the consistency")
    check.doubt.button.click()
    wait_until(lambda: not check.running, "where not to believe it", 500)
    check.image.value = truth
    check.sampling.button.click()
    wait_until(lambda: not check.running, "the verdict")
    wait(1)
    take(check, "psnr-without-reference")
    panel.book.setCurrentWidget(panel.book.widget(0))
    take_looks(viewer, panel, dock, "psnr-looks")
    viewer.close()


def add_stack(viewer: ViewerModel) -> tuple[Image, Image]:
    """Add a stack of 12-bit counts, the same at half its resolution, and its result."""
    camera = data.camera().astype(np.uint16) * 16
    planes = [camera[8 * i :, 60 + 10 * i :][:200, :240] for i in range(PLANES)]
    labels = {"axis_labels": ("t", "y", "x"), "units": ("s", "um", "um")}
    truth = viewer.add_image(
        np.stack(planes), name="truth", scale=(1, 0.1, 0.1), **labels
    )
    low = np.stack([resize(plane, (100, 120)) for plane in planes])
    source = viewer.add_image(
        low.round().clip(0, 4095).astype(np.uint16),
        name="cells",
        scale=(1, 0.2, 0.2),
        translate=(0, 0.05, 0.05),
        **labels,
    )
    return truth, viewer.add_layer(upscale_layer(source, 2))


if __name__ == "__main__":
    main()
