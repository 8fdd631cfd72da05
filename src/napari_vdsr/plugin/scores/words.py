"""Scores as rows of text: for the screen, the clipboard and files."""

import csv
import io
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from napari_vdsr.evaluation.psnr import PsnrReport
from napari_vdsr.plugin.scores.work import Score

IDENTICAL = "∞ (identical)"
OF_MEAN_ERROR = "of MSE"


class Table(NamedTuple):
    """Texts of a table: column headings, row headings and the cells of each row."""

    columns: list[str]
    names: list[str]
    rows: list[list[str]]

    def to_text(self) -> str:
        """Lines with tabs between the cells, as spreadsheets accept them."""
        rows = zip(self.names, self.rows, strict=True)
        lines = [["", *self.columns], *([name, *row] for name, row in rows)]
        return "\n".join("\t".join(line) for line in lines)


def summary(scores: Sequence[Score]) -> Table:
    """One row for each score, with that of bicubic enlargement below it."""
    columns = ["PSNR dB", "fitted dB", "SSIM"]
    if all(score.psnr.fitted is None for score in scores):
        columns.remove("fitted dB")
    rows = rows_of(scores)
    cells = []
    for score in rows:
        line = [_mean_in_words(score.psnr)]
        if "fitted dB" in columns:
            line.append(_fitted(score, "mean"))
        cells.append([*line, _ssim(score.ssim)])
    return Table(columns, [score.name for score in rows], cells)


def plane_table(score: Score, names: Sequence[str]) -> Table:
    """Mean, extremes and every plane of the score of a stack."""
    columns = ["PSNR dB"]
    figures = [_column(score.psnr)]
    if score.psnr.fitted is not None:
        columns.append("fitted dB")
        figures.append(_column(score.psnr.fitted))
    if score.ssim_of_planes:
        columns.append("SSIM")
        values = score.ssim_of_planes
        head = (sum(values) / len(values), min(values), max(values))
        # Three digits leave room for the names in a narrow panel.
        figures.append([*map(_short, head), "–", *map(_short, values)])
    if score.bicubic is not None:
        columns.append("bicubic dB")
        figures.append(_column(score.bicubic.psnr))
    rows = ["mean", "min", "max", OF_MEAN_ERROR, *names]
    return Table(columns, rows, [list(row) for row in zip(*figures, strict=True)])


def rows_of(scores: Sequence[Score]) -> list[Score]:
    """All scores, with that of bicubic enlargement below the one it belongs to."""
    rows = []
    for score in scores:
        rows += [score] if score.bicubic is None else [score, score.bicubic]
    return rows


def notes_on(scores: Sequence[Score]) -> list[str]:
    """Sentences that a reader of the table has to know, without repetition."""
    notes: list[str] = []
    for score in scores:
        report = score.psnr
        notes += [_about(score, note) for note in score.notes]
        if report.identical == len(report.errors):
            notes.append(f"'{score.name}': infinite (identical to the reference).")
        elif report.identical:
            notes.append(
                f"{report.identical} of {len(report.errors)} planes of "
                f"'{score.name}' are identical to the reference: infinite (∞)."
            )
        if report.left_out:
            notes.append(
                f"{report.left_out} pixels of '{score.name}' are NaN or outside of "
                "it and were left out."
            )
    for score in scores:
        value, reason = score.psnr.data_range.value, score.psnr.data_range.reason
        reason = reason.replace("given by the caller", "given by you")
        notes.append(f"Data range {value:g}: {reason}.")
    report = scores[0].psnr
    notes.append(f"Compared: {report.channels}; border of {report.border} px cut off.")
    return list(dict.fromkeys(notes))


def answer_to(scores: Sequence[Score], names: Sequence[str]) -> str:
    """The comparison in a sentence: "vdsr20 gains 2.6 dB over bicubic".

    Of several layers, the one with the best PSNR is told of; `names` are how each is
    called, such as by its model.
    """
    best = max(range(len(scores)), key=lambda number: scores[number].psnr.mean)
    score, name = scores[best], names[best]
    leads = " is best and" if len(scores) > 1 else ""
    if score.bicubic is None or math.isinf(score.psnr.mean):
        figure = _mean_in_words(score.psnr)
        unit = "" if figure == IDENTICAL else " dB"
        return f"{name}{leads} has a PSNR of {figure}{unit}"
    return (
        f"{name}{leads} {gain_over_bicubic(score.psnr.mean - score.bicubic.psnr.mean)}"
    )


def gain_over_bicubic(gain: float) -> str:
    """A difference in words: "gains 2.6 dB over bicubic"."""
    if math.isnan(gain) or math.isinf(gain):
        return "cannot be told from bicubic in dB"
    if round(abs(gain), 1) == 0:
        return "is as good as bicubic"
    return (
        f"gains {gain:.1f} dB over bicubic"
        if gain > 0
        else f"is {-gain:.1f} dB below bicubic"
    )


def plane_names(stack: tuple[int, ...], labels: Sequence[str]) -> list[str]:
    """Name planes by their index in the leading axes: "t 0", "t 1".

    napari numbers axes without names ("-3"); such labels are left out.
    """
    named = [label if label.strip("-").isidentifier() else "" for label in labels]
    return [
        ", ".join(f"{label} {i}".strip() for label, i in zip(named, index, strict=True))
        for index in np.ndindex(*stack)
    ]


def to_csv(scores: Sequence[Score], names: Sequence[str], reference: str) -> str:
    """All scores as CSV with a heading: a row for each plane, and for each mean.

    `names` are those of the planes of the largest stack; infinity is written "inf".
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        [
            *("image", "plane", "psnr_db", "fitted_psnr_db", "ssim", "reference"),
            *("data_range", "data_range_reason", "compared", "border"),
        ]
    )
    for score in rows_of(scores):
        report, fitted = score.psnr, score.psnr.fitted
        tail = [
            reference,
            f"{report.data_range.value:g}",
            report.data_range.reason,
            report.channels,
            report.border,
        ]
        for row, plane in enumerate(names[: len(report.values)]):
            line = [score.name, plane or "0", _exact(report.values[row])]
            line.append("" if fitted is None else _exact(fitted.values[row]))
            ssim = score.ssim_of_planes[row : row + 1]
            writer.writerow([*line, *map(_exact, ssim or [None]), *tail])
        for figure in ("mean", "minimum", "maximum", "of_mean_error"):
            line = [
                score.name,
                figure.replace("_", " "),
                _exact(getattr(report, figure)),
            ]
            line.append("" if fitted is None else _exact(getattr(fitted, figure)))
            line.append(_exact(score.ssim) if figure == "mean" else "")
            writer.writerow([*line, *tail])
    return text.getvalue()


def _column(report: PsnrReport) -> list[str]:
    head = (report.mean, report.minimum, report.maximum, report.of_mean_error)
    return [_decibels(value) for value in (*head, *report.values)]


def _mean_in_words(report: PsnrReport) -> str:
    return IDENTICAL if math.isinf(report.of_mean_error) else _decibels(report.mean)


def _fitted(score: Score, figure: str) -> str:
    fitted = score.psnr.fitted
    return "–" if fitted is None else _decibels(getattr(fitted, figure))


def _decibels(value: float) -> str:
    return "∞" if math.isinf(value) else f"{value:.2f}"


def _ssim(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _short(value: float) -> str:
    return f"{value:.3f}"


def _exact(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}"


def _about(score: Score, note: str) -> str:
    return f"{score.name}: {note}" if note.startswith("No ") else note
