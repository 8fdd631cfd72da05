"""The planner: every pixel once, windows of one size that slide inward."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_vdsr.errors import InputError
from napari_vdsr.inference.tiles import (
    gap_halo,
    middle_shape,
    plan_axis,
    plan_tiles,
)


@given(st.data())
def test_cores_make_up_the_part_and_windows_hold_their_halo(
    data: st.DataObject,
) -> None:
    size = data.draw(st.integers(1, 300))
    start = data.draw(st.integers(0, size - 1))
    stop = data.draw(st.integers(start + 1, size))
    tile, halo = data.draw(st.integers(1, 90)), data.draw(st.integers(0, 30))
    spans = plan_axis(size, slice(start, stop), tile, halo)
    assert [span.core.start for span in spans[1:]] == [s.core.stop for s in spans[:-1]]
    assert (spans[0].core.start, spans[-1].core.stop) == (start, stop)
    assert len({span.window.stop - span.window.start for span in spans}) == 1
    for span in spans:
        core, window = span.core, span.window
        assert 0 <= window.start <= core.start < core.stop <= window.stop <= size
        assert window.stop - window.start <= tile + 2 * halo
        assert window.start == 0 or core.start - window.start >= halo
        assert window.stop == size or window.stop - core.stop >= halo


def test_an_image_smaller_than_the_window_is_one_tile() -> None:
    (tile,) = plan_tiles((30, 40), (slice(0, 30), slice(0, 40)), 64, 20)
    assert tile.core == (slice(0, 30), slice(0, 40))
    assert tile.crop == tile.core
    assert tile.pixels == 1200


def test_tiles_cover_a_region_once() -> None:
    region = slice(7, 91), slice(0, 55)
    tiles = list(plan_tiles((100, 60), region, 16, 3))
    assert sum(tile.pixels for tile in tiles) == 84 * 55
    assert len({(tile.core[0].start, tile.core[1].start) for tile in tiles}) == len(
        tiles
    )


@pytest.mark.parametrize(
    ("wanted", "tile"),
    [(slice(0, 5), 0), (slice(3, 3), 4), (slice(0, 11), 4), (slice(-1, 3), 4)],
)
def test_impossible_plans_are_refused(wanted: slice, tile: int) -> None:
    with pytest.raises(InputError):
        plan_axis(10, wanted, tile, 2)


def test_factors_above_4_take_two_equal_passes() -> None:
    assert middle_shape((10, 10), (40, 40)) is None
    assert middle_shape((10, 10), (41, 20)) == (20, 14)
    assert middle_shape((10, 10), (20, 60)) == (14, 24)


def test_around_gaps_the_larger_factor_says_how_far_a_pixel_depends() -> None:
    assert gap_halo((10, 10), (40, 20), 5) == gap_halo((10, 10), (20, 40), 5) == 65
