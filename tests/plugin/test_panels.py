"""What all panels have in common."""

from typing import Any

import pytest
from qtpy.QtWidgets import QLabel

from napari_vdsr.plugin.enlarge.panel import SuperResolution


def test_a_panel_that_cannot_be_made_shows_the_error(
    viewer: Any, notices: list[str], monkeypatch: pytest.MonkeyPatch, cells: Any
) -> None:
    """Python ended with it (code 134)."""

    def fail(*_: Any) -> None:
        msg = "no <b>models</b> here"
        raise RuntimeError(msg)

    monkeypatch.setattr("napari_vdsr.plugin.enlarge.panel.Describer", fail)
    panel = SuperResolution(viewer)
    viewer.window.add_dock_widget(panel, name="Super-resolution")
    (label,) = panel.findChildren(QLabel)
    assert "RuntimeError: no <b>models</b> here" in label.text()
    assert any("models" in notice for notice in notices)
    viewer.add_image(cells)  # it does not listen
    assert not panel._soon.isActive()
