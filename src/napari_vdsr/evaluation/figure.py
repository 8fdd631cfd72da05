"""A comparison as one picture: truth, input and results side by side."""

from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.evaluation.evaluate import Comparison
from napari_vdsr.evaluation.planes import scaled_luminance

if TYPE_CHECKING:
    from PIL.Image import Image

_PANEL = 300  # pixels of the longer side of a panel
_GAP = 10
_CAPTION = 40  # pixels of two lines of text
_PAPER = (255, 255, 255)
_INK = (20, 20, 20)
_FRAME = (230, 60, 20)
_ZOOM = 5  # the inset shows a fifth of the longer side
_ERROR_LIMIT = 0.1  # of the data range, at the ends of the colours of an error map

_RED, _BLUE = (178, 24, 43), (33, 102, 172)  # ends of ColorBrewer's RdBu


class _View(NamedTuple):
    """A rectangle that is cut out of every image."""

    rows: slice
    columns: slice

    def of(
        self, image: NDArray[Any], factors: tuple[float, float] = (1.0, 1.0)
    ) -> NDArray[Any]:
        """The part of an image, which may be smaller by these factors."""
        parts = zip((self.rows, self.columns), factors, strict=True)
        y, x = (
            slice(int(part.start / factor), max(1, round(part.stop / factor)))
            for part, factor in parts
        )
        return image[y, x]


def save_picture(
    path: str | Path, comparison: Comparison, *, overwrite: bool = True
) -> None:
    """Draw a comparison into a PNG file, which is written completely or not at all."""
    from napari_vdsr.files.atomic import replacing

    picture = draw(comparison)
    with replacing(Path(path), overwrite=overwrite) as file:
        picture.save(file, format="PNG")


def draw(comparison: Comparison) -> "Image":
    """Draw truth, input, results and their errors as one RGB picture.

    A column each for truth, input, bicubic and the other methods, with the PSNR of the
    plane below it; of a stack, the plane in the middle is drawn. Rows for the full
    image, for the part where bicubic interpolation errs most, and for the error: red
    where a result is too bright and blue where it is too dark, on one scale for all.
    """
    pair, outcomes = comparison.pair, comparison.outcomes
    number = prod(pair.stack) // 2
    # Of a stack, the plane in the middle.
    middle = np.unravel_index(number, pair.stack) if pair.stack else ()
    made = [outcome.image for outcome in outcomes]
    truth, low, *results = (
        np.asarray(image[middle], np.float64) for image in (pair.hr, pair.lr, *made)
    )
    errors = [_difference(truth, result, comparison) for result in results]
    whole = _View(slice(0, pair.shape[0]), slice(0, pair.shape[1]))
    inset = _worst(errors[0], round(max(pair.factors)))
    limit = _ERROR_LIMIT * (pair.data_range.value or 1.0)
    shown, detail = (
        [
            _grey_or_colour(part, pair.limits)
            for part in (
                view.of(truth),
                view.of(low, pair.factors),
                *map(view.of, results),
            )
        ]
        for view in (whole, inset)
    )
    captions = [
        f"truth\n{_size(truth)}",
        f"input, reduced {pair.factors[0]:g}x\n{_size(low)}",
        *(f"{each.method}\n{each.psnr.values[number]:.2f} dB" for each in outcomes),
    ]
    names = ["framed: where bicubic errs most", "", *(each.method for each in outcomes)]
    maps = [error_colours(error, limit) for error in errors]
    scale = f"blue {-limit:.3g}, red {limit:+.3g}"
    legends = [f"error of {each.method}\n{scale}" for each in outcomes]
    rows = (shown, captions), (detail, names), (maps, legends)
    return _sheet(rows, pair.shape, frame=inset)


def error_colours(error: NDArray[np.float64], limit: float) -> NDArray[np.uint8]:
    """Colour an error: blue for too dark, red for too bright, white for none or NaN.

    Errors of `limit` have full colour. Gives uint8 of shape (Y, X, 3).
    """
    share = np.clip(np.nan_to_num(error) / limit, -1, 1)[..., None]
    full = np.where(share > 0, np.array(_RED), np.array(_BLUE))
    colours: NDArray[np.uint8] = np.rint(255 + (full - 255) * np.abs(share)).astype(
        "u1"
    )
    return colours


def _sheet(
    rows: Sequence[tuple[Sequence[NDArray[np.uint8]], Sequence[str]]],
    shape: tuple[int, int],
    frame: _View,
) -> "Image":
    """Put rows of panels and their captions into a picture, short rows to the right.

    Panels show an image of this shape; in the first row, a part of it is framed.
    """
    from PIL import Image, ImageDraw, ImageFont

    scale = _PANEL / max(shape)
    height, width = (max(1, round(size * scale)) for size in shape)
    down, across = height + _CAPTION + _GAP, width + _GAP
    columns = len(rows[0][0])
    size = columns * across + _GAP, len(rows) * down + _GAP
    sheet = Image.new("RGB", size, _PAPER)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for row, (panels, captions) in enumerate(rows):
        first = columns - len(panels)
        for column, (panel, text) in enumerate(
            zip(panels, captions, strict=True), first
        ):
            left, top = _GAP + column * across, _GAP + row * down
            # Show few pixels as squares, and average many.
            fine = panel.shape[0] > height
            way = Image.Resampling.LANCZOS if fine else Image.Resampling.NEAREST
            picture = Image.fromarray(panel).convert("RGB").resize((width, height), way)
            sheet.paste(picture, (left, top))
            below = left, top + height + 2
            pen.multiline_text(below, text, fill=_INK, font=font, spacing=2)
            if row == 0:
                y, x = height / shape[0], width / shape[1]
                corners = (
                    left + frame.columns.start * x,
                    top + frame.rows.start * y,
                    left + frame.columns.stop * x - 1,
                    top + frame.rows.stop * y - 1,
                )
                pen.rectangle(corners, outline=_FRAME, width=2)
    return sheet


def _difference(
    truth: NDArray[np.float64], result: NDArray[np.float64], comparison: Comparison
) -> NDArray[np.float64]:
    """Result minus truth, of luminance where there are colours."""
    if not comparison.pair.rgb:
        return result - truth
    peak = comparison.pair.data_range.value
    return scaled_luminance(result, peak) - scaled_luminance(truth, peak)


def _worst(error: NDArray[np.float64], step: int) -> _View:
    """The window, a fifth of the image, in which the squared error is largest.

    Its edges are edges of input pixels, which are `step` pixels wide.
    """
    height, width = (max(1, size // _ZOOM // step) * step for size in error.shape)
    # Sums over all windows, as differences of sums from the corner on.
    total = np.pad(np.nan_to_num(error) ** 2, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    inside = total[height:, width:] - total[:-height, width:]
    inside = inside - total[height:, :-width] + total[:-height, :-width]
    inside = inside[::step, ::step]
    y, x = (step * int(i) for i in np.unravel_index(inside.argmax(), inside.shape))
    return _View(slice(y, y + height), slice(x, x + width))


def _grey_or_colour(
    image: NDArray[np.float64], limits: tuple[float, float]
) -> NDArray[np.uint8]:
    """An image on the scale of a screen."""
    black, white = limits
    shown = np.nan_to_num((image - black) / (white - black), nan=0.0)
    return np.rint(255 * np.clip(shown, 0, 1)).astype(np.uint8)


def _size(image: NDArray[Any]) -> str:
    return f"{image.shape[1]} x {image.shape[0]} px"
