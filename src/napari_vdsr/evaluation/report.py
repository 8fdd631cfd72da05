"""The figures of an evaluation: as a table, CSV and JSON."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from textwrap import wrap
from typing import Any

from napari_vdsr.errors import plain_line, with_null
from napari_vdsr.evaluation.acquisition import SAMPLING_IN_WORDS, noise_in_words
from napari_vdsr.evaluation.data_range import DataRange, mean_decibels
from napari_vdsr.evaluation.methods import BEST_LINEAR, BICUBIC, SPLINE
from napari_vdsr.evaluation.protocols import PROTOCOLS, Protocol
from napari_vdsr.imaging.resample import Sampling

_FIRST, _COLUMN = 24, 19  # characters of a table's columns, at least

BEST_IN_WORDS = (
    f"{BEST_LINEAR.name}: the blur that comes closest to the truth, which nobody has "
    "for a new image; a model above it does more than blurring can"
)
"""What the best linear enlargement is, in words that are printed with it."""


@dataclass(frozen=True)
class Row:
    """One image at one factor, enlarged by one method.

    Attributes
    ----------
    image : str
        Its name.
    method : str
        Name of the model or the interpolation.
    factor : float
        How much it was enlarged.
    psnr : float
        In dB, the mean over the planes of a stack.
    fitted_psnr : float
        The range-invariant one.
    ssim : float or None
        None for images too small for its window.
    data_range : DataRange
        The peak of both, and why.
    pixels : int
        Enlarged pixels.
    seconds : float
        Wall time of enlarging.
    sampling : {"reduced", "gaussian", "camera", "scanner"}, optional
        How the small image was taken; None for a real pair.
    noise : float, optional
        Electrons at white of the noise that was added to it; None for none.
    """

    image: str
    factor: float
    method: str
    psnr: float
    fitted_psnr: float
    ssim: float | None
    data_range: DataRange
    pixels: int
    seconds: float
    sampling: Sampling | None = "reduced"
    noise: float | None = None

    @property
    def speed(self) -> float:
        """Enlarged megapixels per second of wall time."""
        return self.pixels / 1e6 / max(self.seconds, 1e-9)


@dataclass(frozen=True)
class Mean:
    """Means over the images of one factor, sampling and method.

    Attributes
    ----------
    factor : float
        How much was enlarged.
    method : str
        Its name.
    images : int
        How many there were.
    psnr : float
        Mean of the images' PSNR, in dB.
    fitted_psnr : float
        The range-invariant one.
    ssim : float or None
        Mean of those that have one.
    seconds : float
        Wall time of all.
    speed : float
        Enlarged megapixels per second, over all.
    sampling : {"reduced", "gaussian", "camera", "scanner"}, optional
        How the small images were taken; None for real pairs.
    """

    factor: float
    method: str
    images: int
    psnr: float
    fitted_psnr: float
    ssim: float | None
    seconds: float
    speed: float
    sampling: Sampling | None = "reduced"


@dataclass(frozen=True)
class Evaluation:
    """Scores of methods on images, never without the protocol they belong to.

    Attributes
    ----------
    rows : tuple of Row
        One for every image, factor, sampling and method.
    protocol : {"A", "direct", "pairs"}
        See `PROTOCOLS`.
    device : str
        What the networks ran on.
    precision : str
        In what precision.
    left_out : tuple of tuple of str
        Images that could not be scored, and why.
    """

    rows: tuple[Row, ...]
    protocol: Protocol
    device: str
    precision: str
    left_out: tuple[tuple[str, str], ...] = ()

    @property
    def factors(self) -> tuple[float, ...]:
        """Factors that occur, in order of occurrence."""
        return tuple(dict.fromkeys(row.factor for row in self.rows))

    @property
    def methods(self) -> tuple[str, ...]:
        """Methods that occur, bicubic first."""
        return tuple(dict.fromkeys(row.method for row in self.rows))

    @property
    def samplings(self) -> tuple[Sampling | None, ...]:
        """Ways in which small images were taken, in order of occurrence."""
        return tuple(dict.fromkeys(row.sampling for row in self.rows))

    @property
    def means(self) -> tuple[Mean, ...]:
        """Means over the images, for all that occur together."""
        groups = (
            [row for row in self.rows if (row.factor, row.sampling, row.method) == key]
            for key in product(self.factors, self.samplings, self.methods)
        )
        return tuple(_mean_of(group) for group in groups if group)

    def mean(
        self, factor: float, method: str, sampling: Sampling | None = None
    ) -> Mean:
        """Means of one method at one factor.

        Parameters
        ----------
        factor : float
            One of `factors`.
        method : str
            One of `methods`.
        sampling : {"reduced", "gaussian", "camera", "scanner"}, optional
            One of `samplings`; by default the first.

        Returns
        -------
        Mean
        """
        for mean in self.means:
            if (mean.factor, mean.method) != (factor, method):
                continue
            if sampling in (None, mean.sampling):
                return mean
        raise KeyError(f"no images were enlarged x{factor:g} with {method}")

    def to_text(self) -> str:
        """Write a table for people: PSNR in dB / SSIM per image, means, speed."""
        lines = [f"protocol {self.protocol}: {PROTOCOLS[self.protocol]}"]
        if self.protocol == "direct":
            lines += self._acquisitions_in_words()
        ranges = dict.fromkeys(row.data_range for row in self.rows)
        lines += [f"data range {each.value:g}: {each.reason}" for each in ranges]
        if BEST_LINEAR.name in self.methods:
            lines.append(BEST_IN_WORDS)
        lines.append(f"device {self.device}, precision {self.precision}")
        for factor in self.factors:
            for sampling in self.samplings:
                lines += ["", *self._table(factor, sampling)]
        lines += [f"left out: {name}: {reason}" for name, reason in self.left_out]
        return "\n".join(map(plain_line, lines))

    def to_csv(self) -> str:
        """Write one line a row, with a header; an infinite PSNR is ``inf``."""
        text = io.StringIO()
        lines = [_record(row) for row in self.rows]
        names = ["protocol", *(lines[0] if lines else ())]
        writer = csv.DictWriter(text, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows({"protocol": self.protocol, **line} for line in lines)
        return text.getvalue()

    def to_json(self) -> dict[str, object]:
        """Give all figures for JSON; infinity becomes None."""
        return {
            "protocol": self.protocol,
            "protocol_description": PROTOCOLS[self.protocol],
            "device": self.device,
            "precision": self.precision,
            "means": with_null([vars(mean) for mean in self.means]),
            "rows": with_null([_record(row) for row in self.rows]),
            "left_out": [
                {"image": name, "reason": reason} for name, reason in self.left_out
            ],
        }

    def _acquisitions_in_words(self) -> list[str]:
        samplings = [each for each in self.samplings if each is not None]
        lines = [f"sampling {each}: {SAMPLING_IN_WORDS[each]}" for each in samplings]
        levels = dict.fromkeys((row.image, row.noise) for row in self.rows)
        if len({noise for _, noise in levels}) == 1:
            levels = {("", next(iter(levels))[1]): None}
        for image, noise in levels:
            to = f" added to {image}" if image else " added"
            lines.append(f"noise{to}: {noise_in_words(noise)}")
        return lines

    def _table(self, factor: float, sampling: Sampling | None) -> list[str]:
        """Lines of the table of one factor and sampling."""
        key = (factor, sampling)
        rows = [row for row in self.rows if (row.factor, row.sampling) == key]
        means = [mean for mean in self.means if (mean.factor, mean.sampling) == key]
        methods = [mean.method for mean in means]
        images = dict.fromkeys(row.image for row in rows)
        found = {(row.image, row.method): row for row in rows}
        heading = {"A": "", "direct": f"  {sampling}"}.get(
            self.protocol, "  (PSNR / after affine fit)"
        )
        table = [[f"x{factor:g}{heading}", *methods]]
        table += [
            [image, *(self._cell(found[image, method]) for method in methods)]
            for image in images
        ]
        table.append([f"mean of {len(images)}", *map(self._cell, means)])
        for name in (BICUBIC.name, SPLINE.name):
            base = next(mean for mean in means if mean.method == name)
            gains = (
                "" if mean is base else f"{_gain(mean.psnr, base.psnr):+.2f} dB"
                for mean in means
            )
            table.append([f"gain over {name}", *gains])
        times = [f"{mean.seconds / mean.images:.2f}" for mean in means]
        table.append(["seconds an image", *times])
        table.append(["MPix/s", *(f"{mean.speed:.3g}" for mean in means)])
        return _lined_up(table)

    def _cell(self, row: Row | Mean) -> str:
        if self.protocol == "pairs":
            return f"{row.psnr:.2f} / {row.fitted_psnr:.2f}"
        return f"{row.psnr:.2f} / {'–' if row.ssim is None else f'{row.ssim:.4f}'}"


def averages(rows: Sequence[Row]) -> dict[str, Any]:
    """Means of the scores, and the time of all, by their names in a row."""
    similarities = [row.ssim for row in rows if row.ssim is not None]
    return {
        "psnr": mean_decibels([row.psnr for row in rows]),
        "fitted_psnr": mean_decibels([row.fitted_psnr for row in rows]),
        "ssim": math.fsum(similarities) / len(similarities) if similarities else None,
        "seconds": math.fsum(row.seconds for row in rows),
    }


def _mean_of(rows: Sequence[Row]) -> Mean:
    first, found = rows[0], averages(rows)
    pixels = sum(row.pixels for row in rows)
    return Mean(
        first.factor,
        first.method,
        len(rows),
        sampling=first.sampling,
        speed=pixels / 1e6 / max(found["seconds"], 1e-9),
        **found,
    )


def _gain(psnr: float, base: float) -> float:
    """Decibels above a baseline; none where both are infinite."""
    return 0.0 if psnr == base else psnr - base


def _lined_up(table: list[list[str]]) -> list[str]:
    """Lines of a table; long headings take several."""
    table = [*_headings(table[0]), *table[1:]]
    columns = zip(*table, strict=True)
    first, *widths = (max(len(cell) for cell in column) for column in columns)
    first = max(first, _FIRST)
    widths = [max(width + 2, _COLUMN) for width in widths]
    return [
        f"{name:{first}}"
        + "".join(f"{c:>{width}}" for c, width in zip(cells, widths, strict=True))
        for name, *cells in table
    ]


def _headings(cells: list[str]) -> list[list[str]]:
    first, *names = cells
    words = [wrap(name, _COLUMN - 2, break_long_words=False) for name in names]
    height = max(map(len, words))
    padded = ([""] * (height - len(lines)) + lines for lines in words)
    sides = [""] * (height - 1) + [first]
    return [list(line) for line in zip(sides, *padded, strict=True)]


def _record(row: Row) -> dict[str, object]:
    return {
        "image": row.image,
        "factor": row.factor,
        "method": row.method,
        "psnr": row.psnr,
        "fitted_psnr": row.fitted_psnr,
        "ssim": row.ssim,
        "data_range": row.data_range.value,
        "data_range_reason": row.data_range.reason,
        "sampling": row.sampling,
        "noise_electrons": row.noise,
        "seconds": row.seconds,
        "megapixels_per_second": row.speed,
    }
