"""On a GPU itself: the numbers of the CPU, the same each time, and no waiting.

Neither Qt nor napari is needed; see `pytest.ini` beside this file.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from napari_vdsr.inference import torch_engine, transfer
from napari_vdsr.inference.torch_engine import TorchEngine
from napari_vdsr.inference.upscaler import Upscaler
from napari_vdsr.network import SRCNN, VDSR, ConvStack
from napari_vdsr.options import RunOptions
from napari_vdsr.training import Trainer, prepare, recipe
from napari_vdsr.zoo import Model, load_model

pytestmark = pytest.mark.cuda

DEVICE = "cuda"
CPU = torch.device("cpu")
# Root mean square of the error, relative to that of the residual.
BOUNDS = {torch.float32: 2e-5, torch.float16: 0.02, torch.bfloat16: 0.1}
# Largest error of an image, relative to its range.
IMAGE_BOUNDS = {"float32": 2e-5, "float16": 5e-3, "bfloat16": 2e-2}
SHAPE = (400, 600)
NETWORKS: list[ConvStack] = [
    *(VDSR(4, features=width) for width in (6, 8, 20, 64, 128)),
    VDSR(4, bias=True, first_padding="zeros"),
    VDSR(3, channels=3, bias=True, first_padding="zeros"),
    SRCNN((9, 1, 5)),
    SRCNN((9, 5, 5)),
]


def image(dtype: str, shape: tuple[int, ...] = (200, 300)) -> NDArray[Any]:
    y, x = np.mgrid[: shape[0], : shape[1]]
    values = np.sin(y / 3.1) * np.cos(x / 2.3) + np.sin((x + 2 * y) / 17)
    values += 0.3 * np.random.default_rng(0).random(values.shape)
    values -= values.min()
    values *= (250 if dtype == "uint8" else 3e4) / values.max()
    colours = values if len(shape) == 2 else np.stack([values] * shape[2], -1)
    return colours.astype(dtype)


def upscaler(precision: str = "float16", **options: Any) -> Upscaler:
    model = options.pop("model", None) or load_model("vdsr20")
    return Upscaler(RunOptions(model, DEVICE, precision, **options))


def on_cpu(pixels: NDArray[Any], shape: tuple[int, int]) -> NDArray[Any]:
    return Upscaler(RunOptions("vdsr20", "cpu", "float32")).region(pixels, shape)


@contextmanager
def no_waiting() -> Iterator[None]:
    """Make an error of every operation that waits for the device."""
    torch.cuda.synchronize()
    try:
        torch.cuda.set_sync_debug_mode("error")
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("precision", BOUNDS, ids=str)
@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: str(network)[:4])
def test_every_network_gives_what_the_cpu_gives(
    network: ConvStack, precision: torch.dtype
) -> None:
    if isinstance(network, SRCNN) and precision is not torch.float32:
        pytest.skip("SRCNN runs in float32 alone")
    network = network.requires_grad_(False)
    x = torch.rand(1, network.channels, 61, 83) - 0.5
    expected = TorchEngine(network, CPU, torch.float32).residual(x)
    engine = TorchEngine(network, torch.device(DEVICE, 0), precision)
    actual = engine.residual(x.to(DEVICE)).cpu()
    assert (actual - expected).norm() < BOUNDS[precision] * expected.norm()


@pytest.mark.parametrize("precision", [torch.float16, torch.bfloat16], ids=str)
def test_first_and_last_layer_have_faster_forms_that_are_right(
    precision: torch.dtype,
) -> None:
    first, *_, last = load_model("vdsr20").network.layers
    first, last = first.to(DEVICE), last.to(DEVICE, precision)
    with torch.inference_mode():
        assert torch_engine.fast_first_layer(first, precision) is not None
        assert torch_engine.fast_last_layer(last) is not None


@pytest.mark.parametrize("precision", IMAGE_BOUNDS)
@pytest.mark.parametrize(
    "dtype", ["uint8", "uint16", "uint32", "uint64", "float32", "float64"]
)
def test_images_are_those_of_the_cpu_tiled_or_whole(dtype: str, precision: str) -> None:
    pixels = image(dtype)
    bound = IMAGE_BOUNDS[precision] * float(np.ptp(pixels)) + (dtype[0] == "u")
    expected = on_cpu(pixels, SHAPE).astype(float)
    whole = upscaler(precision, tile=4096).region(pixels, SHAPE)
    tiled = upscaler(precision, tile=61).region(pixels, SHAPE)
    assert whole.dtype == tiled.dtype == pixels.dtype
    assert np.abs(whole - expected).max() <= bound
    assert np.abs(tiled.astype(float) - whole).max() <= bound


def test_gaps_colours_and_two_passes_are_those_of_the_cpu() -> None:
    gaps = image("float32")
    gaps[40:44, 7:9] = np.nan
    np.testing.assert_allclose(
        upscaler("float32", tile=61).region(gaps, SHAPE), on_cpu(gaps, SHAPE), atol=1
    )
    colours = image("uint8", (200, 300, 3))
    result = upscaler(tile=100).region(colours, SHAPE).astype(int)
    assert np.abs(result - on_cpu(colours, SHAPE)).max() <= 2
    small = image("uint16", (40, 50))
    result = upscaler().region(small, (240, 300)).astype(float)
    assert np.abs(result - on_cpu(small, (240, 300))).max() < 150


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_results_follow_any_scale_of_the_image(precision: str) -> None:
    pixels = image("float32")
    up = upscaler(precision, tile=128)
    base = up.region(pixels, SHAPE).astype(float)
    for scale, offset in ((4.0, 0.0), (0.25, 0.0), (3.7, 0.0), (1.0, 5e4)):
        result = up.region((scale * pixels + offset).astype("float32"), SHAPE)
        error = np.abs(result - (scale * base + offset)).max() / (scale * 3e4)
        assert error < IMAGE_BOUNDS[precision]


def test_fifty_runs_give_the_same_bits() -> None:
    pixels, up = image("uint16"), upscaler(tile=64)
    expected = up.region(pixels, SHAPE)
    for _ in range(50):
        np.testing.assert_array_equal(up.region(pixels, SHAPE), expected)


@pytest.mark.parametrize("way", ["up", "down", "compute"])
def test_a_stream_that_is_late_is_waited_for(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels, up = image("uint16"), upscaler(tile=64)
    expected = up.region(pixels, SHAPE)
    stream, residual = transfer._stream, up.engine.residual

    def late(device: torch.device, which: Any) -> torch.cuda.Stream:
        chosen = stream(device, which)
        if which == way:
            with torch.cuda.stream(chosen):
                torch.cuda._sleep(3_000_000)
        return chosen

    def slow(x: torch.Tensor) -> torch.Tensor:
        torch.cuda._sleep(3_000_000)
        return residual(x)

    monkeypatch.setattr(transfer, "_stream", late)
    if way == "compute":
        monkeypatch.setattr(up.engine, "residual", slow)
    for _ in range(3):
        np.testing.assert_array_equal(up.region(pixels, SHAPE), expected)


def test_four_threads_at_once_give_what_one_gives() -> None:
    up = upscaler(tile=64)
    images = [np.roll(image("uint16"), 37 * k, 1) for k in range(4)]
    expected = [up.region(pixels, SHAPE) for pixels in images]
    results: list[Any] = [None] * 4

    def work(index: int) -> None:
        for _ in range(3):
            results[index] = up.region(images[index], SHAPE)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for mine, alone in zip(results, expected, strict=True):
        np.testing.assert_array_equal(mine, alone)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint64", "float32", "float64"])
def test_nothing_in_the_loop_waits_for_the_device(dtype: str) -> None:
    pixels, up = image(dtype, (150, 150, 3)), upscaler(tile=64)
    expected = up.region(pixels, (300, 300))
    with no_waiting():
        result = up.region(pixels, (300, 300))
    np.testing.assert_array_equal(result, expected)


def test_little_memory_is_survived() -> None:
    pixels = image("uint16", (1000, 1000))
    expected = upscaler(tile=256).region(pixels, (2000, 2000)).astype(float)
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    limit = torch.cuda.memory_reserved() + 500e6
    torch.cuda.set_per_process_memory_fraction(limit / total)
    try:
        up = upscaler(tile=2000)
        with pytest.warns(UserWarning, match="ran out of memory"):
            result = up.region(pixels, (2000, 2000))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert up.tile < 2000
    assert np.abs(result - expected).max() < 150


@pytest.mark.parametrize("precision", BOUNDS, ids=str)
def test_by_itself_a_tile_takes_less_than_a_gigabyte(precision: torch.dtype) -> None:
    up = upscaler(str(precision).removeprefix("torch."))
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    up.region(image("uint16", (2048, 2048)), (4096, 4096))
    assert torch.cuda.max_memory_allocated() - before < 1e9


def test_streams_of_the_caller_are_waited_for() -> None:
    pixels, up = image("uint16"), upscaler(tile=64)
    expected = up.region(pixels, SHAPE)
    x = torch.rand(1, 1, 200, 300, device=DEVICE) - 0.5
    residual = up.engine.residual(x).clone()
    for _ in range(3):
        with torch.cuda.stream(torch.cuda.Stream()):
            torch.cuda._sleep(3_000_000)
            mine = x + 0.0
            assert torch.equal(up.engine.residual(mine), residual)
            np.testing.assert_array_equal(up.region(pixels, SHAPE), expected)


@pytest.mark.parametrize(("depth", "gain"), [(6, 40), (10, 12)])
def test_a_network_beyond_float16_is_run_in_float32(depth: int, gain: int) -> None:
    """Also one whose last layers would hide it, where a kernel makes 0 of NaN."""
    torch.manual_seed(1)
    network = VDSR(depth).requires_grad_(False)
    *hidden, last = network.layers
    for layer in hidden:
        layer.weight *= gain
    last.weight /= float(gain) ** (depth - 1)
    model, pixels = Model(network, "loud"), image("uint16")
    expected = Upscaler(RunOptions(model, "cpu")).region(pixels, SHAPE).astype(float)
    up = upscaler(model=model)
    with pytest.warns(UserWarning, match="float16 cannot hold"):
        result = up.region(pixels, SHAPE)
    assert np.abs(result - expected).max() < 30


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two GPUs")
def test_the_second_gpu_leaves_the_first_alone() -> None:
    before = torch.cuda.mem_get_info(0)[0]
    Upscaler(RunOptions("vdsr20", "cuda:1")).region(image("uint16"), SHAPE)
    assert torch.cuda.mem_get_info(0)[0] > before - 100e6


def trainer(**changes: Any) -> Trainer:
    images = [image("uint8", (96, 120)) for _ in range(3)]
    options = {"depth": 6, "batch": 16, "patch": 32, "validation_share": 0.0}
    config = recipe("modern", steps=60, **(options | changes))
    return Trainer(prepare(images, config, warn=False), config, device=DEVICE)


@pytest.mark.parametrize("precision", ["float16", "bfloat16", "float32"])
def test_a_step_of_training_waits_for_nothing(precision: str) -> None:
    training = trainer(precision=precision)
    next(training.run())
    training._read_losses()
    for _ in range(3):  # kernels are chosen, matrices made
        training._one_step()
    training._read_losses()
    with no_waiting():
        for _ in range(3):
            training._one_step()


@pytest.mark.parametrize("precision", ["float16", "float32"])
def test_the_same_seed_gives_the_same_weights(precision: str) -> None:
    results = []
    for _ in range(2):
        training = trainer(precision=precision)
        for _ in training.run():
            pass
        network = training.model().network
        results.append(torch.cat([p.flatten() for p in network.parameters()]))
    assert torch.equal(*results)
