"""Numbers, speed and training on a GPU; torch, numpy and safetensors are enough.

    python benchmarks/gpu.py --json gpu.json
    python benchmarks/gpu.py speed training
    python benchmarks/gpu.py --device cpu --small

`numbers` says how far results are from those of the CPU in float32, for every network,
precision and dtype; whether tiles make a difference, and repeating. `speed` measures
the limits of the device, single layers in their plain and faster forms, the network
alone and images from host memory to host memory. `training` counts steps per second
beside those of the plain loop, and waits for the device. `--trace` writes where the
time of one image goes, for https://ui.perfetto.dev. What fails is noted, and the rest
goes on. `--small` tries it all on small images, which says nothing about speed.

`python -m pytest tests/cuda` checks what has to hold.
"""

import argparse
import json
import time
import warnings
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_vdsr.benchmark.measure import copy_rate, cost_of_each, matrix_rate
from napari_vdsr.benchmark.ways import sample
from napari_vdsr.inference import torch_engine
from napari_vdsr.inference.device import resolve_device
from napari_vdsr.inference.engine import usable_precisions
from napari_vdsr.inference.shield import shielded
from napari_vdsr.inference.torch_engine import TorchEngine
from napari_vdsr.inference.upscaler import Upscaler
from napari_vdsr.network import SRCNN, VDSR, ConvStack
from napari_vdsr.options import RunOptions
from napari_vdsr.training import Trainer, prepare, recipe
from napari_vdsr.training.optimise import stage_at
from napari_vdsr.zoo import load_model

CPU = torch.device("cpu")
NETWORKS: dict[str, ConvStack] = {
    **{f"VDSR of width {width}": VDSR(4, features=width) for width in (6, 20, 64, 128)},
    "VDSR with biases": VDSR(4, bias=True, first_padding="zeros"),
    "VDSR in colour": VDSR(3, channels=3, bias=True, first_padding="zeros"),
    "SRCNN 9-1-5": SRCNN((9, 1, 5)),
}
DTYPES = ("uint8", "uint16", "uint32", "uint64", "float32", "float64")


class Book:
    """Figures by name, printed as they come."""

    def __init__(self, path: Path | None) -> None:
        self._path, self._figures = path, dict[str, Any]()

    def note(self, name: str, measure: Callable[[], Any]) -> None:
        """Note a figure, or how measuring it failed."""
        try:
            value = measure()
        except Exception as error:  # one figure less
            value = f"failed: {type(error).__name__}: {str(error)[:200]}"
        print(f"{name:60} {value}", flush=True)
        self._figures[name] = value
        if self._path is not None:
            self._path.write_text(json.dumps(self._figures, indent=2))


class Gpu:
    """What is measured, on one device."""

    def __init__(self, device: torch.device, small: bool, book: Book) -> None:
        self.device, self.small, self.note = device, small, book.note
        self.model = load_model("vdsr5" if small else "vdsr20")
        self.precisions = usable_precisions(device, self.model.network)
        self.half = self.precisions[1 if len(self.precisions) > 1 else 0]
        cuda = device.type == "cuda"
        name = torch.cuda.get_device_name(device) if cuda else str(device)
        book.note("device", lambda: name)
        book.note("torch", lambda: torch.__version__)

    def upscaler(self, precision: torch.dtype, tile: int | str = "auto") -> Upscaler:
        """An upscaler that runs the network by torch in this precision."""
        options = RunOptions(self.model, str(self.device), "auto", tile)
        engine = TorchEngine(self.model.network, self.device, precision)
        return Upscaler(options, engine=engine)

    def milliseconds(self, call: Callable[[], object], repeats: int = 5) -> float:
        """Median time of a call, after one more."""
        repeats = 1 if self.small else repeats
        cost = cost_of_each({"": call}, self.device, repeats)[""]
        return 1000 * cost.median

    def rate(self, pixels: int, call: Callable[[], object]) -> str:
        """Megapixels per second and memory of a call."""
        repeats = 1 if self.small else 3
        cost = cost_of_each({"": call}, self.device, repeats)[""]
        memory = "" if cost.memory is None else f", {cost.memory / 1e6:.0f} MB"
        speed = pixels / cost.median / 1e6
        return f"{speed:.1f} MPix/s, {1000 * cost.median:.1f} ms{memory}"


