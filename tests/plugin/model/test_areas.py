"""Parts of a layer: what is in view, and rectangles drawn on it."""

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Shapes

from napari_vdsr.plugin.enlarge.plan import (
    preview_region,
    region_in_view,
    regions_of_shapes,
)
from napari_vdsr.plugin.settings import FieldError


def starts_and_stops(region: Any) -> list[tuple[int, int]]:
    return [(part.start, part.stop) for part in region]


def shown(layer: Image, low: Any, high: Any, **point: Any) -> ViewerModel:
    viewer = ViewerModel()
    viewer.add_layer(layer)
    layer.corner_pixels = np.array([low, high])
    return viewer


def test_the_plane_in_view_is_taken() -> None:
    layer = Image(np.zeros((5, 60, 80)), scale=(2, 0.5, 0.5))
    viewer = shown(layer, (0, 10, 20), (0, 29, 49))
    viewer.dims.set_point(0, 6)
    region = region_in_view(layer, viewer.dims)
    assert starts_and_stops(region) == [(3, 4), (10, 30), (20, 50)]


def test_corners_of_a_coarse_level_count_in_fine_pixels() -> None:
    levels = [np.zeros((64, 64)), np.zeros((16, 16))]
    layer = Image(levels, multiscale=True, contrast_limits=(0, 1))
    viewer = shown(layer, (2, 3), (7, 9))
    layer._data_level = 1
    region = region_in_view(layer, viewer.dims)
    assert starts_and_stops(region) == [(8, 32), (12, 40)]


def test_a_transposed_display_shows_the_same_part() -> None:
    layer = Image(np.zeros((60, 80)))
    viewer = shown(layer, (10, 20), (29, 49))
    viewer.dims.order = (1, 0)
    layer.corner_pixels = np.array([(10, 20), (29, 49)])
    assert starts_and_stops(region_in_view(layer, viewer.dims)) == [(10, 30), (20, 50)]


def test_other_axes_in_view_are_refused() -> None:
    layer = Image(np.zeros((5, 60, 80)))
    viewer = shown(layer, (0, 0, 0), (1, 1, 1))
    viewer.dims.order = (1, 0, 2)
    with pytest.raises(FieldError, match="does not show planes"):
        region_in_view(layer, viewer.dims)


def test_a_preview_is_small_and_in_the_middle() -> None:
    layer = Image(np.zeros((600, 600)))
    viewer = shown(layer, (100, 0), (499, 59))
    region = preview_region(layer, viewer.dims)
    assert starts_and_stops(region) == [(236, 364), (0, 60)]


def test_boxes_are_found_through_both_transforms() -> None:
    layer = Image(np.zeros((60, 80)), scale=(0.5, -0.5), translate=(1, 40))
    corners = np.array([[10, 20], [19, 49]])
    world = np.array([layer.data_to_world(corner) for corner in corners])
    shapes = Shapes(scale=(2, 2), translate=(3, 3))
    drawn = np.array([shapes.world_to_data(point) for point in world])
    shapes.add_rectangles(drawn)
    (region,) = regions_of_shapes(layer, shapes)
    assert starts_and_stops(region) == [(10, 20), (20, 50)]


def test_flat_shapes_mean_all_planes_and_others_mean_theirs() -> None:
    layer = Image(np.zeros((5, 60, 80)))
    flat = Shapes([np.array([[10, 20], [19, 49]])], shape_type="rectangle")
    (region,) = regions_of_shapes(layer, flat)
    assert starts_and_stops(region) == [(0, 5), (10, 20), (20, 50)]
    box = [[3, 10, 20], [3, 10, 49], [3, 19, 49], [3, 19, 20]]
    one_plane = Shapes([np.array(box)], shape_type="rectangle")
    (region,) = regions_of_shapes(layer, one_plane)
    assert starts_and_stops(region) == [(3, 4), (10, 20), (20, 50)]


def test_boxes_are_cut_at_the_border_and_refused_beyond_it() -> None:
    layer = Image(np.zeros((60, 80)), name="cells")
    across = Shapes([np.array([[-5, 70], [9, 99]])], shape_type="rectangle")
    (region,) = regions_of_shapes(layer, across)
    assert starts_and_stops(region) == [(0, 10), (70, 80)]
    beyond = Shapes([np.array([[90, 90], [95, 95]])], shape_type="rectangle")
    with pytest.raises(FieldError, match="Nothing of 'cells'"):
        regions_of_shapes(layer, beyond)
