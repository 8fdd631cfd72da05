"""Plots show their titles whole, and steps as whole numbers."""

from types import SimpleNamespace
from typing import Any

from pyqtgraph import PlotWidget

from napari_vdsr.plugin.training.pictures import Curves
from napari_vdsr.plugin.widgets.elements import make_plot


def test_the_title_below_a_plot_is_not_cut(qtbot: Any) -> None:
    """The p of "step" and "plane" lost its foot."""
    plot = make_plot("loss", "step", 140)
    qtbot.addWidget(plot)
    plot.resize(280, 140)
    plot.plot([0, 1, 2], [3.0, 2.0, 1.0])
    plot.grab()  # lays everything out
    title = plot.getAxis("bottom").label
    assert title.toPlainText().strip() == "step"
    seen = plot.mapFromScene(title.sceneBoundingRect()).boundingRect()
    assert seen.bottom() <= plot.viewport().rect().bottom()


def test_a_single_score_has_an_axis_of_whole_steps(qtbot: Any) -> None:
    """It had 14.6, 14.8, 15.0 and so on."""
    curves = Curves()
    qtbot.addWidget(curves)
    score = SimpleNamespace(step=15, psnr={"x2": 30.0}, enlarged={"x2": 29.0})
    history: Any = SimpleNamespace(losses=[], scores=[score])
    curves.draw(history, "bicubic", "dark")
    curves.resize(280, 400)
    curves.grab()
    first, last = curves._gain.getViewBox().viewRange()[0]
    assert first >= 0
    assert last - first >= 10


def test_curves_have_their_plots_made_one_by_one(qtbot: Any) -> None:
    """So that the window is not blocked for both at once."""
    curves = Curves()
    qtbot.addWidget(curves)
    made = [
        (curves.make_next(), len(curves.findChildren(PlotWidget))) for _ in range(3)
    ]
    assert made == [(True, 1), (True, 2), (False, 2)]
    assert curves.isHidden()
    history: Any = SimpleNamespace(
        losses=[SimpleNamespace(step=1, value=0.5)], scores=[]
    )
    curves.draw(history, "bicubic", "dark")
    assert not curves.isHidden()
    assert curves.points("loss")["loss"] == ([1], [0.5])
