"""How fast training is, and how far it gets: three measurements with fixed seeds.

    python benchmarks/train_speed.py scratch ../shared/data/images
    python benchmarks/train_speed.py adapt
    python benchmarks/train_speed.py throughput --depth 20 --batch 128 --patch 64

`scratch` trains 5 layers on T91 and scores them on Set5 x2 under protocol A; `adapt`
fine-tunes vdsr20 on one image and scores it on the part that was held out;
`throughput` compares steps per second with the plain loop that published VDSR code
runs. Times are of the wall and of all processor cores together: only the latter means
something on a machine that does other things as well.
"""

import argparse
import json
import platform
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

import napari_vdsr
from napari_vdsr.inference.device import resolve_device
from napari_vdsr.network import VDSR
from napari_vdsr.training import Trainer, TrainingConfig, prepare, recipe
from napari_vdsr.training.learner import hidden_precision
from napari_vdsr.zoo import load_model


def main() -> None:
    """Run one of the measurements and print what came out as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("scratch", "adapt", "throughput"))
    parser.add_argument("images", type=Path, nargs="?", help="folder of T91 and Set5")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, help="processor cores to use")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--depth", type=int, default=20)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--patch", type=int, default=48)
    parser.add_argument("--precision", default="auto", help="of the hidden layers")
    parser.add_argument("--compiled", action="store_true")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    measure = {"scratch": scratch, "adapt": adapt, "throughput": throughput}
    result = {
        "measurement": options.what,
        "machine": machine(options.device),
        "threads": torch.get_num_threads(),
        **measure[options.what](options),
    }
    print(json.dumps(result, indent=2))


def scratch(options: argparse.Namespace) -> dict[str, Any]:
    """Five layers from nothing: T91 in, Set5 x2 scored."""
    if options.images is None:
        raise SystemExit("scratch needs the folder that holds T91 and Set5")
    config = recipe(
        "quick",
        factors=(2.0,),
        steps=options.steps or 1400,
        precision=options.precision,
    )
    trainer, times = timed(options.images / "T91", config, options)
    scores = napari_vdsr.evaluate(
        options.images / "Set5", model=trainer.model(), factors=2, device=options.device
    )
    names = "bicubic", scores.methods[-1]
    bicubic, network = (scores.mean(2, name).psnr for name in names)
    return {
        **times,
        "bicubic_dB": round(bicubic, 2),
        "network_dB": round(network, 2),
        "gain_dB": round(network - bicubic, 2),
    }


def adapt(options: argparse.Namespace) -> dict[str, Any]:
    """Fine-tune vdsr20 on three quarters of an image, score it on the last one."""
    config = recipe(
        "adapt",
        steps=options.steps or 60,
        batch=4,
        patch=32,
        precision=options.precision,
    )
    from skimage import data

    start = load_model("vdsr20")
    trainer, times = timed(data.page(), config, options, start)
    first, last = trainer.history.scores[0], trainer.history.scores[-1]
    return {
        **times,
        "image": "skimage.data.page",
        "bicubic_dB": round(last.enlarged["x2"], 3),
        "vdsr20_dB": round(first.mean, 3),
        "adapted_dB": round(last.mean, 3),
        "gain_dB": round(last.mean - first.mean, 3),
    }


def timed(
    images: Any, config: TrainingConfig, options: argparse.Namespace, start: Any = None
) -> tuple[Trainer, dict[str, Any]]:
    """Train and take the time, reading and looking through the images included."""
    wall, cpu = time.perf_counter(), time.process_time()
    with warnings.catch_warnings(action="ignore"):
        prepared = prepare(images, config)
    trainer = Trainer(prepared, config, start_from=start, device=options.device)
    for _ in trainer.run():
        pass
    return trainer, {
        "precision": name_of(precision(config, trainer.device)),
        "steps": config.steps,
        "seed": config.seed,
        "wall_s": round(time.perf_counter() - wall, 1),
        "cpu_s": round(time.process_time() - cpu, 1),
    }


def throughput(options: argparse.Namespace) -> dict[str, Any]:
    """Steps per second of the trainer and of the plain loop, in one run."""
    device = resolve_device(options.device)
    config = recipe(
        "modern",
        depth=options.depth,
        batch=options.batch,
        patch=options.patch,
        steps=10**6,
        validation_share=0.0,
        precision=options.precision,
        compiled=options.compiled,
    )
    from skimage import data

    images = [data.camera(), data.moon(), data.grass()]
    with warnings.catch_warnings(action="ignore"):
        trainer = Trainer(prepare(images, config), config, device=options.device)
    run = trainer.run()

    def ours(steps: int) -> int:
        before = trainer.history.steps
        while trainer.history.steps < before + steps:
            next(run)
        return trainer.history.steps - before

    count = options.steps or 5
    figures = {
        "trainer": rate(ours, count, device),
        "plain_loop": rate(plain_loop(options, device), count, device),
    }
    parameters = VDSR(options.depth).parameter_count
    # Forward and backward: three products of two operations per weight and pixel.
    operations = 6 * parameters * options.batch * options.patch**2
    limit = matrix_limit(device, precision(config, device))
    return {
        "precision": name_of(precision(config, device)),
        "depth": options.depth,
        "batch": options.batch,
        "patch": options.patch,
        "matrix_product_tflops": round(limit / 1e12, 2),
        "runs": {
            name: {
                "steps_per_s": round(value, 3),
                "tflops": round(value * operations / 1e12, 3),
                "of_the_limit": round(value * operations / limit, 3),
            }
            for name, value in figures.items()
        },
    }


def plain_loop(
    options: argparse.Namespace, device: torch.device
) -> Callable[[int], int]:
    """The loop of published code: float32, patches ready in memory, plain Adam."""
    network = VDSR(options.depth).to(device)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-4)
    shape = (options.batch, 1, options.patch, options.patch)
    x, truth = torch.rand(shape, device=device), torch.rand(shape, device=device)

    def steps(count: int) -> int:
        for _ in range(count):
            optimiser.zero_grad()
            loss = functional.mse_loss(network(x), truth)
            loss.backward()
            optimiser.step()
            loss.item()
        return count

    return steps


def rate(steps: Callable[[int], int], count: int, device: torch.device) -> float:
    """Steps per second of wall time, warmed up."""
    steps(2)
    synchronise(device)
    began = time.perf_counter()
    done = steps(count)
    synchronise(device)
    return done / (time.perf_counter() - began)


def precision(config: TrainingConfig, device: torch.device) -> torch.dtype:
    """Find what the hidden layers compute in, whichever way it was chosen."""
    return hidden_precision(config, VDSR(config.depth), device)


def name_of(precision: torch.dtype) -> str:
    """Name a precision."""
    return str(precision).removeprefix("torch.")


def matrix_limit(device: torch.device, kind: torch.dtype) -> float:
    """Operations per second of a large matrix product, in the trainer's precision."""
    size = 8192 if device.type == "cuda" else 1024
    matrix = torch.rand(size, size, device=device, dtype=kind)

    def products(count: int) -> int:
        for _ in range(count):
            matrix @ matrix
        return count

    return rate(products, 10, device) * 2 * size**3


def synchronise(device: torch.device) -> None:
    """Wait for a GPU to finish what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def machine(device: str) -> str:
    """Name the device that computes."""
    found = resolve_device(device)
    if found.type == "cuda":
        return torch.cuda.get_device_name(found)
    return f"{platform.machine()}, torch {torch.__version__}"


if __name__ == "__main__":
    main()
