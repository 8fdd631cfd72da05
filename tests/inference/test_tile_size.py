"""Tiles as numbers, as budgets and by themselves."""

from typing import Any

import pytest
import torch

from napari_vdsr.errors import InputError
from napari_vdsr.inference.tile_size import tile_edge

CPU = torch.device("cpu")


def test_a_budget_is_kept() -> None:
    edge = tile_edge("500 MB", 768, 20, CPU)
    assert (edge + 40) ** 2 * 768 <= 500e6 < (edge + 41) ** 2 * 768
    assert tile_edge("0.5gb", 768, 20, CPU) == edge


def test_a_number_is_a_number() -> None:
    assert tile_edge(7, 768, 20, CPU) == tile_edge("7", 768, 20, CPU) == 7


def test_by_itself_a_tile_stays_within_a_gigabyte() -> None:
    assert (tile_edge("auto", 768, 20, CPU) + 40) ** 2 * 768 < 1e9


@pytest.mark.parametrize("tile", [0, -3, 1.5, float("nan"), float("inf"), None])
def test_a_wrong_number_is_named(tile: Any) -> None:
    with pytest.raises(InputError, match="tile is"):
        tile_edge(tile, 768, 20, CPU)


@pytest.mark.parametrize("tile", ["-3", "--3", "5 KB", "", "1 MB"])
def test_wrong_words_are_named(tile: str) -> None:
    with pytest.raises(InputError, match="tile is"):
        tile_edge(tile, 768, 20, CPU)
