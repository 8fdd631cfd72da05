"""Scores as tables, a curve and notes."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from napari.utils.notifications import show_error, show_info
from qtpy.QtWidgets import (
    QApplication,
    QFileDialog,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_vdsr.errors import FileError
from napari_vdsr.plugin.scoring.scores import WARNING, Score
from napari_vdsr.plugin.scoring.tables import (
    notes_on,
    plane_names,
    plane_table,
    rows_of,
    summary,
    to_csv,
)
from napari_vdsr.plugin.scoring.tooltips import TOOLTIPS
from napari_vdsr.plugin.scoring.view_curve import CurveView
from napari_vdsr.plugin.scoring.view_table import FiguresTable
from napari_vdsr.plugin.scoring.view_work import words_label
from napari_vdsr.plugin.widgets.colours import (
    is_dark,
    line_colour,
    message_colour,
    theme_colour,
)


class ResultsView(QWidget):
    """The answer and the scores of a comparison; hidden until there are some.

    `details` are the planes of a stack and the notes, for a place further down.
    """

    def __init__(self) -> None:
        super().__init__()
        self._scores: list[Score] = []
        self._names: list[str] = []
        self._reference = ""
        self._shown = 0
        self.answer = words_label()  # the scores in a sentence
        self.summary = FiguresTable(most=6)  # click on a row to see its planes
        self.heading = words_label()
        self.planes = FiguresTable(most=9)
        self.curve = CurveView()
        self.warning = words_label()  # how a given data range contradicts the data
        self.notes = words_label()  # the data range and why, what was left out
        self.copy = QPushButton("Copy")
        self.copy.setToolTip(TOOLTIPS["copy"])
        self.csv = QPushButton("Save CSV …")
        self.csv.setToolTip(TOOLTIPS["csv"])
        self.copy.clicked.connect(self.copy_tables)
        self.csv.clicked.connect(self._ask_and_save)
        self.summary.cellClicked.connect(self._show_planes)
        buttons = QHBoxLayout()
        buttons.addWidget(self.copy)
        buttons.addWidget(self.csv)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        for widget in (self.answer, self.summary, self.warning):
            layout.addWidget(widget)
        layout.addLayout(buttons)
        self.details = QWidget()
        column = QVBoxLayout(self.details)
        column.setContentsMargins(0, 0, 0, 0)
        for part in (self.curve, self.heading, self.planes, self.notes):
            column.addWidget(part)
        self.hide()
        self.details.hide()

    @property
    def scores(self) -> list[Score]:
        """What is shown."""
        return self._scores

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
        """Show other scores; none hides everything.

        `labels` name the axes of the reference; `answer` stands above the table, and
        `remarks` before the notes.
        """
        self._scores = list(scores)
        self._reference = reference
        self.setVisible(bool(scores))
        self.details.setVisible(bool(scores))
        if not scores:
            return
        self.answer.setText(f"<b>{escape(answer)}</b>")
        largest = max(scores, key=lambda score: len(score.psnr.values))
        stack = largest.psnr.stack
        self._names = plane_names(stack, list(labels)[: len(stack)])
        many = len(largest.psnr.values) > 1
        notes = notes_on(scores)
        warnings = [note for note in notes if note.startswith(WARNING)]
        self.warning.setText("\n".join(warnings))
        self.warning.setVisible(bool(warnings))
        others = [*remarks, *(note for note in notes if note not in warnings)]
        self.notes.setText("\n".join(others))
        for part in (self.curve, self.heading, self.planes):
            part.setVisible(many)
        if many:
            self._show_planes(min(self._shown, len(rows_of(scores)) - 1))
        self.recolour(theme)

    def recolour(self, theme: str) -> None:
        """Use the colours of a theme."""
        if not self._scores:
            return
        self.warning.setStyleSheet(f"color: {message_colour('warning', theme)};")
        many = any(len(score.psnr.values) > 1 for score in self._scores)
        colours = [
            line_colour(number, is_dark(theme))
            for number, score in enumerate(self._scores)
            for _ in rows_of([score])
        ]
        # Names have the colours of their curves, instead of a legend.
        self.summary.show_table(summary(self._scores), colours if many else ())
        if many:
            self.curve.show_scores(
                self._scores,
                theme_colour(theme, "background"),
                theme_colour(theme, "text"),
            )

    def copy_tables(self) -> None:
        """Put the tables and the notes on the clipboard."""
        parts = [summary(self._scores).to_text()]
        for score in rows_of(self._scores):
            if len(score.psnr.values) > 1:
                names = self._names[: len(score.psnr.values)]
                parts.append(f"{score.name}\n{plane_table(score, names).to_text()}")
        clipboard = QApplication.clipboard()
        assert clipboard is not None
        words = [self.warning.text(), self.notes.text()]
        clipboard.setText("\n\n".join([*parts, *filter(None, words)]))
        show_info("The figures are on the clipboard.")

    def save_csv(self, path: str | Path) -> None:
        """Write all scores to a file, replacing it if it exists."""
        from napari_vdsr.files.atomic import replacing

        text = to_csv(self._scores, self._names, self._reference)
        with replacing(Path(path), overwrite=True) as temporary:
            temporary.write_text(text, encoding="utf-8")

    def _ask_and_save(self) -> None:
        start = f"scores against {self._reference}.csv".replace("/", "-")
        path, _ = QFileDialog.getSaveFileName(self, "Save", start, "CSV (*.csv)")
        if not path:
            return
        try:
            self.save_csv(path)
        except FileError as error:
            show_error(str(error))

    def _show_planes(self, row: int, _: int = 0) -> None:
        score = rows_of(self._scores)[row]
        self._shown = row
        many = len(score.psnr.values) > 1
        self.planes.setVisible(many)
        self.heading.setVisible(many and len(rows_of(self._scores)) > 1)
        self.heading.setText(f"Planes of '{score.name}':")
        if many:
            names = self._names[: len(score.psnr.values)]
            self.planes.show_table(plane_table(score, names))
