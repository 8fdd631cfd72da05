"""The speed of this machine: the ways of this program against the usual one."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_vdsr.benchmark.measure import (
    Cost,
    copy_rate,
    cost_of_each,
    machine,
    matrix_rate,
)
from napari_vdsr.benchmark.ways import engines_of, in_double, sample, usual_way
from napari_vdsr.errors import picked
from napari_vdsr.inference.device import available_devices
from napari_vdsr.inference.engine import usable_device, usable_precisions
from napari_vdsr.inference.torch_engine import fault_now
from napari_vdsr.inference.upscaler import Upscaler
from napari_vdsr.network import VDSR
from napari_vdsr.options import RunOptions, checked_precision
from napari_vdsr.zoo import Model, load_model

_SMALLEST, _LARGEST_CPU, _LARGEST = 64, 1024, 8192
_DEPTHS = (5, 10, 15)
_DEPTH_EDGE = {True: 512, False: 4096}  # on the CPU, elsewhere
_USUAL = "usual"

Calls = dict[str, Callable[[], object]]


@dataclass(frozen=True)
class Row:
    """One way of enlarging, one image size.

    `study` names what is varied: "size", "depth", "devices"; "network" is the network
    alone, on an image that is on the device already. `edge` is output pixels in Y and
    X; `seconds` are medians, from host memory to host memory but for the network alone;
    `memory` is the most bytes in use beyond the images, None where nothing tells them;
    `limit_share` is the part of the machine's matrix products per second that the
    network made. What was not tried the usual way is None.
    """

    study: str
    device: str
    precision: str
    engine: str
    depth: int
    edge: int
    devices: int
    seconds: float
    usual_seconds: float | None
    memory: int | None
    usual_memory: int | None
    limit_share: float

    @property
    def megapixels_per_second(self) -> float:
        """Output megapixels per second."""
        return self.devices * self.edge**2 / self.seconds / 1e6

    @property
    def ratio(self) -> float | None:
        """How many times as fast as the usual way."""
        return self.usual_seconds / self.seconds if self.usual_seconds else None


@dataclass(frozen=True)
class Bench:
    """All that one run measured.

    `limits` are rates: matrix products (operations/s) and copies (bytes/s). `agreement`
    is the largest error against float64 on a small image, in parts of its range.
    """

    machine: dict[str, str]
    limits: dict[str, float] = field(default_factory=dict)
    agreement: dict[str, float] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Everything as one JSON object."""
        derived = "megapixels_per_second ratio"
        rows = [asdict(row) | picked(row, derived) for row in self.rows]
        return asdict(self) | {"rows": rows}

    def to_text(self) -> str:
        """Tables for people."""
        lines = [f"{name}: {value}" for name, value in self.machine.items()]
        lines += ["", "Limits measured here:"]
        for name, value in self.limits.items():
            unit = "GB/s" if name.startswith("copy") else "GFLOP/s"
            lines.append(f"  {name}: {value / 1e9:,.0f} {unit}")
        lines += ["", "Largest error against float64, in parts of the image's range:"]
        lines += [f"  {name}: {value:.1e}" for name, value in self.agreement.items()]
        for study, title in _TITLES.items():
            rows = [row for row in self.rows if row.study == study]
            if rows:
                lines += ["", title, _HEADING, *map(_line, rows)]
        return "\n".join(lines)


_TITLES = {
    "size": "Growth with image size (uint16 enlarged twice, host to host):",
    "network": "The network alone, on one tile:",
    "depth": "Growth with depth:",
    "devices": "Growth with the number of devices:",
}
_HEADING = (
    f"  {'device':8} {'precision':9} {'engine':8} {'depth':>5} {'output':>6} "
    f"{'devices':>7} {'time':>9} {'MPix/s':>8} {'usual':>9} {'ratio':>6} "
    f"{'of limit':>8} {'memory':>8} {'usual':>8}"
)


def _line(row: Row) -> str:
    usual = "-" if row.usual_seconds is None else f"{row.usual_seconds:.3f} s"
    ratio = "-" if row.ratio is None else f"{row.ratio:.2f}"
    return (
        f"  {row.device:8} {row.precision:9} {row.engine:8} {row.depth:5d} "
        f"{row.edge:6d} {row.devices:7d} {row.seconds:7.3f} s "
        f"{row.megapixels_per_second:8.3f} {usual:>9} {ratio:>6} "
        f"{row.limit_share:8.0%} {_megabytes(row.memory):>8} "
        f"{_megabytes(row.usual_memory):>8}"
    )


