"""How a network is run: its precision, by OpenVINO or torch, once or as an ensemble."""

import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from importlib.util import find_spec
from itertools import product
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from napari_vdsr.errors import InputError, VdsrError, VdsrWarning
from napari_vdsr.inference.device import (
    bytes_per_pixel,
    memory_errors,
    resolve_device,
    tile_edge,
    usable_threads,
)
from napari_vdsr.inference.shield import shielded
from napari_vdsr.inference.torch_engine import TorchEngine, fault
from napari_vdsr.last_used import LastUsed
from napari_vdsr.network import SRCNN, ConvStack
from napari_vdsr.options import RunOptions, checked_precision
from napari_vdsr.zoo.model import Model


def check_options(options: RunOptions) -> None:
    """Refuse what no machine could do; a worker of a cluster may be any machine."""
    model = options.load()
    hidden = parse_precision(options.precision, options.device.split(":")[0])
    if isinstance(model.network, SRCNN):
        hidden = torch.float32
    # Only the edge that "auto" would take depends on the device.
    per_pixel = bytes_per_pixel(model.network, hidden)
    tile_edge(options.tile, per_pixel, model.halo, torch.device("cpu"))
    if not model.equivariant and options.intensity_range is None:
        raise InputError(
            f"{model.name} has to know the intensity range of the image: give "
            "intensity_range=(black, white), or use a model that follows any scale"
        )


def in_use(options: RunOptions) -> RunOptions:
    """The options with the device and precision that they stand for here."""
    device = usable_device(options.device)
    precision = resolve_precision(options.precision, device, options.load().network)
    name = str(precision).removeprefix("torch.")
    return replace(options, device=str(device), precision=name)


def usable_device(name: str | torch.device) -> torch.device:
    """The device meant by a name, if it computes in float32 as it should.

    A driver or GPU may be too old for this torch, some devices give wrong results:
    "auto" is the CPU then, with a warning, and any other name an error.
    """
    device = resolve_device(name)
    if device.type == "cpu" or (reason := fault(device, torch.float32)) is None:
        return device
    if str(name) != "auto":
        raise VdsrError(
            f"{device} does not work here ({reason}): choose another device"
        )
    msg = f"{device} does not work here ({reason}): using the CPU instead"
    warnings.warn(msg, VdsrWarning, stacklevel=3)
    return torch.device("cpu")


PRECISIONS = {
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}

_FALLBACKS = {
    torch.float16: [torch.float16, torch.bfloat16],
    torch.bfloat16: [torch.bfloat16],
    torch.float32: [],
}


def resolve_precision(
    name: str | torch.dtype, device: torch.device, network: ConvStack
) -> torch.dtype:
    """Find the precision of the hidden layers, one that the device computes correctly.

    "auto" is float32 on the CPU, where results then do not depend on the tiles, and
    float16 elsewhere. SRCNN, which makes the image and not the detail, always runs in
    float32. Where a device gives wrong results it is another than asked for, with a
    warning.
    """
    wanted = parse_precision(name, device.type)
    if isinstance(network, SRCNN) or wanted is torch.float32:
        return torch.float32
    if device.type == "cpu":
        if computes_bfloat16():
            return wanted
        msg = "this processor does not compute in bfloat16: using float32 instead"
        warnings.warn(msg, VdsrWarning, stacklevel=3)
        return torch.float32
    for precision in _FALLBACKS[wanted]:
        if fault(device, precision) is None:
            break
    else:
        precision = torch.float32
    if precision is not wanted:
        msg = f"{wanted} does not work on {device}: using {precision} instead"
        warnings.warn(msg, VdsrWarning, stacklevel=3)
    return precision


def usable_precisions(device: torch.device, network: ConvStack) -> list[torch.dtype]:
    """Precisions in which a device computes a network as it should, float32 first."""
    usable = []
    for precision in PRECISIONS.values():
        with warnings.catch_warnings(), suppress(InputError):
            warnings.simplefilter("ignore", VdsrWarning)  # that is what is asked
            if resolve_precision(precision, device, network) is precision:
                usable.append(precision)
    return usable


