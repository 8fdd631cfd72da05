"""Scores as sentences and rows of text: for the screen, the clipboard and files."""

import csv
import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from napari_vdsr.evaluation.psnr import PsnrReport
from napari_vdsr.plugin.scores.work import Score

if TYPE_CHECKING:
    from napari_vdsr.evaluation.evaluate import Comparison

# What only the scores of models need is imported late, so that the panel opens at once.

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
    rows = rows_of(scores)
    columns = {"PSNR dB": [_mean_in_words(score.psnr) for score in rows]}
    if any(score.psnr.fitted is not None for score in scores):
        fits = [score.psnr.fitted for score in rows]
        means = [None if fit is None else fit.mean for fit in fits]
        columns["fitted dB"] = [_decibels(mean) for mean in means]
    columns["SSIM"] = [_ssim(score.ssim, 4) for score in rows]
    return _table(columns, [score.name for score in rows])


def plane_table(score: Score, names: Sequence[str]) -> Table:
    """Mean, extremes and every plane of the score of a stack."""
    columns = {"PSNR dB": _column(score.psnr)}
    if score.psnr.fitted is not None:
        columns["fitted dB"] = _column(score.psnr.fitted)
    if score.ssim_of_planes:
        values = score.ssim_of_planes
        head = sum(values) / len(values), min(values), max(values), None
        # Three digits leave room for the names in a narrow panel.
        columns["SSIM"] = [_ssim(value, 3) for value in (*head, *values)]
    if score.bicubic is not None:
        columns["bicubic dB"] = _column(score.bicubic.psnr)
    return _table(columns, ["mean", "min", "max", OF_MEAN_ERROR, *names])


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
        for note in score.notes:
            notes.append(f"{score.name}: {note}" if note.startswith("No ") else note)
        if report.identical == score.planes:
            notes.append(f"'{score.name}': infinite (identical to the reference).")
        elif report.identical:
            notes.append(
                f"{report.identical} of {score.planes} planes of "
                f"'{score.name}' are identical to the reference: infinite (∞)."
            )
        if report.left_out:
            notes.append(
                f"{report.left_out} pixels of '{score.name}' are NaN or outside of "
                "it and were left out."
            )
    ranges: dict[str, list[str]] = {}  # what is said of each, and the layers
    for score in scores:
        value, reason = score.psnr.data_range.value, score.psnr.data_range.reason
        reason = reason.replace("given by the caller", "given by you")
        ranges.setdefault(f"{value:g}: {reason}.", []).append(f"'{score.name}'")
    for words, names in ranges.items():
        of = f" for {', '.join(names)}" if len(ranges) > 1 else ""
        notes.append(f"Data range{of} {words}")
    report = scores[0].psnr
    notes.append(f"Compared: {report.channels}; border of {report.border} px cut off.")
    return list(dict.fromkeys(notes))


def answer_to(scores: Sequence[Score], names: Sequence[str]) -> str:
    """The comparison in a sentence: "vdsr20 gains 2.6 dB over bicubic".

    Of several layers, the one with the best PSNR is named; `names` are how each is
    called, such as by its model.
    """
    score, name = max(
        zip(scores, names, strict=True), key=lambda pair: pair[0].psnr.mean
    )
    leads = " is best and" if len(scores) > 1 else ""
    if score.bicubic is None or math.isinf(score.psnr.mean):
        figure = _mean_in_words(score.psnr)
        unit = "" if figure == IDENTICAL else " dB"
        return f"{name}{leads} has a PSNR of {figure}{unit}"
    gain = score.psnr.mean - score.bicubic.psnr.mean
    return f"{name}{leads} {_gain_over_bicubic(gain)}"


def answer_of(comparison: "Comparison") -> str:
    """The scores of a model in a sentence: "vdsr20 gains 2.6 dB over bicubic"."""
    bicubic, *_, model = comparison.outcomes
    return f"{model.method} {_gain_over_bicubic(model.psnr.mean - bicubic.psnr.mean)}"


def gain_in_words(comparison: "Comparison") -> str:
    """What the model, the last outcome, gained over each interpolation."""
    from napari_vdsr.evaluation.methods import BASELINES

    *others, model = comparison.outcomes
    baselines = [each for each in others if each.method in BASELINES]
    gains = [model.psnr.mean - each.psnr.mean for each in baselines]
    if not np.isfinite(gains).all():
        return "One of the results is identical to the original."
    parts = [
        f"{gain:+.2f} dB".replace("-", "−") + f" against {each.method}"
        for gain, each in zip(gains, baselines, strict=True)
    ]
    return f"{model.method}: {', '.join(parts)}."


def acquisition_in_words(comparison: "Comparison") -> list[str]:
    """How the small image was made, and what the best linear enlargement is."""
    from napari_vdsr.evaluation.acquisition import SAMPLING_IN_WORDS, noise_in_words
    from napari_vdsr.evaluation.report import BEST_IN_WORDS

    pair = comparison.pair
    assert pair.sampling is not None
    return [
        f"Small image: {SAMPLING_IN_WORDS[pair.sampling]}.",
        f"Noise added: {noise_in_words(pair.electrons)}.",
        f"{BEST_IN_WORDS[:1].upper()}{BEST_IN_WORDS[1:]}.",
    ]


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
        planes = [plane or "0" for plane in names[: score.planes]]
        rows = [*planes, "mean", "minimum", "maximum", "of mean error"]
        psnr = [*report.values, *_head(report)]
        fits = (
            [None] * len(rows) if fitted is None else [*fitted.values, *_head(fitted)]
        )
        ssim = score.ssim_of_planes or (None,) * score.planes
        for row, *figures in zip(
            rows, psnr, fits, [*ssim, score.ssim, None, None, None], strict=True
        ):
            line = [score.name, row, *map(_exact, figures), reference]
            line += [f"{report.data_range.value:g}", report.data_range.reason]
            writer.writerow([*line, report.channels, report.border])
    return text.getvalue()


def _gain_over_bicubic(gain: float) -> str:
    """A difference in words: "gains 2.6 dB over bicubic"."""
    if not math.isfinite(gain):
        return "cannot be told from bicubic in dB"
    if round(abs(gain), 1) == 0:
        return "is as good as bicubic"
    if gain < 0:
        return f"is {-gain:.1f} dB below bicubic"
    return f"gains {gain:.1f} dB over bicubic"


def _table(columns: dict[str, list[str]], names: list[str]) -> Table:
    rows = [list(row) for row in zip(*columns.values(), strict=True)]
    return Table(list(columns), names, rows)


def _head(report: PsnrReport) -> tuple[float, float, float, float]:
    return report.mean, report.minimum, report.maximum, report.of_mean_error


def _column(report: PsnrReport) -> list[str]:
    return [_decibels(value) for value in (*_head(report), *report.values)]


def _mean_in_words(report: PsnrReport) -> str:
    return IDENTICAL if math.isinf(report.of_mean_error) else _decibels(report.mean)


def _decibels(value: float | None) -> str:
    if value is None:
        return "–"
    return "∞" if math.isinf(value) else f"{value:.2f}"


def _ssim(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _exact(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}"
