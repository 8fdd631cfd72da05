"""The ways of running a network, and what happens when one fails."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from napari_vdsr.errors import VdsrError, VdsrWarning
from napari_vdsr.inference import engine as engine_module
from napari_vdsr.inference import torch_engine
from napari_vdsr.inference.device import available_devices, usable_threads
from napari_vdsr.inference.engine import Engine, compile_for_openvino, resolve_precision
from napari_vdsr.inference.torch_engine import TorchEngine, relative_error
from napari_vdsr.inference.upscaler import Upscaler
from napari_vdsr.network import SRCNN, VDSR, ConvStack
from napari_vdsr.options import RunOptions
from napari_vdsr.zoo import Model, load_model

CPU = torch.device("cpu")
NETWORKS = [
    VDSR(4, features=6),
    VDSR(4, features=6, bias=True, first_padding="zeros"),
    VDSR(3, features=6, channels=3, bias=True, first_padding="zeros"),
    SRCNN((9, 1, 5), (6, 4)),
    SRCNN((9, 5, 5), (6, 4)),
]


def engines(network: ConvStack) -> list[Engine]:
    """Give every engine that can run in float32 here."""
    pytest.importorskip("openvino")
    devices = [torch.device(name) for name in available_devices()]
    return [
        *(TorchEngine(network, device, torch.float32) for device in devices),
        compile_for_openvino(network, torch.float32)(),
    ]


@pytest.mark.parametrize("network", NETWORKS)
def test_all_engines_give_what_the_network_gives(network: ConvStack) -> None:
    x = torch.rand(1, network.channels, 33, 21) - 0.5
    expected = network.requires_grad_(False).double().residual(x.double())
    for engine in engines(network.float()):
        for _ in range(2):
            actual = engine.residual(x.to(engine.device)).cpu()
            assert actual.dtype is torch.float32
            assert (actual - expected).abs().max() < 2e-5


def test_openvino_writes_nothing_into_the_home_of_the_user(tmp_path: Path) -> None:
    """Its telemetry makes an identifier there when it is imported as it comes."""
    pytest.importorskip("openvino")
    code = (
        "import sys, numpy, napari_vdsr;"
        "napari_vdsr.upscale(numpy.ones((9, 9)), model='vdsr5', device='cpu');"
        "assert 'openvino' in sys.modules"
    )
    environment = os.environ | {"HOME": str(tmp_path), "USERPROFILE": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_no_thread_keeps_to_one_core() -> None:
    """The workers of a cluster shared one core while the others were idle."""
    if not hasattr(os, "sched_getaffinity") or usable_threads() < 2:
        pytest.skip("needs Linux and two cores")
    for engine in engines(NETWORKS[0]):
        engine.residual(torch.rand(1, 1, 64, 64, device=engine.device))
    allowed = os.sched_getaffinity(0)
    threads = [int(each.name) for each in Path("/proc/self/task").iterdir()]
    assert all(os.sched_getaffinity(thread) == allowed for thread in threads)


def test_an_engine_leaves_the_network_as_it_is() -> None:
    network = VDSR(3, features=6).requires_grad_(False)
    TorchEngine(network, CPU, torch.bfloat16).residual(torch.rand(1, 1, 9, 9))
    assert all(p.dtype is torch.float32 for p in network.parameters())


def test_half_precision_stays_as_near_as_is_promised() -> None:
    assert relative_error(CPU, torch.float32) < 1e-6
    assert 0 < relative_error(CPU, torch.bfloat16) < 0.05


def test_half_precision_on_a_bright_image_loses_nothing_to_the_offset() -> None:
    network = load_model("vdsr20").network
    x = torch.rand(1, 1, 40, 40, generator=torch.Generator().manual_seed(4)) - 0.5
    exact = TorchEngine(network, CPU, torch.float32).residual(x)
    engine = TorchEngine(network, CPU, torch.bfloat16)
    dark, bright = engine.residual(x) - exact, engine.residual(x + 10) - exact
    assert bright.square().mean() < 4 * dark.square().mean()


def test_repeating_gives_the_same_bits(model: Model) -> None:
    image = np.random.default_rng(1).random((50, 50)).astype("float32")
    first, second = (
        Upscaler(RunOptions(model, device="cpu", tile=40)).region(image, (100, 100))
        for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("broken", ["black", "nan", "refused"])
def test_a_device_that_fails_in_half_precision_is_found_out(
    broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No such device stands here: its engine is imitated, the check is the real one.
    class Broken(TorchEngine):
        def residual(self, x: Tensor) -> Tensor:
            result = super().residual(x)
            if self.precision is torch.float32:
                return result
            if broken == "refused":
                msg = "GET was unable to find an engine to execute this computation"
                raise RuntimeError(msg)
            return result * (0 if broken == "black" else torch.nan)

    monkeypatch.setattr(torch_engine, "TorchEngine", Broken)
    torch_engine.fault.cache_clear()
    monkeypatch.setattr(engine_module, "computes_bfloat16", lambda: True)
    other = torch.device("cpu", 0)  # a CPU by another name, to be checked as a GPU is
    reason = "GET was unable" if broken == "refused" else "results are wrong"
    assert reason in str(torch_engine.fault(other, torch.float16))
    assert reason in str(torch_engine.fault(other, torch.bfloat16))
    assert torch_engine.fault(other, torch.float32) is None
    torch_engine.fault.cache_clear()


def test_bfloat16_is_used_only_where_the_processor_has_it() -> None:
    network = VDSR(2, features=4)
    names = getattr(torch.cpu, "get_capabilities", dict)()
    if any("bf16" in name and present for name, present in names.items()):
        assert resolve_precision("bfloat16", CPU, network) is torch.bfloat16
    else:
        with pytest.warns(VdsrWarning, match="using float32"):
            assert resolve_precision("bfloat16", CPU, network) is torch.float32


def test_srcnn_always_runs_in_full_precision() -> None:
    assert resolve_precision("bfloat16", CPU, SRCNN()) is torch.float32


class SmallMemory:
    """An engine whose allocator fails above so many pixels, as a GPU's does."""

    def __init__(self, engine: Engine, pixels: int, error: Exception) -> None:
        self.device, self.channels = engine.device, engine.channels
        self.precision, self.bytes_per_pixel = engine.precision, engine.bytes_per_pixel
        self._engine, self._pixels, self._error = engine, pixels, error

    def residual(self, x: Tensor) -> Tensor:
        if x.shape[-1] * x.shape[-2] > self._pixels:
            raise self._error
        return self._engine.residual(x)


