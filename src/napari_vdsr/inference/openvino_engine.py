"""Running the convolutions with OpenVINO, on the CPU."""

import sys
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from napari_vdsr.inference.device import bytes_per_pixel
from napari_vdsr.inference.shield import shielded
from napari_vdsr.inference.threads import usable_threads
from napari_vdsr.network import ConvStack

_PRECISIONS = {torch.float32: "f32", torch.bfloat16: "bf16"}


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
        "INFERENCE_PRECISION_HINT": _PRECISIONS[precision],
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
