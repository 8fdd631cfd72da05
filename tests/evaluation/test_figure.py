"""Comparisons drawn side by side."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from napari_vdsr.errors import FileError
from napari_vdsr.evaluation.evaluate import Comparison, compare
from napari_vdsr.evaluation.figure import draw, error_colours, save_picture
from napari_vdsr.zoo import Model


@pytest.fixture(scope="module")
def comparison(photograph, tiny):
    return compare(photograph, 3, model=tiny)


def test_truth_input_and_results_stand_side_by_side(
    comparison: Comparison, photograph: NDArray[Any]
) -> None:
    picture = np.asarray(draw(comparison))
    height, width = 250, 300  # of a panel of 60 x 72 pixels
    panels = [picture[10 : 10 + height, 10 + i * 310 : 310 + i * 310] for i in range(4)]
    shown = Image.fromarray(photograph).resize((width, height), 0)
    same = (panels[0] == np.asarray(shown)[..., None]).all(axis=-1)
    assert same.mean() > 0.9  # all but the frame of the inset
    assert all(np.ptp(panel) > 100 for panel in panels)
    assert (picture[10 + height + 2 : 10 + height + 40] < 100).any()  # captions


def test_errors_are_white_where_there_is_none_and_coloured_by_sign() -> None:
    colours = error_colours(np.array([[0.0, 5, -5, 50, np.nan]]), limit=10)
    white, red, blue, full, gap = colours[0].astype(int)
    assert (white == 255).all()
    assert (gap == 255).all()
    assert red[0] > red[2]
    assert blue[2] > blue[0]
    np.testing.assert_array_equal(full, (178, 24, 43))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_stacks_colours_and_dtypes_are_drawn(
    ramp: NDArray[Any], tiny: Model, dtype: str
) -> None:
    image = (np.stack([ramp] * 3) / 300).astype(dtype)
    image = image if dtype == "float32" else np.stack([ramp] * 3).astype(dtype)
    drawn = draw(compare(image, 2, model=tiny, rgb=True))
    assert drawn.mode == "RGB"
    assert drawn.width == 6 * 310 + 10


def test_a_file_is_written_whole_and_not_overwritten_unasked(
    comparison: Comparison, tmp_path: Path
) -> None:
    path = tmp_path / "grid.png"
    save_picture(path, comparison)
    with Image.open(path) as picture:
        assert picture.format == "PNG"
    with pytest.raises(FileError, match="exists already"):
        save_picture(path, comparison, overwrite=False)
    with pytest.raises(FileError):
        save_picture(tmp_path / "missing" / "grid.png", comparison)
    assert [file.name for file in tmp_path.iterdir()] == ["grid.png"]
