"""What is wrong is said of the field, before Run."""

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_vdsr.plugin.model.settings import FieldError, Settings
from napari_vdsr.plugin.sources import Sources


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


def field_of(viewer: ViewerModel, **settings: Any) -> tuple[str, str]:
    sources = Sources(viewer)
    with pytest.raises(FieldError) as caught:
        sources.jobs(sources.selected, None, Settings(**settings))
    return caught.value.field, str(caught.value)


def test_without_a_layer_it_says_to_open_one(viewer: ViewerModel) -> None:
    field, text = field_of(viewer)
    assert field == "layer"
    assert "open an image" in text


def test_labels_are_no_intensities(viewer: ViewerModel) -> None:
    viewer.add_labels(np.zeros((5, 5), int), name="nuclei")
    field, text = field_of(viewer)
    assert field == "layer"
    assert "'nuclei' is a Labels layer" in text
    assert "choose an Image layer" in text


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"factor": "custom", "value": "9"}, "Factor is 9"),
        ({"factor": "custom", "value": "two"}, "The factor is 'two'"),
        ({"factor": "custom", "value": ""}, "There is no factor yet"),
        ({"factor": "custom", "value": "1, 2, 3"}, "type one number"),
        ({"factor": "custom", "value": "nan"}, "Factor is nan"),
        ({"factor": "custom", "value": "1"}, "choose a factor above 1"),
        ({"factor": "pixel size", "value": "5"}, "Target pixel size is 5"),
        ({"factor": "pixel size", "value": ""}, "There is no pixel size yet"),
    ],
)
def test_a_wrong_factor_is_named(
    viewer: ViewerModel, settings: dict[str, str], words: str
) -> None:
    viewer.add_image(np.zeros((8, 8)))
    field, text = field_of(viewer, **settings)
    assert field == "factor"
    assert words in text


@pytest.mark.parametrize(("black", "white"), [("5", "5"), ("a", "9"), ("", "9")])
def test_a_wrong_range_is_named(viewer: ViewerModel, black: str, white: str) -> None:
    viewer.add_image(np.zeros((8, 8)))
    field, text = field_of(viewer, black=black, white=white)
    assert field == "range"
    assert "give black, then a larger white" in text


def test_without_rectangles_it_says_to_draw_some(viewer: ViewerModel) -> None:
    viewer.add_image(np.zeros((8, 8)))
    field, text = field_of(viewer, area="rectangles")
    assert field == "area"
    assert "draw some" in text


def test_in_three_dimensions_nothing_is_in_view(viewer: ViewerModel) -> None:
    viewer.add_image(np.zeros((4, 8, 8)))
    viewer.dims.ndisplay = 3
    field, text = field_of(viewer, area="view")
    assert field == "area"
    assert "2-D display" in text