FULL = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to"),
    MemoryError(),
]


@pytest.mark.parametrize("error", FULL)
def test_out_of_memory_halves_the_tile_goes_on_and_says_so_once(
    model: Model, error: Exception
) -> None:
    image = np.random.default_rng(2).random((150, 150)).astype("float32")
    expected = Upscaler(RunOptions(model, device="cpu")).region(image, (300, 300))
    upscaler = Upscaler(RunOptions(model, device="cpu", tile=250))
    upscaler.engine = SmallMemory(upscaler.engine, 80 * 80, error)
    with pytest.warns(VdsrWarning, match="went on with 62") as caught:
        result = upscaler.region(image, (300, 300))
    assert len(caught) == 1
    assert upscaler.tile == 62
    np.testing.assert_allclose(result, expected, atol=1e-5)


SMALL_MEMORY = """
import resource, warnings
from pathlib import Path
import numpy as np
import torch
from napari_vdsr.inference.device import usable_threads
from napari_vdsr.inference.torch_engine import TorchEngine
from napari_vdsr.inference.upscaler import Upscaler
from napari_vdsr.options import RunOptions
from napari_vdsr.network import VDSR
from napari_vdsr.zoo import Model

cpu = torch.device("cpu")
network = VDSR(2).requires_grad_(False)
model = Model(network, "small")
engine = TorchEngine(network, cpu, torch.float32)
image, shape = np.random.default_rng(0).random((700, 700), np.float32), (1400, 1400)
small = RunOptions(model, device="cpu", tile=200)
expected = Upscaler(small, engine=engine).region(image, shape)
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 300_000_000, resource.RLIM_INFINITY))
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    upscaler = Upscaler(RunOptions(model, device="cpu", tile=1400), engine=engine)
    result = upscaler.region(image, shape)
assert np.abs(result - expected).max() < 1e-5
assert upscaler.tile < 1400
print(*(warning.message for warning in caught), sep="\\n")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does")
def test_a_memory_that_is_really_full_is_survived() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SMALL_MEMORY], capture_output=True, text=True, check=True
    )
    (said,) = done.stdout.splitlines()
    assert "ran out of memory with tiles of 1400 pixels; went on with" in said


def test_too_little_memory_for_the_smallest_tile_is_an_error(model: Model) -> None:
    upscaler = Upscaler(RunOptions(model, device="cpu"))
    upscaler.engine = SmallMemory(upscaler.engine, 100, FULL[0])
    with pytest.raises(VdsrError, match="too little memory"):
        upscaler.region(np.zeros((50, 50)), (100, 100))


def test_other_faults_are_not_taken_for_a_full_memory(model: Model) -> None:
    upscaler = Upscaler(RunOptions(model, device="cpu"))
    upscaler.engine = SmallMemory(upscaler.engine, 100, RuntimeError("bug"))
    with pytest.raises(RuntimeError, match="bug"):
        upscaler.region(np.zeros((50, 50)), (100, 100))


def test_a_model_changed_in_memory_is_made_ready_anew() -> None:
    known = load_model("srcnn-915-x3")
    image = np.random.default_rng(0).random((20, 20), np.float32)
    before = Upscaler(RunOptions(known, device="cpu", intensity_range=(0, 1))).region(
        image, (40, 40)
    )
    with torch.no_grad():
        for parameter in known.network.parameters():
            parameter.mul_(0.5)
    after = Upscaler(RunOptions(known, device="cpu", intensity_range=(0, 1))).region(
        image, (40, 40)
    )
    assert np.abs(after - before).max() > 0.1
