"""Tiles from the device into the result: in which thread, and when float16 fails."""

import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from napari_vdsr.errors import Cancelled, InputError, VdsrWarning
from napari_vdsr.inference import torch_engine
from napari_vdsr.inference import upscaler as upscaler_module
from napari_vdsr.inference.torch_engine import TorchEngine
from napari_vdsr.inference.upscaler import Upscaler
from napari_vdsr.network import VDSR
from napari_vdsr.options import RunOptions
from napari_vdsr.zoo import Model

CPU = torch.device("cpu")
SHAPE = (110, 90)


def image(dtype: str = "uint16") -> NDArray[Any]:
    return (np.random.default_rng(5).random((55, 45)) * 60000).astype(dtype)


def half_upscaler(model: Model, tile: int = 40) -> Upscaler:
    """An upscaler in float16, which the CPU computes though nobody asks it to."""
    engine = TorchEngine(model.network, CPU, torch.float16)
    return Upscaler(RunOptions(model, "cpu", tile=tile), engine=engine)


@pytest.fixture(scope="module")
def loud() -> Model:
    """A network whose features leave the range of float16, and whose residual not."""
    torch.manual_seed(1)
    network = VDSR(6, features=8).requires_grad_(False)
    *hidden, last = network.layers
    for layer in hidden:
        layer.weight *= 40
    last.weight /= 40**5
    return Model(network, "loud")