def numbers(gpu: Gpu) -> None:
    """Note how far results are from those of the CPU in float32."""
    for name, network in NETWORKS.items():
        network.requires_grad_(False)
        x = torch.rand(1, network.channels, 61, 83) - 0.5
        exact = TorchEngine(network, CPU, torch.float32).residual(x)
        for precision in gpu.precisions:
            if isinstance(network, SRCNN) and precision is not torch.float32:
                continue

            def error(
                network: ConvStack = network,
                precision: torch.dtype = precision,
                x: Tensor = x,
                exact: Tensor = exact,
            ) -> str:
                engine = TorchEngine(network, gpu.device, precision)
                actual = engine.residual(x.to(gpu.device)).cpu()
                return f"{float((actual - exact).norm() / exact.norm()):.1e}"

            gpu.note(f"error of the residual, {name}, {precision}", error)
    edge = 40 if gpu.small else 300
    shape = (2 * edge, 2 * edge)
    exactly = Upscaler(RunOptions(gpu.model, "cpu", "float32"))
    for dtype in DTYPES:
        image = sample(edge).astype(dtype)
        expected = exactly.region(image, shape).astype(float)
        for precision in gpu.precisions:
            gpu.note(
                f"error, in parts of the range, {dtype}, {precision}",
                lambda i=image, e=expected, p=precision: _errors(gpu, i, e, p),
            )
    image, upscaler = sample(edge), gpu.upscaler(gpu.half, 61)
    expected = upscaler.region(image, shape)
    runs = 3 if gpu.small else 50
    gpu.note(
        f"of {runs} runs, those that differ from the first",
        lambda: sum(
            not np.array_equal(upscaler.region(image, shape), expected)
            for _ in range(runs)
        ),
    )


def _errors(
    gpu: Gpu, image: NDArray[Any], exact: NDArray[Any], precision: torch.dtype
) -> str:
    """Largest errors of a whole image against the CPU, and of tiles against it."""
    shape = exact.shape[0], exact.shape[1]
    whole, tiled = (
        gpu.upscaler(precision, tile).region(image, shape).astype(float)
        for tile in (4096, 61)
    )
    errors = [
        np.abs(a - b).max() / np.ptp(exact) for a, b in ((whole, exact), (tiled, whole))
    ]
    return f"whole {errors[0]:.1e}, tiles against whole {errors[1]:.1e}"