def parse_precision(name: str | torch.dtype, kind: str) -> torch.dtype:
    """Find the precision meant by a name, whether or not a device computes it.

    `kind` is that of the device: "cpu" or anything else.
    """
    known = checked_precision(name)
    if known == "auto":
        return torch.float32 if kind == "cpu" else torch.float16
    precision = PRECISIONS[known]
    if precision is torch.float16 and kind == "cpu":
        raise InputError(
            "precision float16 is not for the CPU: choose float32 or bfloat16"
        )
    return precision


def computes_bfloat16() -> bool:
    """Whether the processor computes in bfloat16 itself, which is then faster."""
    # Older releases of torch do not tell what a processor can do.
    capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return any("bf16" in name and present for name, present in capabilities.items())


_ready: LastUsed[tuple[str, torch.device, torch.dtype], Callable[[], "Engine"]] = (
    LastUsed(4)
)
_HINTS = {torch.float32: "f32", torch.bfloat16: "bf16"}

# Axes to flip, then whether Y and X change places.
VIEWS = list(product([(), (-1,), (-2,), (-2, -1)], [False, True]))


class Engine(Protocol):
    """A network made ready for one device and precision, for 1 or 3 channels."""

    device: torch.device
    precision: torch.dtype
    channels: int
    bytes_per_pixel: int  # of a window, while it runs

    def residual(self, x: Tensor) -> Tensor:
        """What the network adds to an enlarged image, valid until the next call.

        `x` is float32 of shape (1, channels, H, W) on the engine's device; the result
        is float32 of shape (1, 1 or channels, H, W).
        """


def make_engine(model: Model, device: torch.device, precision: torch.dtype) -> Engine:
    """Make a model ready, once, in the fastest way there is on this machine.

    That is OpenVINO on the CPU where it is installed, otherwise torch.
    """
    key = model.fingerprint, device, precision
    too_full = memory_errors(device, f"for {model.name}", "close other programs")
    with shielded(), too_full:
        return _ready.get(key, lambda: _prepared(model.network, device, precision))()


def forget_engines() -> None:
    """Forget the models that were kept ready, and free what they take."""
    _ready.forget()


def _prepared(
    network: ConvStack, device: torch.device, precision: torch.dtype
) -> Callable[[], Engine]:
    """A function that gives engines of a network."""
    if device.type == "cpu" and has_openvino():
        # Whatever it is, a broken or too old library or a locale that it does not
        # know: torch is always there.
        try:
            return compile_for_openvino(network, precision)
        except Exception as error:
            msg = (
                f"OpenVINO does not work here ({type(error).__name__}: {error}): "
                "using torch instead, which is slower"
            )
            warnings.warn(msg, VdsrWarning, stacklevel=4)
    if device.type == "cpu" and torch.get_num_threads() > usable_threads():
        torch.set_num_threads(usable_threads())
    engine = TorchEngine(network, device, precision)
    return lambda: engine


class OpenVinoEngine:
    """A compiled network with working memory of its own.

    `request` runs the layers after `first`, which torch runs if it is given.
    """

    def __init__(
        self, network: ConvStack, request: Any, first: nn.Conv2d | None
    ) -> None:
        self.device = torch.device("cpu")
        self.precision = torch.float32 if first is None else torch.bfloat16
        self.bytes_per_pixel = bytes_per_pixel(network, self.precision)
        self.channels = network.channels
        self._network = network
        self._request = request
        self._first = first

    @shielded()
    def residual(self, x: Tensor) -> Tensor:
        """What the network adds to an enlarged image; see `Engine.residual`."""
        y = x if self._first is None else torch.relu(self._first(x))
        self._request.infer([y.contiguous().numpy()], share_inputs=True)
        output = torch.from_numpy(self._request.get_output_tensor(0).data)
        return self._network.residual_from(output, x)


