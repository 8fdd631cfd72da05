"""The speed of this machine: the ways of this program against the usual one."""

import platform
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from copy import deepcopy
from functools import partial
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import torch

from napari_vdsr.benchmark.measure import (
    Cost,
    copy_rate,
    cost_of_each,
    matrix_rate,
)
from napari_vdsr.benchmark.report import Bench, Row
from napari_vdsr.benchmark.ways import engines_of, in_double, sample, usual_way
from napari_vdsr.inference.device import (
    available_devices,
    is_out_of_memory,
    processor_name,
    resolve_device,
    usable_threads,
)
from napari_vdsr.inference.settings import usable_precisions
from napari_vdsr.inference.upscaler import Upscaler
from napari_vdsr.network import VDSR
from napari_vdsr.options import RunOptions
from napari_vdsr.zoo import Model, load_model

_SMALLEST, _LARGEST_CPU, _LARGEST = 64, 1024, 8192
_DEPTHS = (5, 10, 15)
_DEPTH_EDGE = {True: 512, False: 4096}  # on the CPU, elsewhere
_USUAL = "usual"


def bench(
    devices: Sequence[str] = (),
    *,
    largest: int | None = None,
    repeats: int = 3,
    say: Callable[[str], None] = lambda message: None,
) -> Bench:
    """Measure how fast images are enlarged, this way and the usual one, in turn.

    Without names, all devices are measured. `largest` is the output pixels per edge of
    the largest image, by default 1024 on the CPU and 8192 elsewhere; smaller ones are
    halves of it down to 64. Times are medians of `repeats` rounds, from host memory to
    host memory.
    """
    model = load_model("vdsr20")
    chosen = [resolve_device(name) for name in devices or available_devices()]
    result = Bench(_machine(chosen))
    for device in chosen:
        result.limits[f"copy on {device}"] = copy_rate(device)
        top = largest or (_LARGEST_CPU if device.type == "cpu" else _LARGEST)
        for precision in usable_precisions(device, model.network):
            name = f"{device} {_short(precision)}"
            say(f"{name}: limit and agreement")
            limit = matrix_rate(device, precision)
            result.limits[f"matrix product on {name}"] = limit
            ways = _ways(model, device, precision)
            for label, upscaler in ways.items():
                result.agreement[f"{name} {label}"] = _error(upscaler)
            for edge in _halves(top):
                say(f"{name}: {edge} x {edge}")
                result.rows.extend(
                    _rows("size", ways, edge, limit, repeats, usual=True)
                )
            say(f"{name}: the network alone")
            result.rows.extend(_alone(ways, top, limit, repeats))
            edge = min(top, _DEPTH_EDGE[device.type == "cpu"])
            for depth in _DEPTHS:
                say(f"{name}: depth {depth}")
                ways = _ways(_untrained(depth), device, precision)
                result.rows.extend(_rows("depth", ways, edge, limit, repeats))
    result.rows.extend(_side_by_side(chosen, model, result.limits, repeats))
    return result


