"""A picture that shows several versions of one image beside each other."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

__all__ = ["side_by_side"]

INSET = 0.22
"""Part of the width that is shown magnified below each image."""


def side_by_side(
    images: dict[str, NDArray[np.uint8]],
    *,
    width: int = 320,
    centre: tuple[float, float] = (0.5, 0.5),
) -> Image.Image:
    """Draw labelled images in a row, each over a magnified part of itself.

    Parameters
    ----------
    images : dict of str to ndarray, shape (Y, X) or (Y, X, 3)
        By label; all of the same scene, at any size.
    width : int
        Of each column, in pixels.
    centre : tuple of float
        Of the magnified part, as a share of height and width.

    Returns
    -------
    PIL.Image.Image
    """
    columns = [_column(label, image, width, centre) for label, image in images.items()]
    gap = 8
    height = max(column.height for column in columns)
    picture = Image.new("RGB", (len(columns) * (width + gap) - gap, height), "white")
    for index, column in enumerate(columns):
        picture.paste(column, (index * (width + gap), 0))
    return picture


def _column(
    label: str, image: NDArray[np.uint8], width: int, centre: tuple[float, float]
) -> Image.Image:
    whole = Image.fromarray(image).convert("RGB")
    side = INSET * min(whole.size)
    left = centre[1] * whole.width - side / 2
    top = centre[0] * whole.height - side / 2
    part = (left, top, left + side, top + side)
    # Pixels stay squares: a smooth enlargement here would hide what is compared.
    inset = whole.resize((width, width), Image.Resampling.NEAREST, box=part)
    height = round(width * whole.height / whole.width)
    reading = (
        Image.Resampling.NEAREST if whole.width < width else Image.Resampling.LANCZOS
    )
    overview = whole.resize((width, height), reading)
    scale = width / whole.width
    draw = ImageDraw.Draw(overview)
    draw.rectangle([scale * edge for edge in part], outline="black", width=2)
    font = ImageFont.load_default(size=18)
    column = Image.new("RGB", (width, height + width + 8 + 36), "white")
    column.paste(overview, (0, 36))
    column.paste(inset, (0, height + 36 + 8))
    ImageDraw.Draw(column).text((width / 2, 18), label, "black", font, anchor="mm")
    return column
