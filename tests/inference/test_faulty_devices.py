"""GPUs that are listed and cannot be used, imitated: whoever asks is told, in words."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import napari_vdsr
from napari_vdsr.cli import main
from napari_vdsr.errors import VdsrError, VdsrWarning
from napari_vdsr.inference import device as device_module
from napari_vdsr.inference import torch_engine, transfer
from napari_vdsr.inference.torch_engine import TorchEngine
from napari_vdsr.inference.upscaler import Upscaler
from napari_vdsr.network import SRCNN, VDSR
from napari_vdsr.options import RunOptions
from napari_vdsr.training import Trainer, prepare, recipe
from napari_vdsr.training.learner import hidden_precision
from napari_vdsr.zoo import Model

GPU = torch.device("cuda", 0)
OLD_DRIVER = RuntimeError("The NVIDIA driver on your system is too old\nPlease update")
NO_KERNEL = RuntimeError("CUDA error: no kernel image is available for execution")
FULL = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 MiB")

Fails = Callable[..., None]


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fails]:
    """Give the machine a GPU on which networks fail in these precisions.

    They raise an error, or give results that are wrong.
    """

    def fails(
        how: Exception | None, *precisions: torch.dtype, by: float = 1.05
    ) -> None:
        class Broken(TorchEngine):
            def __init__(self, network: Any, device: Any, precision: Any) -> None:
                self._broken = device == GPU and precision in precisions
                if self._broken and how is not None:
                    raise how
                super().__init__(network, torch.device("cpu"), precision)

            def residual(self, x: Tensor) -> Tensor:
                return super().residual(x) * (by if self._broken else 1.0)

        monkeypatch.setattr(torch_engine, "TorchEngine", Broken)
        monkeypatch.setattr(
            device_module, "available_devices", lambda: ["cuda:0", "cpu"]
        )
        to = Tensor.to
        monkeypatch.setattr(
            Tensor, "to", lambda x, *a, **k: x if a == (GPU,) else to(x, *a, **k)
        )
        torch_engine.fault.cache_clear()

    yield fails
    torch_engine.fault.cache_clear()


EVERY = (torch.float16, torch.bfloat16, torch.float32)


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        (OLD_DRIVER, r"\(The NVIDIA driver on your system is too old\)"),
        (NO_KERNEL, "no kernel image"),
        (None, "its results are wrong"),
    ],
)
def test_auto_is_the_cpu_where_the_gpu_cannot_be_used(
    how: Exception | None, reason: str, model: Model, gpu: Fails
) -> None:
    """A card too old for this torch ended every run in the driver's error."""
    image = np.random.default_rng(0).random((20, 24), np.float32)
    expected = napari_vdsr.upscale(image, model=model, device="cpu")
    gpu(how, *EVERY)
    with pytest.warns(VdsrWarning, match=f"cuda:0 does not work .*{reason}.* the CPU"):
        result = napari_vdsr.upscale(image, model=model)
    np.testing.assert_array_equal(result, expected)
    with pytest.raises(VdsrError, match=f"{reason}.*: choose another device"):
        napari_vdsr.upscale(image, model=model, device="cuda")


def test_a_training_hears_it_as_well(gpu: Fails) -> None:
    config = recipe("quick", steps=2, depth=2, patch=16, batch=2, validation_share=0.0)
    images = prepare(np.random.default_rng(0).random((64, 64)), config, warn=False)
    gpu(NO_KERNEL, *EVERY)
    with pytest.warns(VdsrWarning, match="using the CPU instead"):
        assert Trainer(images, config).device == torch.device("cpu")
    with pytest.raises(VdsrError, match="no kernel image"):
        Trainer(images, config, device="cuda:0")


def test_a_gpu_that_gives_nan_in_float16_trains_in_float32(gpu: Fails) -> None:
    gpu(None)
    config = recipe("quick")
    assert hidden_precision(config, VDSR(2), GPU) is torch.float16
    assert hidden_precision(config, SRCNN(), GPU) is torch.float32
    gpu(None, torch.float16, by=1.01)
    assert hidden_precision(config, VDSR(2), GPU) is torch.float16
    gpu(NO_KERNEL, torch.float16)
    assert hidden_precision(config, VDSR(2), GPU) is torch.float32


def test_a_gpu_that_is_full_from_the_start_is_named(model: Model, gpu: Fails) -> None:
    """The first thing that is computed there is a test, which nobody wrapped."""
    gpu(FULL, *EVERY)
    with pytest.raises(VdsrError, match=r"cuda:0 has too little .*: close other"):
        Upscaler(RunOptions(model))
    gpu(None)  # once others are gone, it is used
    assert torch_engine.fault(GPU, torch.float32) is None


@pytest.mark.parametrize("where", ["computing", "coming back"])
def test_a_gpu_that_stops_in_the_middle_is_named(
    where: str, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ended in the driver's error; results come back in another thread."""
    upscaler = Upscaler(RunOptions(model, device="cpu", tile=32))
    upscaler.device = torch.device("xpu", 0)  # what is on it is on the CPU here
    to = Tensor.to
    monkeypatch.setattr(
        Tensor, "to", lambda x, *a: x if a == (upscaler.device,) else to(x, *a)
    )
    image = np.zeros((40, 40), np.uint8)
    assert not upscaler.region(image, (80, 80)).any()

    def lost(*arguments: object) -> None:
        raise RuntimeError("CUDA error: unspecified launch failure\nCUDA kernel errors")

    if where == "computing":
        monkeypatch.setattr(upscaler.engine, "residual", lost)
    else:
        monkeypatch.setattr(transfer.TileDownload, "store", lost)
    expected = r"xpu:0 stopped working \(CUDA error: unspecified launch fai.*: start"
    with pytest.raises(VdsrError, match=expected):
        upscaler.region(image, (80, 80))


@pytest.mark.parametrize(
    ("how", "reason"),
    [(OLD_DRIVER, "The NVIDIA driver"), (FULL, "cuda:0 has too little memory")],
)
def test_the_command_that_lists_devices_says_what_is_wrong(
    how: Exception, reason: str, gpu: Fails, capsys: pytest.CaptureFixture[str]
) -> None:
    """It ended in the driver's error, where it is most needed."""
    gpu(how, *EVERY)
    assert main(["info"]) in (0, None)
    assert f"does not work here: {reason}" in capsys.readouterr().out
