"""What is wrong is said of the field, before Run."""

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_vdsr.layers.result import METADATA_KEY, Provenance
from napari_vdsr.plugin.enlarge.plan import Batch, plan_batch, plan_preview
from napari_vdsr.plugin.enlarge.settings import UNSET, Settings
from napari_vdsr.plugin.settings import FieldError
from napari_vdsr.plugin.viewer import Sources


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


def field_of(viewer: ViewerModel, **settings: Any) -> tuple[str, str]:
    with pytest.raises(FieldError) as caught:
        batch_of(viewer, **settings)
    return caught.value.field, str(caught.value)


def batch_of(viewer: ViewerModel, **settings: Any) -> Batch:
    shapes = next(iter(Sources(viewer).shapes), None)
    return plan_batch(
        Sources(viewer).selected, Settings(**settings), viewer.dims, shapes
    )


def names_in(batch: Batch) -> list[str]:
    return [task.layer.name for task in batch.tasks]


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
        ({"factor": "custom", "value": "1, 2, 3"}, "more than two numbers"),
        ({"factor": "custom", "value": "nan"}, "Factor is nan"),
        ({"factor": "custom", "value": "2,5"}, "'2,5' may be one number or two"),
        ({"factor": "pixel size", "value": "2,5 µm"}, "type 2.5 µm for one, or 2, 5"),
        ({"factor": "pixel size", "value": "0.1 µm"}, "the layer has no pixel size"),
        ({"factor": "pixel size", "value": "3 s"}, "Choose a factor instead"),
        ({"factor": "custom", "value": "1"}, "choose a factor above 1"),
        ({"factor": "pixel size", "value": "5"}, "Target pixel size is 5"),
        ({"factor": "pixel size", "value": ""}, "There is no pixel size yet"),
        ({"factor": "pixel size", "value": "1"}, "choose a smaller pixel size"),
        ({"factor": "pixel size", "value": "0.5 m5"}, "The pixel size is '0.5 m5'"),
        ({"factor": "pixel size", "value": "1/2 m"}, "The pixel size is '1/2 m'"),
        ({"factor": "of old"}, "The factor is 'of old'"),
    ],
)
def test_a_wrong_factor_is_named(
    viewer: ViewerModel, settings: dict[str, str], words: str
) -> None:
    viewer.add_image(np.zeros((8, 8)))
    field, text = field_of(viewer, **settings)
    assert field == "factor"
    assert words in text


@pytest.mark.parametrize(("black", "white"), [(5.0, 5.0), (9.0, 5.0), (UNSET, 9.0)])
def test_a_wrong_range_is_named(
    viewer: ViewerModel, black: float, white: float
) -> None:
    viewer.add_image(np.zeros((8, 8)))
    field, text = field_of(viewer, black=black, white=white)
    assert field == "black"
    assert "give black, then a larger white" in text


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"precision": "half"}, "Precision is 'half'"), ({"tile": "-3"}, "Tile is '-3'")],
)
def test_an_option_that_no_run_takes_is_named(
    viewer: ViewerModel, settings: dict[str, str], words: str
) -> None:
    """The file of settings may have been written by hand, or by another version."""
    viewer.add_image(np.zeros((8, 8)))
    assert words in field_of(viewer, **settings)[1]


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


def add_one_that_fits_among_others(viewer: ViewerModel) -> None:
    viewer.add_image(np.zeros((8, 8), bool), name="mask")
    viewer.add_labels(np.zeros((8, 8), int), name="nuclei")
    viewer.add_image(np.zeros((8, 8)), name="cells")
    viewer.add_points(np.zeros((3, 2)), name="spots")
    viewer.layers.select_all()


def test_layers_that_cannot_be_enlarged_are_left_out_with_the_reason(
    viewer: ViewerModel,
) -> None:
    add_one_that_fits_among_others(viewer)
    batch = batch_of(viewer)
    assert names_in(batch) == ["cells"]
    assert batch.left_out == [
        "Left out: 'mask' of dtype bool cannot be enlarged: a mask has no "
        "intensities to restore; convert it to uint8 first.",
        "Left out: 'nuclei' is a Labels layer and holds label numbers: choose an "
        "Image layer.",
        "Left out: 'spots' is a Points layer and holds no intensities: choose an "
        "Image layer.",
    ]


def test_a_reason_that_does_not_name_the_layer_is_given_its_name(
    viewer: ViewerModel,
) -> None:
    viewer.add_image(np.zeros((8, 8)), name="coarse")
    viewer.add_image(np.zeros((8, 8)), name="fine", scale=(0.1, 0.1))
    viewer.layers.select_all()
    batch = batch_of(viewer, factor="pixel size", value="0.5")
    assert names_in(batch) == ["coarse"]
    (said,) = batch.left_out
    assert said.startswith("Left out: 'fine'. Target pixel size is 0.5: pixels are 0.1")


