"""Draw what `course_study.py` found: curves against depth, and crops side by side.

    python benchmarks/course_pictures.py course.json networks --output docs/images

reads its figures and its networks and writes ``course-depth.svg``, with the gain over
enlargement and the sharpness of edges for each depth, and ``course-crops.png``: a part
of an image that ships with scikit-image, reduced by 3 and restored by each network.
"""

import argparse
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from course_scoring import decibels, enlarged, restored
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from skimage import data

from napari_vdsr.zoo import load_model

COLOURS = {32: "#d95f02", 96: "#1b6ca8"}
DEPTHS = (5, 10, 15, 20)
WIDTH, HEIGHT, EDGE = 420, 260, 44  # of a chart

PART = (slice(346, 418), slice(136, 208))  # of the image: a badge with letters
FACTOR = 3
ZOOM, GAP, CAPTION = 3, 8, 36


class Series(NamedTuple):
    """A line in a chart."""

    label: str
    colour: str
    values: dict[int, float]  # by depth


def main() -> None:
    """Draw from the shell."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("figures", type=Path, help="JSON of course_study.py")
    parser.add_argument("models", type=Path, help="folder of its networks")
    parser.add_argument("--output", type=Path, default=Path("docs/images"))
    options = parser.parse_args()
    rows = json.loads(options.figures.read_text(encoding="utf-8"))
    picture = charts(rows)
    (options.output / "course-depth.svg").write_text(picture, encoding="utf-8")
    crops(options.models).save(options.output / "course-crops.png", optimize=True)


def charts(rows: list[dict[str, Any]]) -> str:
    """Two charts one beside the other, as SVG."""
    both = [
        chart("gain over bilinear enlargement in dB, x2", series(rows, "gain"), "+.2f"),
        chart("sharpness of edges, x2", series(rows, "sharpness"), ".0%"),
    ]
    shifted = [
        f'<g transform="translate({index * WIDTH} 0)">{part}</g>'
        for index, part in enumerate(both)
    ]
    size = f"{len(both) * WIDTH} {HEIGHT}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" '
        'font-family="sans-serif" font-size="12">'
        '<rect width="100%" height="100%" fill="white"/>\n'
        + "\n".join(shifted)
        + "\n</svg>\n"
    )


def series(rows: list[dict[str, Any]], name: str) -> list[Series]:
    """One figure at factor 2, of the networks for all factors, for each depth."""
    return [
        Series(
            f"{size}²",
            colour,
            {
                row["depth"]: row[name]
                for row in rows
                if row["size"] == size
                and row["factor"] == 2
                and row.get("trained_for") == "x2, 3, 4"
            },
        )
        for size, colour in COLOURS.items()
    ]


def chart(title: str, lines: list[Series], form: str) -> str:
    """Values against depth, each written beside its point."""
    values = [value for each in lines for value in each.values.values()]
    low, high = min(values), max(values)

    def place(depth: int, value: float) -> tuple[float, float]:
        x = EDGE + (depth - DEPTHS[0]) / (DEPTHS[-1] - DEPTHS[0]) * (WIDTH - 2 * EDGE)
        y = EDGE + 16 + (high - value) / (high - low or 1) * (HEIGHT - 2 * EDGE - 24)
        return round(x, 1), round(y, 1)

    parts = [f'<text x="{EDGE}" y="24">{title}</text>']
    for depth in DEPTHS:
        x, _ = place(depth, low)
        parts.append(
            f'<text x="{x}" y="{HEIGHT - 12}" text-anchor="middle">'
            f"{depth} layers</text>"
        )
    for label, colour, points in lines:
        spots = [place(*point) for point in points.items()]
        path = " ".join(f"{x},{y}" for x, y in spots)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}"/>')
        for (x, y), (depth, value) in zip(spots, points.items(), strict=True):
            highest = value == max(each.values[depth] for each in lines)
            at = y - 8 if highest else y + 18  # so that figures do not collide
            parts.append(
                f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>'
                f'<text x="{x}" y="{at}" text-anchor="middle" fill="{colour}">'
                f"{value:{form}}</text>"
            )
        x, y = spots[-1]
        parts.append(f'<text x="{x + 8}" y="{y + 4}" fill="{colour}">{label}</text>')
    return "\n".join(parts)


def crops(folder: Path) -> Image.Image:
    """Truth, enlargement and what each network made of it, with their PSNR."""
    image = np.moveaxis(data.astronaut(), -1, 0).astype(np.float32) / 255
    truth = image[(slice(None), *PART)]
    low = enlarged(image, FACTOR, "bilinear").clip(0, 1)
    panels = [("truth", truth), ("bilinear", low[(slice(None), *PART)])]
    names = ["srcnn-x2", *(f"vdsr-{depth}-x234" for depth in DEPTHS)]
    for name in names:
        network = load_model(folder / f"{name}-96px.safetensors").network
        result = restored(network, low)[(slice(None), *PART)]
        panels.append((name.rsplit("-", 1)[0], result))
    return sheet(truth, panels)


def sheet(
    truth: NDArray[np.float32], panels: list[tuple[str, NDArray[np.float32]]]
) -> Image.Image:
    """Panels with captions, four in a row."""
    side = truth.shape[1] * ZOOM
    columns, rows = 4, -(-len(panels) // 4)
    size = columns * (side + GAP) + GAP, rows * (side + CAPTION) + GAP
    picture = Image.new("RGB", size, "white")
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(14)
    for index, (name, panel) in enumerate(panels):
        left = GAP + index % columns * (side + GAP)
        top = GAP + index // columns * (side + CAPTION)
        pixels = np.rint(np.moveaxis(panel, 0, -1) * 255).astype(np.uint8)
        large = Image.fromarray(pixels).resize((side, side), Image.Resampling.NEAREST)
        picture.paste(large, (left, top))
        psnr = (
            ""
            if panel is truth
            else f": {decibels(truth[None], panel[None]).mean:.2f} dB"
        )
        pen.text((left, top + side + 4), f"{name}{psnr}", fill="black", font=font)
    return picture


if __name__ == "__main__":
    main()