def has_openvino() -> bool:
    """Whether OpenVINO is installed."""
    try:
        return find_spec("openvino") is not None
    except (ImportError, ValueError):  # somebody forbids to import it
        return False


def compile_for_openvino(
    network: ConvStack, precision: torch.dtype
) -> Callable[[], OpenVinoEngine]:
    """Compile a network for this processor; gives a function that makes engines of it.

    In bfloat16 the first layer is left to torch, which runs it in float32: its filters
    sum to zero only together. Working memory goes with the engine.
    """
    openvino = _library()
    first, *rest = network.layers
    whole = precision is torch.float32
    # OpenVINO would take half precision by itself where a processor has it.
    settings = {
        "INFERENCE_PRECISION_HINT": _HINTS[precision],
        "INFERENCE_NUM_THREADS": usable_threads(),
        "PERFORMANCE_HINT": "LATENCY",
        # Pinned, the threads of two processes would share one core.
        "ENABLE_CPU_PINNING": False,
    }
    graph = _graph([first, *rest] if whole else rest)
    compiled = openvino.Core().compile_model(graph, "CPU", settings)
    return lambda: OpenVinoEngine(
        network, compiled.create_infer_request(), None if whole else first
    )


def _library() -> Any:
    """Import OpenVINO without its telemetry.

    When imported, it makes an identifier in the user's home and reports to Google
    Analytics, unasked; without the package for that, it does not.
    """
    telemetry = "openvino_telemetry"
    if {telemetry, "openvino"} & set(sys.modules):  # by somebody else's choice
        import openvino

        return openvino
    sys.modules[telemetry] = None  # type: ignore[assignment]
    try:
        import openvino
    finally:
        del sys.modules[telemetry]
    return openvino


def _graph(layers: Iterable[nn.Conv2d]) -> Any:
    """The convolutions, with ReLU between them, for images of any size."""
    openvino = _library()
    from openvino import opset13 as op

    layers = list(layers)
    image = op.parameter([1, layers[0].in_channels, -1, -1], openvino.Type.f32)
    y = image
    for index, layer in enumerate(layers):
        edge = layer.kernel_size[0] // 2
        padding = [edge, edge]
        if layer.padding_mode == "replicate":
            y = op.pad(y, [0, 0, edge, edge], [0, 0, edge, edge], "edge")
            padding = [0, 0]
        kernel = op.constant(layer.weight.detach().numpy())
        y = op.convolution(y, kernel, [1, 1], padding, padding, [1, 1])
        if layer.bias is not None:
            y = op.add(y, op.constant(layer.bias.detach().numpy()[None, :, None, None]))
        if index < len(layers) - 1:
            y = op.relu(y)
    return openvino.Model([y], [image])


class Ensemble:
    """An engine that gives the mean of another one's results for eight views."""

    def __init__(self, engine: Engine) -> None:
        self.device = engine.device
        self.precision = engine.precision
        self.channels = engine.channels
        self.bytes_per_pixel = engine.bytes_per_pixel
        self._engine = engine

    @shielded()
    def residual(self, x: Tensor) -> Tensor:
        """The mean of the eight residuals; see `Engine.residual`."""
        return mean_and_spread(self.residuals(x))[0]

    def residuals(self, x: Tensor) -> Iterator[Tensor]:
        """The residual of every view, turned back; each valid until the next one."""
        for flips, turned in VIEWS:
            view = x.flip(flips)
            if not turned:
                yield self._engine.residual(view).flip(flips)
            else:
                yield self._engine.residual(view.mT.contiguous()).mT.flip(flips)


def mean_and_spread(results: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of tensors, of which one is in memory at a time."""
    mean = squares = torch.zeros(())
    for count, result in enumerate(results, 1):
        if count == 1:
            mean, squares = torch.zeros_like(result), torch.zeros_like(result)
        away = result - mean
        mean += away / count
        squares += away * (result - mean)  # Welford's sum
    return mean, (squares / len(VIEWS)).sqrt()
