"""Everything that is said about scores: tables, a curve and notes."""

from collections.abc import Sequence
from math import prod

from napari.utils.notifications import show_info
from napari.utils.theme import get_theme
from qtpy.QtWidgets import (
    QApplication,
    QFileDialog,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_vdsr.files.atomic import replacing
from napari_vdsr.plugin.scoring.scores import Score
from napari_vdsr.plugin.scoring.tables import (
    notes_on,
    plane_names,
    plane_table,
    summary,
    to_csv,
)
from napari_vdsr.plugin.scoring.tooltips import TOOLTIPS
from napari_vdsr.plugin.scoring.view_curve import CurveView
from napari_vdsr.plugin.scoring.view_table import FiguresTable
from napari_vdsr.plugin.scoring.view_work import words_label

__all__ = ["ResultsView"]
