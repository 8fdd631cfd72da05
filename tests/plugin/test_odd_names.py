"""Names of layers and models with line breaks, tags and braces."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtWidgets import QComboBox, QLabel
from skimage import data

from napari_vdsr.plugin.enlarge.panel import SuperResolution
from napari_vdsr.plugin.scores.panel import Psnr
from napari_vdsr.plugin.settings import FieldError
from napari_vdsr.plugin.training.panel import Training
from napari_vdsr.zoo import user_folder

pytestmark = pytest.mark.usefixtures("nothing_drawn")

ODD = "a<b>c\ntwo %s {x}"
PLAIN = "a<b>c two %s {x}"


def texts_of(panel: Any) -> list[str]:
    """All that the labels and choices of a panel say, in plain text."""
    boxes = panel.findChildren(QComboBox)
    choices = [box.itemText(i) for box in boxes for i in range(box.count())]
    return choices + [label.text() for label in panel.findChildren(QLabel)]


@pytest.mark.parametrize("kind", [SuperResolution, Psnr, Training])
def test_odd_names_stay_in_one_line_and_are_no_html(
    viewer: Any, qtbot: Any, kind: Any
) -> None:
    tiny = user_folder() / "tiny.safetensors"
    shutil.copy(tiny, user_folder() / f"{ODD}.safetensors")
    viewer.add_image(data.camera()[:64, :64], name=ODD)
    panel = kind(viewer)
    viewer.window.add_dock_widget(panel, name="panel")
    qtbot.waitUntil(lambda: panel._ready and panel.idle)
    if kind is Psnr:
        panel.book.setCurrentIndex(1)
        viewer.add_image(np.zeros((9, 9)), name=f"{ODD} too")
        qtbot.waitUntil(lambda: panel.idle)
        row = panel.compare.layers.item(0)
        assert row.text() == f"{PLAIN} too"
        assert row.toolTip() == "<qt>a&lt;b&gt;c<br>two %s {x} too</qt>"
    elif kind is Training:
        panel.form["begin"].value = "model"
        qtbot.waitUntil(lambda: panel.idle)
    texts = [text for text in texts_of(panel) if "two %s" in text]
    assert f"{PLAIN} – {PLAIN}" in texts
    assert not [text for text in texts if "a<b>c\n" in text]


def test_a_model_file_with_an_odd_name_is_run(
    viewer: Any, open_panel: Any, run: Any, cells: Any, tmp_path: Path
) -> None:
    path = tmp_path / f"{ODD}.safetensors"
    shutil.copy(user_folder() / "tiny.safetensors", path)
    viewer.add_image(cells, name="cells")
    panel = open_panel(model=str(path))
    panel.catch_up()
    box = panel.form["model"]
    assert box.native.currentText() == f"{PLAIN}.safetensors"
    assert box.native.toolTip().endswith("a&lt;b&gt;c<br>two %s {x}.safetensors</qt>")
    run(panel)
    assert [layer.name for layer in viewer.layers] == ["cells", f"cells ×2 {ODD}"]


def test_what_is_wrong_of_an_odd_name_is_said_in_one_line() -> None:
    assert str(FieldError("layer", f"'{ODD}' is wrong")) == f"'{PLAIN}' is wrong"