def speed(gpu: Gpu) -> None:
    """Note limits, layers, the network alone, and images from host to host."""
    gpu.note(
        "matrix product, TFLOP/s",
        lambda: round(matrix_rate(gpu.device, gpu.half) / 1e12, 2),
    )
    gpu.note("copy, TB/s", lambda: round(copy_rate(gpu.device) / 1e12, 3))
    if gpu.device.type == "cuda":
        _transfers(gpu)
    _layers(gpu, 48 if gpu.small else 1024)
    for precision in gpu.precisions:
        engine = TorchEngine(gpu.model.network, gpu.device, precision)
        for edge in (48,) if gpu.small else (512, 1024, 1536, 2048):
            x = torch.rand(1, 1, edge, edge, device=gpu.device) - 0.5
            gpu.note(
                f"network alone, {edge} x {edge}, {precision}",
                lambda e=engine, x=x: gpu.rate(x.numel(), lambda: e.residual(x)),
            )
    edge = 64 if gpu.small else 4096
    tiles = (50,) if gpu.small else (512, 1024, 1536, 2048)
    for tile in ("auto", *tiles):
        _image(gpu, sample(edge), tile, f"tile {tile}")
    for shape in ((edge // 2, edge * 2), (edge // 4, edge * 4)):
        wide = np.resize(sample(edge), shape).copy()
        _image(gpu, wide, "auto", f"{2 * shape[0]} x {2 * shape[1]}")
    for dtype in DTYPES:
        _image(gpu, sample(edge // 2).astype(dtype), "auto", dtype)


def _image(gpu: Gpu, image: NDArray[Any], tile: int | str, name: str) -> None:
    shape = 2 * image.shape[0], 2 * image.shape[1]

    def measure() -> str:
        upscaler = gpu.upscaler(gpu.half, tile)
        return gpu.rate(4 * image.size, lambda: upscaler.region(image, shape))

    gpu.note(f"host to host, {shape[0]} x {shape[1]}, {name}", measure)


def _transfers(gpu: Gpu) -> None:
    size = 1 << 27
    host = torch.ones(size, dtype=torch.uint8, pin_memory=True)
    device = torch.empty_like(host, device=gpu.device)
    for name, copy in {
        "to the device": lambda: device.copy_(host, non_blocking=True),
        "to the host": lambda: host.copy_(device, non_blocking=True),
        "into fresh memory of the host": lambda: np.empty(size, np.uint8).fill(1),
    }.items():
        gpu.note(
            f"134 MB {name}, GB/s",
            lambda copy=copy: round(size / gpu.milliseconds(copy) / 1e6, 1),
        )


@shielded()
def _layers(gpu: Gpu, edge: int) -> None:
    """Note the time of a first, hidden and last layer in every form there is."""
    network = deepcopy(gpu.model.network)
    first, hidden, *_, last = (layer.to(gpu.device) for layer in network.layers)
    hidden, last = (
        layer.to(gpu.half).to(memory_format=torch.channels_last)
        for layer in (hidden, last)
    )
    image = torch.rand(1, 1, edge, edge, device=gpu.device) - 0.5
    features = torch_engine.first_layer(first, gpu.half)(image)
    forms: dict[str, tuple[Callable[[], torch_engine.Form], Tensor]] = {
        "first, plain": (lambda: torch_engine.first_layer(first, gpu.half), image),
        "first, Triton": (lambda: torch_engine._triton_first(first, gpu.half), image),
        "first, 8 channels": (
            lambda: torch_engine._eight_first(first, gpu.half),
            image,
        ),
        "hidden, plain": (lambda: torch_engine.hidden_layer(hidden), features),
        "hidden, cuDNN": (lambda: torch_engine._fused(hidden), features),
        "last, plain": (lambda: torch_engine.last_layer(last), features),
        "last, Triton": (lambda: torch_engine._triton_last(last), features),
        "last, 8 channels": (lambda: torch_engine._eight_last(last), features),
    }
    for name, (make, x) in forms.items():

        def measure(
            make: Callable[[], torch_engine.Form] = make, x: Tensor = x
        ) -> float:
            form = make()
            return round(gpu.milliseconds(lambda: form(x)), 3)

        gpu.note(f"layer of {edge} x {edge}, {name}, ms", measure)


def training(gpu: Gpu) -> None:
    """Note steps per second, waits, and whether a seed gives the same weights."""
    from train_speed import plain_loop, rate

    size = (
        {"batch": 4, "patch": 24, "depth": 4}
        if gpu.small
        else {"batch": 128, "patch": 64, "depth": 20}
    )
    images = [(sample(edge) // 256).astype(np.uint8) for edge in (256, 320, 384)]
    count = 3 if gpu.small else 60

    def trainer(steps: int = 10**6, **changes: Any) -> Trainer:
        config = recipe("modern", steps=steps, validation_share=0.0, **size, **changes)
        prepared = prepare(images, config, warn=False)
        return Trainer(prepared, config, device=str(gpu.device))

    def steps_per_second(first: int, **changes: Any) -> str:
        made = trainer(**changes)
        run = made.run()
        next(run)
        made._step = max(made._step, first)

        def steps(count: int) -> int:
            for _ in range(count):
                made._one_step()
                made._after_step()
            return count

        found = rate(steps, count, gpu.device)
        return f"{found:.1f} steps/s, waits in a step: {_waits(gpu, made._one_step)}"

    for name, first, changes in (
        ("patches drawn alike", 0, {}),
        ("patches drawn by their detail", 700_000, {}),
        ("float32", 0, {"precision": "float32"}),
        ("compiled", 0, {"compiled": True}),
    ):
        if not (gpu.small and name == "compiled"):
            gpu.note(
                f"trainer, {name}", lambda f=first, c=changes: steps_per_second(f, **c)
            )
    options = argparse.Namespace(**size)
    gpu.note(
        "plain loop of published code",
        lambda: (
            f"{rate(plain_loop(options, gpu.device), count, gpu.device):.1f} steps/s"
        ),
    )

    def same_seed() -> bool:
        found = []
        for _ in range(2):
            made = trainer(6 if gpu.small else 40)
            for _ in made.run():
                pass
            weights = made.model().network.parameters()
            found.append(torch.cat([weight.flatten() for weight in weights]))
        return torch.equal(*found)

    gpu.note("two trainings of one seed end with the same bits", same_seed)
    made = trainer()
    stage, _ = stage_at(made.config, 0)
    gpu.note(
        "a batch, ms",
        lambda: round(gpu.milliseconds(lambda: made._batches.batch(0, stage)), 2),
    )


def _waits(gpu: Gpu, call: Callable[[], object]) -> int | str:
    """How often a call waits for the device, as far as torch notices."""
    if gpu.device.type != "cuda":
        return "unknown"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            call()
        finally:
            torch.cuda.set_sync_debug_mode("default")
    return sum("synchroniz" in str(warning.message) for warning in caught)


def trace(gpu: Gpu, path: Path) -> None:
    """Write where the time of one image goes."""
    image = sample(64 if gpu.small else 4096)
    upscaler, shape = gpu.upscaler(gpu.half), (2 * len(image), 2 * len(image))
    upscaler.region(image, shape)
    with torch.profiler.profile() as profile:
        upscaler.region(image, shape)
    profile.export_chrome_trace(str(path))


PARTS = {"numbers": numbers, "speed": speed, "training": training}


def main() -> None:
    """Measure the parts that are asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--json", type=Path, metavar="FILE", help="figures go there")
    parser.add_argument("--trace", type=Path, metavar="FILE")
    options = parser.parse_args()
    unknown = {*options.parts} - PARTS.keys()
    if unknown:
        parser.error(f"unknown part {', '.join(unknown)}: choose {', '.join(PARTS)}")
    warnings.simplefilter("ignore")
    began = time.perf_counter()
    gpu = Gpu(resolve_device(options.device), options.small, Book(options.json))
    for part in options.parts or PARTS:
        PARTS[part](gpu)
    if options.trace is not None:
        trace(gpu, options.trace)
    print(f"{time.perf_counter() - began:.0f} s in all")


if __name__ == "__main__":
    main()
