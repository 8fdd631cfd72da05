"""Scores as an answer, tables, a curve and notes."""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from napari.utils.notifications import show_error, show_info
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from napari_vdsr.errors import FileError
from napari_vdsr.files.atomic import file_name, replacing
from napari_vdsr.plugin.scores.words import (
    IDENTICAL,
    OF_MEAN_ERROR,
    Table,
    notes_on,
    plane_names,
    plane_table,
    rows_of,
    summary,
    to_csv,
)
from napari_vdsr.plugin.scores.work import WARNING, Score
from napari_vdsr.plugin.widgets.elements import (
    clear_plot,
    colour_words,
    copy_text,
    draw_curve,
    line_colour,
    make_plot,
    message_colour,
    push_button,
    put_below,
    side_by_side,
    wrapping_label,
)

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
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
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
    if " + " not in name:
        return name
    from napari_vdsr.evaluation.methods import BASELINES

    return name.replace(" + ", "\n+ ") if name in BASELINES else name


_HEIGHT = 150


class CurveView(QWidget):
    """One line for each score; bicubic enlargement is dashed in the same colour."""

    def __init__(self) -> None:
        super().__init__()
        self.plot: Any = None
        self.setFixedHeight(_HEIGHT)

    def show_scores(self, scores: Sequence[Score], theme: str) -> None:
        """Draw the curves of stacks, in colours of the theme."""
        if self.plot is None:
            self.plot = make_plot("PSNR dB", "plane", _HEIGHT)
            put_below(self, self.plot)
        clear_plot(self.plot, theme)
        for number, score in enumerate(scores):
            colour = line_colour(number, theme)
            self._draw(score, colour)
            if score.bicubic is not None:
                self._draw(score.bicubic, colour, width=1.5, dashed=True)

    def _draw(self, score: Score, colour: str, **more: Any) -> None:
        values = np.array(score.psnr.values)
        if np.isfinite(values).any():
            values[~np.isfinite(values)] = np.nan
            planes, dots = np.arange(len(values)), len(values) < 30
            draw_curve(self.plot, planes, values, colour, score.name, dots=dots, **more)


class ResultsView(QWidget):
    """The answer and the scores of a comparison; hidden until there are some.

    `details` are the planes of a stack and the notes, for a place further down.
    """

    def __init__(self) -> None:
        super().__init__()
        self.scores: list[Score] = []  # what is shown
        self._names: list[str] = []
        self._reference = self._theme = ""
        self._shown = 0
        self.answer = wrapping_label(rich=True)  # the scores in a sentence
        self.summary = FiguresTable(most=6)  # click on a row to see its planes
        self.heading = wrapping_label()
        self.planes = FiguresTable(most=9)
        self.curve = CurveView()
        self.warning = wrapping_label()  # how a given data range contradicts the data
        self.notes = wrapping_label()  # the data range and why, what was left out
        self.copy = push_button(
            "Copy", "Copy the tables to the clipboard, for a spreadsheet."
        )
        self.csv = push_button(
            "Save CSV …", "Save all figures, and what they depend on, as a CSV file."
        )
        self.copy.clicked.connect(self.copy_tables)
        self.csv.clicked.connect(self._ask_and_save)
        self.summary.cellClicked.connect(self._show_planes)
        buttons = side_by_side(self.copy, self.csv)
        put_below(self, self.answer, self.summary, self.warning, buttons)
        self.details = QWidget()
        put_below(self.details, self.curve, self.heading, self.planes, self.notes)
        self.hide()
        self.details.hide()

    def show_scores(
        self,
        scores: Sequence[Score],
        *,
        reference: str,
        labels: Sequence[str],
        theme: str,
        answer: str,
        remarks: Sequence[str] = (),
    ) -> None:
        """Show other scores.

        `labels` name the axes of the reference; `answer` stands above the table, and
        `remarks` before the notes.
        """
        self.scores, self._reference, self._theme = list(scores), reference, theme
        self.setVisible(True)
        self.details.setVisible(True)
        self.answer.setText(f"<b>{escape(answer)}</b>")
        stack = max(scores, key=lambda score: score.planes).psnr.stack
        self._names = plane_names(stack, labels[: len(stack)])
        notes = notes_on(scores)
        warnings = [note for note in notes if note.startswith(WARNING)]
        self.warning.setText("\n".join(warnings))
        self.warning.setVisible(bool(warnings))
        others = [note for note in notes if note not in warnings]
        self.notes.setText("\n".join([*remarks, *others]))
        for part in (self.curve, self.heading, self.planes):
            part.setVisible(self._of_stacks)
        if self._of_stacks:
            self._show_planes(min(self._shown, len(rows_of(scores)) - 1))
        self._show_in_colour()

    def recolour(self, theme: str) -> None:
        """Use the colours of a theme."""
        if self.scores and theme != self._theme:
            self._theme = theme
            self._show_in_colour()

    def copy_tables(self) -> None:
        """Put the tables and the notes on the clipboard."""
        parts = [summary(self.scores).to_text()]
        for score in rows_of(self.scores):
            if score.planes > 1:
                parts.append(f"{score.name}\n{self._planes_of(score).to_text()}")
        words = [self.warning.text(), self.notes.text()]
        copy_text("\n\n".join([*parts, *filter(None, words)]))
        show_info("The figures are on the clipboard.")

    # Inside

    @property
    def _of_stacks(self) -> bool:
        return any(score.planes > 1 for score in self.scores)

    def _show_in_colour(self) -> None:
        """Show the table and the curves; names have the colours of their curves."""
        theme = self._theme
        colour_words(self.warning, message_colour("warning", theme))
        if not self._of_stacks:
            self.summary.show_table(summary(self.scores))
            return
        colours = [
            line_colour(number, theme)
            for number, score in enumerate(self.scores)
            for _ in rows_of([score])
        ]
        self.summary.show_table(summary(self.scores), colours)
        self.curve.show_scores(self.scores, theme)

    def _ask_and_save(self) -> None:
        start = f"{file_name(f'scores against {self._reference}')}.csv"
        path, _ = QFileDialog.getSaveFileName(self, "Save", start, "CSV (*.csv)")
        if not path:
            return
        text = to_csv(self.scores, self._names, self._reference)
        try:
            with replacing(Path(path), overwrite=True) as temporary:
                temporary.write_text(text, encoding="utf-8")
        except FileError as error:
            show_error(str(error))

    def _show_planes(self, row: int, _: int = 0) -> None:
        rows = rows_of(self.scores)
        score, self._shown = rows[row], row
        many = score.planes > 1
        self.planes.setVisible(many)
        self.heading.setVisible(many and len(rows) > 1)
        self.heading.setText(f"Planes of '{score.name}':")
        if many:
            self.planes.show_table(self._planes_of(score))

    def _planes_of(self, score: Score) -> Table:
        return plane_table(score, self._names[: score.planes])
