"""Tiles as numbers, as budgets and by themselves."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from napari_vdsr.errors import InputError
from napari_vdsr.inference import device as device_module
from napari_vdsr.inference import torch_engine, transfer
from napari_vdsr.inference.device import SMALLEST_TILE, bytes_per_pixel, tile_edge
from napari_vdsr.inference.torch_engine import TorchEngine
from napari_vdsr.inference.upscaler import Upscaler
from napari_vdsr.network import VDSR
from napari_vdsr.options import RunOptions
from napari_vdsr.zoo import Model, load_model

CPU = torch.device("cpu")


def test_a_budget_is_kept() -> None:
    edge = tile_edge("500 MB", 768, 20, CPU)
    assert (edge + 40) ** 2 * 768 <= 500e6 < (edge + 41) ** 2 * 768
    assert tile_edge("0.5gb", 768, 20, CPU) == edge


def test_a_number_is_a_number() -> None:
    assert tile_edge(7, 768, 20, CPU) == tile_edge("7", 768, 20, CPU) == 7


@pytest.mark.parametrize("tile", [10**6, "900 GB"])
@pytest.mark.parametrize("features", [1, 64, 1024])
@pytest.mark.parametrize("bytes_each", [4, 8])
def test_features_of_a_tile_can_be_counted_with_32_bits(
    tile: Any, features: int, bytes_each: int
) -> None:
    """cuDNN and others compute with indices of that size, whatever fits the memory."""
    edge = tile_edge(tile, bytes_each * features, 20, torch.device("cuda"))
    assert 2**29 < (edge + 40) ** 2 * features < 2**31


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
        edge = tile_edge("auto", 256, 20, torch.device("cuda"))
        assert edge == SMALLEST_TILE or (edge + 40) ** 2 * 256 < free
    # However much is free, what the documentation promises is kept.
    assert 750e6 - 1e6 < (edge + 40) ** 2 * 256 <= 750e6
    assert tile_edge("auto", 64, 20, torch.device("cuda")) == 2048


@pytest.mark.parametrize(
    ("precision", "first_in_float32", "edge"),
    [
        (torch.float16, False, 1671),
        (torch.float16, True, 1170),
        (torch.bfloat16, False, 1671),
        (torch.float32, True, 1170),
    ],
)
def test_the_default_model_takes_less_than_a_gigabyte_of_a_gpu(
    precision: torch.dtype,
    first_in_float32: bool,
    edge: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By the arithmetic of the page on speed."""
    monkeypatch.setattr(device_module, "free_memory", lambda device: 80e9)
    model = load_model("vdsr20")
    per_pixel = bytes_per_pixel(
        model.network, precision, first_in_float32=first_in_float32
    )
    assert tile_edge("auto", per_pixel, model.halo, torch.device("cuda")) == edge
    window = (edge + 2 * model.halo) ** 2 * (per_pixel + 12)  # as is counted below
    assert window + 2 * transfer._BUDGET + 34e6 < 1e9


class Memory(TorchDispatchMode):
    """The most bytes of tensors that were there at once, of those made meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.most = 0
        self._there: dict[int, tuple[StorageWeakRef, int]] = {}

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        result = function(*args, **(kwargs or {}))
        for each in tree_leaves(result):
            if isinstance(each, Tensor):
                storage = each.untyped_storage()
                weak = StorageWeakRef(storage)
                self._there[weak.cdata] = weak, storage.nbytes()
        self._there = {
            key: (weak, size)
            for key, (weak, size) in self._there.items()
            if not weak.expired()
        }
        self.most = max(self.most, sum(size for _, size in self._there.values()))
        return result


@pytest.mark.parametrize(
    ("dtype", "colours", "ensemble", "most"),
    [
        ("uint16", (), False, 12),
        ("uint16", (), True, 36),
        ("uint8", (4,), False, 33),
        ("float64", (), False, 30),
        ("float64", (3,), False, 66),
    ],
)
@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_beside_the_features_a_tile_takes_little(
    precision: torch.dtype,
    fast: bool,
    dtype: str,
    colours: tuple[int, ...],
    ensemble: bool,
    most: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So that 750 MB of features stay within a gigabyte."""
    monkeypatch.setattr(torch_engine, "has_fast_forms", lambda device: fast)
    model = Model(VDSR(3, features=64).requires_grad_(False), "shallow")
    engine = TorchEngine(model.network, CPU, precision)
    options = RunOptions(model, "cpu", tile=400, ensemble=ensemble)
    upscaler = Upscaler(options, engine=engine)
    image = np.random.default_rng(0).integers(0, 200, (128, 128, *colours))
    upscaler.region(image.astype(dtype)[:8, :8], (16, 16))
    with Memory() as memory:
        upscaler.region(image.astype(dtype), (256, 256))
    assert memory.most < (engine.bytes_per_pixel + most) * 256**2


@pytest.mark.parametrize("tile", [0, -3, 1.5, float("nan"), float("inf"), None])
def test_a_wrong_number_is_named(tile: Any) -> None:
    with pytest.raises(InputError, match="tile is"):
        tile_edge(tile, 768, 20, CPU)


@pytest.mark.parametrize("tile", ["-3", "--3", "5 KB", "", "1 MB"])
def test_wrong_words_are_named(tile: str) -> None:
    with pytest.raises(InputError, match="tile is"):
        tile_edge(tile, 768, 20, CPU)
