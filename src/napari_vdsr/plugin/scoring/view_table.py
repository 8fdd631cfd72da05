"""A table of scores that cannot be edited."""

from collections.abc import Sequence

from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
)

from napari_vdsr.evaluation.baselines import BASELINES
from napari_vdsr.plugin.scoring.tables import IDENTICAL, OF_MEAN_ERROR, Table

_EXPLAINED = {
    "mean": "Mean of the planes' figures, as papers report it.",
    OF_MEAN_ERROR: (
        "PSNR of the mean squared error of all planes: another figure than the mean "
        "of their PSNR, and never above it."
    ),
}
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class FiguresTable(QTableWidget):
    """Names at the left, scores at the right; up to `most` rows without scrolling."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setWordWrap(False)
        self.setShowGrid(False)
        side = self.verticalHeader()
        assert side is not None
        side.hide()
        side.setDefaultSectionSize(self.fontMetrics().height() + 6)

    def show_table(self, table: Table, colours: Sequence[str] = ()) -> None:
        """Show another table; `colours` are those of the row names, if any."""
        self.clear()
        self.clearSpans()
        self.setRowCount(len(table.rows))
        self.setColumnCount(1 + len(table.columns))
        # Units on a second line, or the names of images would be cut.
        titles = [title.replace(" dB", "\ndB") for title in table.columns]
        self.setHorizontalHeaderLabels(["", *titles])
        for row, (name, cells) in enumerate(zip(table.names, table.rows, strict=True)):
            first = QTableWidgetItem(_broken(name))
            first.setToolTip(_EXPLAINED.get(name, name))
            if colours:
                first.setForeground(QColor(colours[row]))
            self.setItem(row, 0, first)
            for column, text in enumerate(cells, 1):
                item = QTableWidgetItem(text)
                item.setTextAlignment(_RIGHT)
                self.setItem(row, column, item)
            if cells[0] == IDENTICAL and "fitted dB" in table.columns:
                # This text also needs the cell of the fitted PSNR, infinite as well.
                self.setSpan(row, 1, 1, 2)
        head = self.horizontalHeader()
        assert head is not None
        head.setDefaultAlignment(_RIGHT)
        head.setHighlightSections(False)
        head.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        head.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        line = self.fontMetrics().height()
        for row, name in enumerate(table.names):
            self.setRowHeight(row, (1 + _broken(name).count("\n")) * line + 6)
        rows = range(min(self._most, len(table.rows)))
        height = head.sizeHint().height() + sum(map(self.rowHeight, rows))
        self.setFixedHeight(height + 2 * self.frameWidth() + 2)


def _broken(name: str) -> str:
    """The name of a method in lines that fit a narrow panel."""
    return name.replace(" + ", "\n+ ") if name in BASELINES else name
