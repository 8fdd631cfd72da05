"""Resampling: against closed forms, torch and itself in pieces."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_vdsr.errors import InputError
from napari_vdsr.imaging.resample import resize, resize_rows

sizes = st.integers(1, 40)


@given(sizes, sizes, st.sampled_from(["bicubic", "bilinear"]))
def test_rows_sum_to_one(size: int, new_size: int, kernel: str) -> None:
    rows = resize_rows(size, new_size, kernel=kernel)  # type: ignore[arg-type]
    assert rows.weights.shape[0] == new_size
    assert 0 <= rows.source.start < rows.source.stop <= size
    np.testing.assert_allclose(rows.weights.sum(axis=1), 1, atol=1e-12)


@given(sizes, sizes, st.data())
def test_a_part_is_that_part_of_the_whole(
    size: int, new_size: int, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, new_size - 1))
    stop = data.draw(st.integers(start + 1, new_size))
    signal = np.random.default_rng(0).normal(size=size)
    whole = resize_rows(size, new_size)
    part = resize_rows(size, new_size, start, stop)
    np.testing.assert_allclose(
        part.weights @ signal[part.source],
        (whole.weights @ signal[whole.source])[start:stop],
        atol=1e-12,
    )


@given(st.integers(6, 40), st.floats(1, 4))
def test_enlarging_keeps_a_straight_line_and_both_edges(n: int, factor: float) -> None:
    new_size = int(n * factor + 0.5)
    rows = resize_rows(n, new_size)
    where = (np.arange(new_size) + 0.5) * n / new_size - 0.5
    line = rows.weights @ np.arange(n, dtype=float)[rows.source]
    inner = (where > 2) & (where < n - 3)
    np.testing.assert_allclose(line[inner], where[inner], atol=1e-9)
    np.testing.assert_allclose(line, n - 1 - line[::-1], atol=1e-9)


@pytest.mark.parametrize(("size", "new_size"), [(40, 80), (30, 90), (90, 30), (80, 20)])
@pytest.mark.parametrize("kernel", ["bicubic", "bilinear"])
def test_it_agrees_with_torch_away_from_the_borders(
    size: int, new_size: int, kernel: str
) -> None:
    image = np.random.default_rng(1).normal(size=(size, size))
    ours = resize(image, (new_size, new_size), kernel)  # type: ignore[arg-type]
    theirs = torch.nn.functional.interpolate(
        torch.from_numpy(image)[None, None],
        size=(new_size, new_size),
        mode=kernel,
        antialias=True,
    )[0, 0].numpy()
    edge = int(np.ceil(5 * max(1, new_size / size)))
    inner = slice(edge, new_size - edge)
    np.testing.assert_allclose(ours[inner, inner], theirs[inner, inner], atol=1e-6)


def test_halving_gives_the_weights_of_imresize() -> None:
    # MATLAB: imresize of a unit pulse by 0.5, bicubic with antialiasing.
    rows = resize_rows(20, 10)
    expected = np.array([-3, -9, 29, 111, 111, 29, -9, -3]) / 256
    np.testing.assert_allclose(rows.weights[5][7:15], expected, atol=1e-12)


def test_borders_are_mirrored_with_the_border_pixel() -> None:
    signal = np.array([3.0, 5.0, 9.0])
    mirrored = np.concatenate([signal[::-1], signal, signal[::-1]])
    rows, wide = resize_rows(3, 6), resize_rows(9, 18)
    np.testing.assert_allclose(
        rows.weights @ signal[rows.source],
        (wide.weights @ mirrored[wide.source])[6:12],
        atol=1e-12,
    )


def test_one_pixel_becomes_a_constant() -> None:
    np.testing.assert_allclose(resize(np.array([[7.0]]), (5, 3)), 7.0)


def test_leading_axes_are_looped() -> None:
    stack = np.random.default_rng(2).normal(size=(2, 3, 9, 8))
    whole = resize(stack, (5, 20))
    assert whole.shape == (2, 3, 5, 20)
    np.testing.assert_allclose(whole[1, 2], resize(stack[1, 2], (5, 20)))


@pytest.mark.parametrize(
    "arguments", [(0, 4), (4, 0), (4, 8, 3, 3), (4, 8, 2, 9), (4, 8, -1, 2)]
)
def test_impossible_sizes_are_refused(arguments: tuple[int, ...]) -> None:
    with pytest.raises(InputError):
        resize_rows(*arguments)