@pytest.fixture(params=["beside", "at once"])
def writing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Write results in a second thread, as for a GPU, or as for the CPU."""
    writer = upscaler_module.writer_beside
    if request.param == "beside":
        other = torch.device("cuda")
        monkeypatch.setattr(
            upscaler_module, "writer_beside", lambda device: writer(other)
        )
    return str(request.param)


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_a_network_beyond_float16_is_run_in_float32_and_says_so_once(
    loud: Model, dtype: str, writing: str
) -> None:
    """Results were garbage, without a word."""
    exact = Upscaler(RunOptions(loud, device="cpu")).region(image(dtype), SHAPE)
    upscaler = half_upscaler(loud)
    with pytest.warns(VdsrWarning, match="float16 cannot hold .* loud") as caught:
        result = upscaler.region(image(dtype), SHAPE)
    assert len(caught) == 1
    np.testing.assert_allclose(result, exact, atol=1, rtol=1e-5)
    assert upscaler.precision is upscaler.engine.precision is torch.float32
    # It stays so, without another warning.
    np.testing.assert_allclose(upscaler.region(image(dtype), SHAPE), exact, atol=1)


def test_only_the_tiles_that_overflow_are_computed_again(writing: str) -> None:
    """Faint parts of an image are right in float16."""

    class Counts(TorchEngine):
        calls = 0

        def residual(self, x: torch.Tensor) -> torch.Tensor:
            self.calls += 1
            result = super().residual(x)
            return result.fill_(torch.inf) if self.calls == 3 else result

    torch.manual_seed(0)
    model = Model(VDSR(3, features=4).requires_grad_(False), "odd")
    upscaler = half_upscaler(model)
    engine = upscaler.engine = Counts(model.network, CPU, torch.float16)
    with pytest.warns(VdsrWarning, match="using float32"):
        result = upscaler.region(image(), SHAPE)
    exact = Upscaler(RunOptions(model, device="cpu")).region(image(), SHAPE)
    assert np.abs(result.astype(float) - exact).max() < 60
    # 9 tiles; those that were under way when it was noticed stay in float16.
    assert engine.calls == {"beside": 5, "at once": 3}[writing]


def test_a_network_within_float16_stays_in_it(model: Model, writing: str) -> None:
    upscaler = half_upscaler(model)
    result = upscaler.region(image(), SHAPE)
    exact = Upscaler(RunOptions(model, device="cpu")).region(image(), SHAPE)
    assert np.abs(result.astype(float) - exact).max() < 100
    assert upscaler.engine.precision is torch.float16


def test_gaps_are_not_taken_for_an_overflow(model: Model) -> None:
    pixels = image("float32")
    pixels[20:22, 11] = np.nan
    upscaler = half_upscaler(model)
    result = upscaler.region(pixels, SHAPE)
    assert np.isnan(result).any()
    assert upscaler.engine.precision is torch.float16


class Stops:
    """Counts pixels in the thread of the caller and stops after some."""

    def __init__(self, after: float) -> None:
        self.done, self._after = 0.0, after

    def reset(self, total: float | None = None) -> None:
        """Nothing to do."""

    def update(self, n: float = 1) -> None:
        assert threading.current_thread() is threading.main_thread()
        self.done += n
        if self.done > self._after:
            raise Cancelled("stopped")


def test_every_tile_is_counted_once_it_is_written(model: Model, writing: str) -> None:
    expected = Upscaler(RunOptions(model, device="cpu", tile=500)).region(
        image("float32"), SHAPE
    )
    progress = Stops(after=np.inf)
    upscaler = Upscaler(RunOptions(model, device="cpu", tile=40))
    result = upscaler.region(image("float32"), SHAPE, progress=progress)
    assert progress.done == SHAPE[0] * SHAPE[1]
    np.testing.assert_allclose(result, expected, atol=0.1)


def test_cancelling_ends_the_work_and_its_thread(model: Model, writing: str) -> None:
    before = threading.active_count()
    upscaler = Upscaler(RunOptions(model, device="cpu", tile=40))
    with pytest.raises(Cancelled):
        upscaler.region(image(), SHAPE, progress=Stops(after=4000))
    assert threading.active_count() == before


def without_nan(x: torch.Tensor, weight: Any, bias: Any, *numbers: Any) -> torch.Tensor:
    """The fused kernel of cuDNN as torch asks for it: its ReLU makes 0 of NaN."""
    stride, padding, dilation, groups = numbers
    y = torch.nn.functional.conv2d(x, weight, bias, stride, padding, dilation, groups)
    return y.nan_to_num(0.0, posinf=torch.inf, neginf=-torch.inf).relu()


def test_an_overflow_that_the_fused_kernel_would_hide_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Infinite features cancel to NaN, then 0: the result was bicubic, no word said."""
    torch.manual_seed(1)
    network = VDSR(10, features=8).requires_grad_(False)
    *hidden, last = network.layers
    for layer in hidden:
        layer.weight *= 12
    last.weight /= 12**9
    model = Model(network, "loud in the middle")
    exact = Upscaler(RunOptions(model, device="cpu")).region(image(), SHAPE)
    with monkeypatch.context() as gpu:
        gpu.setattr(torch_engine, "has_fast_forms", lambda device: True)
        gpu.setattr(torch, "cudnn_convolution_relu", without_nan)
        upscaler = half_upscaler(model)
        with pytest.warns(VdsrWarning, match="float16 cannot hold"):
            result = upscaler.region(image(), SHAPE)
    np.testing.assert_allclose(result, exact, atol=1)


def test_a_network_far_below_the_limit_keeps_the_fused_kernel(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0

    def counted(*arguments: Any) -> torch.Tensor:
        nonlocal calls
        calls += 1
        return without_nan(*arguments)

    monkeypatch.setattr(torch_engine, "has_fast_forms", lambda device: True)
    monkeypatch.setattr(torch, "cudnn_convolution_relu", counted)
    engine = TorchEngine(model.network, CPU, torch.bfloat16)
    before = calls
    engine.residual(torch.zeros(1, 1, 20, 20))
    assert calls - before >= model.network.depth - 2


def test_a_model_and_keywords_are_options(model: Model) -> None:
    """As it was before there were options; scripts still say it so."""
    options = RunOptions(model, device="cpu", precision="float32", tile=40)
    expected = Upscaler(options)
    for upscaler in (
        Upscaler(model, device="cpu", precision="float32", tile=40),
        Upscaler(model, device=CPU, precision=torch.float32, tile=40),
        Upscaler(replace(options, tile=50), tile=40),
    ):
        assert upscaler.options == expected.options
        assert upscaler.tile == 40
    with pytest.raises(InputError, match="tile is -1"):
        Upscaler(model, tile=-1)