def test_a_layer_outside_the_view_or_the_shapes_is_left_out(
    viewer: ViewerModel,
) -> None:
    viewer.add_image(np.zeros((8, 8)), name="far", translate=(100, 0))
    near = viewer.add_image(np.zeros((8, 8)), name="near")
    viewer.add_shapes([[[0, 0], [0, 3], [3, 3], [3, 0]]], name="marks")
    viewer.layers.select_all()
    batch = batch_of(viewer, area="rectangles")
    assert names_in(batch) == ["near"]
    (said,) = batch.left_out
    assert said.startswith("Left out: Nothing of 'far' is inside the shapes")

    viewer.layers["far"].corner_pixels = np.array([(-99, 0), (-92, 7)])
    near.corner_pixels = np.array([(1, 1), (6, 6)])
    batch = batch_of(viewer, area="view")
    assert names_in(batch) == ["near"]
    (said,) = batch.left_out
    assert said.startswith("Left out: Nothing of 'far' is in view")


def test_a_preview_is_of_the_first_layer_that_fits(viewer: ViewerModel) -> None:
    add_one_that_fits_among_others(viewer)
    viewer.layers["cells"].corner_pixels = np.array([(0, 0), (7, 7)])
    batch = plan_preview(Sources(viewer).selected, Settings(), viewer.dims)
    assert names_in(batch) == ["cells"]


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"factor": "custom", "value": "9"}, "factor"),
        ({"factor": "custom", "value": "two"}, "factor"),
        ({"black": 5.0, "white": 5.0}, "black"),
        ({"area": "rectangles"}, "area"),
    ],
)
def test_a_wrong_setting_leaves_no_layer_out_but_is_named(
    viewer: ViewerModel, settings: dict[str, Any], field: str
) -> None:
    add_one_that_fits_among_others(viewer)
    assert field_of(viewer, **settings)[0] == field


def test_when_no_layer_fits_it_is_an_error(viewer: ViewerModel) -> None:
    add_one_that_fits_among_others(viewer)
    viewer.layers.remove("cells")
    viewer.layers.select_all()
    field, text = field_of(viewer)
    assert field == "layer"
    assert text.startswith("'mask' of dtype bool")


@pytest.mark.parametrize(
    "typed",
    [
        *("0.1 µm", "0.1um", "100 nm", "0.1", "0.0001 mm", "1e-7 m", "100 nanometers"),
        *("0.1 × 0.1 µm", "0.1 x 0.1 µm", "0.1 µm, 0.1 µm", "0.1 µm x 100 nm"),
        *("0,1 µm", "0,1", "0,1 × 0,1 µm", "0,1 µm, 0,1 µm"),
    ],
)
def test_a_pixel_size_may_have_a_unit(viewer: ViewerModel, typed: str) -> None:
    viewer.add_image(np.zeros((8, 9)), scale=(0.2, 0.3), units=("um", "um"))
    (task,) = batch_of(viewer, factor="pixel size", value=typed).tasks
    assert task.plan.shape == (16, 27)


def test_a_pixel_size_may_be_in_pixels(viewer: ViewerModel) -> None:
    viewer.add_image(np.zeros((8, 9)))
    (task,) = batch_of(viewer, factor="pixel size", value="0.5 px").tasks
    assert task.plan.shape == (16, 18)


def test_the_image_below_a_selected_shapes_layer_is_meant(viewer: ViewerModel) -> None:
    viewer.add_image(np.zeros((8, 8)), name="cells")
    viewer.add_image(np.zeros((8, 8)), name="hidden", visible=False)
    viewer.add_shapes([[[1, 1], [1, 5], [5, 5], [5, 1]]], name="marks")
    viewer.add_image(np.zeros((8, 8)), name="above")
    viewer.layers.selection = {viewer.layers["marks"]}
    batch = batch_of(viewer, area="rectangles")
    assert names_in(batch) == ["cells"]
    assert batch.tasks[0].region == (slice(1, 6), slice(1, 6))


def test_a_result_above_its_source_is_not_what_shapes_mean(viewer: ViewerModel) -> None:
    """Each Run enlarged the result of the last one."""
    source = viewer.add_image(np.zeros((9, 9), np.uint8), name="cells")
    made = {METADATA_KEY: Provenance(source={"name": "cells"}).written()}
    result = viewer.add_image(np.zeros((18, 18), np.uint8), scale=(0.5,) * 2)
    result.metadata = made
    shapes = viewer.add_shapes()
    viewer.layers.selection = {shapes}
    sources = Sources(viewer)
    assert sources.selected == [source]
    source.visible = False
    assert sources.selected == [result]


def test_shapes_and_image_may_have_other_units(viewer: ViewerModel) -> None:
    viewer.add_image(np.zeros((40, 40)), scale=(0.5, 0.5), units=("um", "um"))
    square = np.array([[1000, 1000], [1000, 6000], [6000, 6000], [6000, 1000]])
    viewer.add_shapes([square], name="marks", units=("nm", "nm"))
    (task,) = batch_of(viewer, area="rectangles").tasks
    assert task.region == (slice(2, 13), slice(2, 13))
