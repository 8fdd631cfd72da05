"""Tiles as numbers, as budgets and by themselves."""

from typing import Any

import pytest
import torch

from napari_vdsr.errors import InputError
from napari_vdsr.inference import device as device_module
from napari_vdsr.inference.device import SMALLEST_TILE, tile_edge

CPU = torch.device("cpu")


def test_a_budget_is_kept() -> None:
    edge = tile_edge("500 MB", 768, 20, CPU)
    assert (edge + 40) ** 2 * 768 <= 500e6 < (edge + 41) ** 2 * 768
    assert tile_edge("0.5gb", 768, 20, CPU) == edge


def test_a_number_is_a_number() -> None:
    assert tile_edge(7, 768, 20, CPU) == tile_edge("7", 768, 20, CPU) == 7


@pytest.mark.parametrize("features", [64, 256, 1024])
@pytest.mark.parametrize("device", ["cpu", "mps"])
def test_by_itself_a_tile_stays_within_a_gigabyte(features: int, device: str) -> None:
    per_pixel = features * 12
    edge = tile_edge("auto", per_pixel, 20, torch.device(device))
    assert (edge + 40) ** 2 * per_pixel < 1e9
    assert edge >= 200


def test_a_device_that_is_nearly_full_gets_smaller_tiles(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A device of which other programs have taken most cannot be had here.
    for free in (10e6, 200e6, 40e9):
        monkeypatch.setattr(
            device_module, "free_memory", lambda device, free=free: free
        )
        edge = tile_edge("auto", 512, 20, torch.device("cuda"))
        assert edge == SMALLEST_TILE or (edge + 40) ** 2 * 512 < free
    assert edge == 2048


@pytest.mark.parametrize("tile", [0, -3, 1.5, float("nan"), float("inf"), None])
def test_a_wrong_number_is_named(tile: Any) -> None:
    with pytest.raises(InputError, match="tile is"):
        tile_edge(tile, 768, 20, CPU)


@pytest.mark.parametrize("tile", ["-3", "--3", "5 KB", "", "1 MB"])
def test_wrong_words_are_named(tile: str) -> None:
    with pytest.raises(InputError, match="tile is"):
        tile_edge(tile, 768, 20, CPU)