def _rows(
    study: str,
    ways: dict[str, Upscaler],
    edge: int,
    limit: float,
    repeats: int,
    usual: bool = False,
) -> list[Row]:
    """Measure one image size, round-robin."""
    image = sample(edge // 2)
    first = next(iter(ways.values()))
    device = first.device
    calls: dict[str, Callable[[], object]] = {
        label: partial(upscaler.region, image, (edge, edge))
        for label, upscaler in ways.items()
    }
    if usual:
        network = deepcopy(first.model.network).to(device)
        call = partial(usual_way, image, network, device)
        if _fits(call):
            calls[_USUAL] = call
    costs = cost_of_each(calls, device, repeats)
    usually = costs.pop(_USUAL, None)
    return [
        _row(study, ways[label], label, edge, cost, limit, usually)
        for label, cost in costs.items()
    ]


def _alone(
    ways: dict[str, Upscaler], largest: int, limit: float, repeats: int
) -> list[Row]:
    """Measure the network on one window that is on the device already."""
    first = next(iter(ways.values()))
    edge = min(largest, first.tile)
    window = torch.rand(1, 1, edge, edge, device=first.device) - 0.5
    calls: dict[str, Callable[[], object]] = {
        label: partial(upscaler.engine.residual, window)
        for label, upscaler in ways.items()
    }
    costs = cost_of_each(calls, first.device, repeats)
    return [
        _row("network", ways[label], label, edge, cost, limit)
        for label, cost in costs.items()
    ]


def _row(
    study: str,
    upscaler: Upscaler,
    engine: str,
    edge: int,
    cost: Cost,
    limit: float,
    usually: Cost | None = None,
    devices: int = 1,
) -> Row:
    """What a way of enlarging cost, beside the usual one if it was tried."""
    network, device = upscaler.model.network, upscaler.device
    products = sum(layer.weight.numel() for layer in network.layers)  # for a pixel
    return Row(
        study=study,
        device=str(device) if devices == 1 else device.type,
        precision=_short(upscaler.precision),
        engine=engine,
        depth=network.depth,
        edge=edge,
        devices=devices,
        seconds=cost.median,
        usual_seconds=usually.median if usually else None,
        memory=cost.memory,
        usual_memory=usually.memory if usually else None,
        limit_share=2 * edge**2 * products / cost.median / limit,
    )


def _fits(call: Callable[[], object]) -> bool:
    """Whether a call gets by with the device's memory."""
    try:
        call()
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return False
    return True


def _side_by_side(
    devices: list[torch.device], model: Model, limits: dict[str, float], repeats: int
) -> list[Row]:
    """Measure one, two … GPUs at once, an image for each."""
    gpus = [device for device in devices if device.type == "cuda"]
    edge = _DEPTH_EDGE[False]
    image = sample(edge // 2)
    rows = []
    for count in range(2, len(gpus) + 1):
        each_on = [RunOptions(model, str(device)) for device in gpus[:count]]
        upscalers = [Upscaler(options) for options in each_on]
        with ThreadPoolExecutor(count) as pool:

            def together(
                pool: ThreadPoolExecutor = pool, ready: list[Upscaler] = upscalers
            ) -> None:
                list(pool.map(lambda one: one.region(image, (edge, edge)), ready))

            cost = cost_of_each({"": together}, gpus[0], repeats)[""]
        first, precision = upscalers[0], _short(upscalers[0].precision)
        limit = limits[f"matrix product on {gpus[0]} {precision}"]
        rows.append(_row("devices", first, "torch", edge, cost, limit, devices=count))
    return rows


def _ways(
    model: Model, device: torch.device, precision: torch.dtype
) -> dict[str, Upscaler]:
    """Every engine, ready to enlarge images."""
    options = RunOptions(model, str(device), _short(precision))
    return {
        label: Upscaler(options, engine=engine)
        for label, engine in engines_of(model, device, precision).items()
    }


def _error(upscaler: Upscaler) -> float:
    """Largest error against float64 on a small image, in parts of its range."""
    image = sample(64)
    result = upscaler.region(image.astype(np.float32), (128, 128))
    difference = np.abs(result - in_double(image, upscaler.model))
    return float(difference.max() / np.ptp(image))


def _untrained(depth: int) -> Model:
    """A model for its speed, which does not depend on the weights."""
    return Model(VDSR(depth).requires_grad_(False), f"depth {depth}")


def _halves(largest: int) -> list[int]:
    """Sizes from the smallest to the largest, each twice the one before."""
    sizes = []
    edge = largest
    while edge >= _SMALLEST:
        sizes.append(edge)
        edge //= 2
    return sizes[::-1]


def _short(precision: torch.dtype) -> str:
    """Name of a precision."""
    return str(precision).removeprefix("torch.")


def _machine(devices: Iterable[torch.device]) -> dict[str, str]:
    """What was measured on."""
    found = {
        "system": platform.platform(),
        "processor": processor_name(),
        "threads": str(usable_threads()),
    }
    for device in devices:
        if device.type in ("cuda", "xpu"):
            name = getattr(torch, device.type).get_device_name(device)
            found[str(device)] = str(name)
    for package in ("napari-vdsr", "torch", "openvino", "numpy"):
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found