def _megabytes(memory: int | None) -> str:
    return "-" if memory is None else f"{memory / 1e6:.0f} MB"


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
    chosen = [usable_device(name) for name in devices] or [
        device
        for device in map(torch.device, available_devices())
        if fault_now(device) is None
    ]
    result = Bench(machine(chosen))
    exact = in_double(sample(_SMALLEST), model)
    for device in chosen:
        result.limits[f"copy on {device}"] = copy_rate(device)
        top = largest or (_LARGEST_CPU if device.type == "cpu" else _LARGEST)
        for precision in usable_precisions(device, model.network):
            name = f"{device} {checked_precision(precision)}"
            say(f"{name}: limit and agreement")
            limit = matrix_rate(device, precision)
            result.limits[f"matrix product on {name}"] = limit
            ways = _ways(model, device, precision)
            for label, upscaler in ways.items():
                result.agreement[f"{name} {label}"] = _error(upscaler, exact)
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
                untrained = VDSR(depth).requires_grad_(False)  # as quick as others
                ways = _ways(Model(untrained, f"depth {depth}"), device, precision)
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
    """Measure an image enlarged to this size, the usual way among the others."""
    image = sample(edge // 2)
    calls: Calls = {
        label: partial(upscaler.region, image, (edge, edge))
        for label, upscaler in ways.items()
    }
    if usual:
        calls |= _usual(ways, image)
    return _measured(study, ways, calls, edge, limit, repeats)


def _usual(ways: dict[str, Upscaler], image: NDArray[np.uint16]) -> Calls:
    """The same in the usual way, if the device can do all of it at once."""
    first = next(iter(ways.values()))
    network = deepcopy(first.model.network).to(first.device)
    call = partial(usual_way, image, network, first.device)
    try:
        call()
    except (RuntimeError, MemoryError):  # full, or no library counts that far
        return {}
    return {_USUAL: call}


def _alone(
    ways: dict[str, Upscaler], largest: int, limit: float, repeats: int
) -> list[Row]:
    """Measure the network on one window that is on the device already."""
    first = next(iter(ways.values()))
    edge = min(largest, first.tile)
    window = torch.rand(1, 1, edge, edge, device=first.device) - 0.5
    calls: Calls = {
        label: partial(upscaler.engine.residual, window)
        for label, upscaler in ways.items()
    }
    return _measured("network", ways, calls, edge, limit, repeats)


def _measured(
    study: str,
    ways: dict[str, Upscaler],
    calls: Calls,
    edge: int,
    limit: float,
    repeats: int,
) -> list[Row]:
    """Measure calls round-robin; give what each way cost beside the usual one."""
    costs = cost_of_each(calls, next(iter(ways.values())).device, repeats)
    usually = costs.pop(_USUAL, None)
    return [
        _row(study, ways[label], label, edge, cost, limit, usually)
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
        precision=checked_precision(upscaler.precision),
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
        first, precision = upscalers[0], checked_precision(upscalers[0].precision)
        limit = limits[f"matrix product on {gpus[0]} {precision}"]
        rows.append(_row("devices", first, "torch", edge, cost, limit, devices=count))
    return rows


def _ways(
    model: Model, device: torch.device, precision: torch.dtype
) -> dict[str, Upscaler]:
    """Every engine, ready to enlarge images."""
    options = RunOptions(model, str(device), checked_precision(precision))
    return {
        label: Upscaler(options, engine=engine)
        for label, engine in engines_of(model, device, precision).items()
    }


def _error(upscaler: Upscaler, exact: NDArray[np.float64]) -> float:
    """Largest error against float64 on a small image, in parts of its range."""
    image, shape = sample(_SMALLEST), (exact.shape[0], exact.shape[1])
    result = upscaler.region(image.astype(np.float32), shape)
    return float(np.abs(result - exact).max() / np.ptp(image))


def _halves(largest: int) -> list[int]:
    """Sizes from the smallest to the largest, each twice the one before."""
    halves = (largest >> turn for turn in range(largest.bit_length()))
    return [edge for edge in halves if edge >= _SMALLEST][::-1]
