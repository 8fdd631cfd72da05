"""Which axis is which, and what is not guessed."""

from typing import Any

import pytest

from napari_vdsr.errors import InputError
from napari_vdsr.imaging.geometry import Axes, find_axes


def test_the_last_two_axes_are_y_and_x() -> None:
    assert find_axes((4, 5, 6, 7)) == Axes(2, 3, None)
    assert find_axes((5, 6, 3), rgb=True) == Axes(0, 1, 2)
    assert find_axes((5, 6, 3), rgb=False) == Axes(1, 2, None)


def test_named_axes_may_stand_anywhere() -> None:
    axes = find_axes((6, 2, 5, 3), "XTYS")
    assert axes == Axes(2, 0, 3)
    assert axes.moved_last(4) == (1, 2, 0, 3)


@pytest.mark.parametrize(
    ("shape", "options", "said"),
    [
        ((5,), {}, "at least two dimensions"),
        ((), {}, "at least two dimensions"),
        ((3, 3), {"rgb": True}, "at least three dimensions"),
        ((5, 6, 3), {}, "may be colours or X"),
        ((0, 5), {}, "holds no pixel"),
        ((2, 0, 5), {}, "holds no pixel"),
        ((5, 6, 2), {"rgb": True}, "3 or 4"),
        ((5, 6), {"axes": "ZYX"}, "3 letters"),
        ((5, 6), {"axes": "YY"}, "name each once"),
        ((5, 6), {"axes": "ZT"}, "name each once"),
        ((5, 6, 7), {"axes": "YXZ", "rgb": True}, 'axis named "S"'),
        ((5, 6, 2), {"axes": "YXS"}, "3 or 4"),
    ],
)
def test_axes_that_do_not_fit_are_refused(
    shape: tuple[int, ...], options: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError) as caught:
        find_axes(shape, **options)
    assert said in str(caught.value)
