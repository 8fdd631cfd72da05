"""Weights of enlargement are made once for a run, whatever the shape of the image."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch

from napari_vdsr.imaging.resample import resize_rows
from napari_vdsr.inference import transfer
from napari_vdsr.inference.transfer import AxisWeights
from napari_vdsr.inference.upscaler import Upscaler
from napari_vdsr.network import VDSR
from napari_vdsr.options import RunOptions
from napari_vdsr.zoo import Model

CPU = torch.device("cpu")


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Counter[Any]:
    """Counts how often weights are made, by axis and window."""
    counts: Counter[Any] = Counter()

    def counted(*arguments: Any) -> Any:
        counts[arguments] += 1
        return resize_rows(*arguments)

    monkeypatch.setattr(transfer, "resize_rows", counted)
    return counts


@pytest.fixture
def upscaler() -> Upscaler:
    model = Model(VDSR(2, features=4).requires_grad_(False), "quick")
    return Upscaler(RunOptions(model, device="cpu", tile=32))


@pytest.mark.parametrize("shape", [(350, 350), (60, 700), (700, 60)])
def test_they_are_made_once_for_all_rows_columns_and_planes(
    shape: tuple[int, int], upscaler: Upscaler, made: Counter[Any]
) -> None:
    """243 times for 16 windows: only eight were kept, of rows and columns together."""
    for _ in range(2):
        upscaler.region(np.zeros(shape, np.uint8), (2 * shape[0], 2 * shape[1]))
    assert len(made) > 20
    assert set(made.values()) == {1}


def test_they_are_made_once_in_two_passes(
    upscaler: Upscaler, made: Counter[Any]
) -> None:
    upscaler.region(np.zeros((30, 50), np.uint8), (180, 300))
    assert len(made) > 8
    assert set(made.values()) == {1}


def test_of_an_axis_beyond_the_budget_most_are_kept(
    made: Counter[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = AxisWeights("bicubic")
    windows = [slice(start, start + 40) for start in range(0, 1000, 40)]
    size = weights.part(500, 1000, windows[3], CPU, torch.float32)[1].nbytes
    weights.clear()
    made.clear()
    monkeypatch.setattr(transfer, "_BUDGET_OF_CPU", 20.5 * size)
    for _ in range(10):
        for window in windows:
            source, values = weights.part(500, 1000, window, CPU, torch.float32)
            rows = resize_rows(500, 1000, window.start, window.stop)
            assert source == rows.source
            np.testing.assert_array_equal(values, rows.weights.astype("f4"))
        (axis,) = weights._axes.values()
        assert sum(values.nbytes for _, values in axis.values()) <= 20.5 * size
    # 25 windows, 20 kept: the least that ten rounds can make is about 25 + 9 * 6.
    assert sum(made.values()) <= 25 + 9 * 7


def test_axes_that_are_no_longer_used_are_forgotten() -> None:
    weights = AxisWeights("bicubic")
    for size in range(10, 30):
        weights.part(size, 2 * size, slice(0, 20), CPU, torch.float32)
    assert len(weights._axes) == 4
