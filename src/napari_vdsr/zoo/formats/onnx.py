"""ONNX, for programs without torch: https://onnx.ai."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_vdsr.errors import InputError
from napari_vdsr.files.atomic import replacing
from napari_vdsr.network import VDSR
from napari_vdsr.zoo.model import Model

if TYPE_CHECKING:
    from torch import nn


# Old enough for any runtime in use; nothing newer is needed.
_OPSET = 13
_IR_VERSION = 8


def write_onnx(path: Path, model: Model, *, overwrite: bool) -> None:
    """Write a model as an ONNX file.

    Its input ``enlarged``, float32 of shape (N, channels, H, W), is an image that was
    enlarged bicubically; its output ``restored`` has the same shape. N, H and W are
    free.
    """
    try:
        import onnx
    except ImportError as error:
        raise InputError(
            "export to ONNX needs a library: pip install 'napari-vdsr[onnx]'"
        ) from error

    network = model.network
    nodes, tensors = _stack(list(network.layers))
    last = nodes[-1].output[0]
    if isinstance(network, VDSR):  # others give the image itself
        nodes.append(onnx.helper.make_node("Add", ["enlarged", last], ["restored"]))
    else:
        nodes[-1].output[0] = "restored"
    shape: list[str | int | None] = ["N", network.channels, "H", "W"]
    float32 = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        nodes,
        model.name,
        [onnx.helper.make_tensor_value_info("enlarged", float32, shape)],
        [onnx.helper.make_tensor_value_info("restored", float32, shape)],
        tensors,
    )
    proto = onnx.helper.make_model(
        graph,
        producer_name="napari-vdsr",
        ir_version=_IR_VERSION,
        opset_imports=[onnx.helper.make_opsetid("", _OPSET)],
    )
    onnx.helper.set_model_props(proto, model.described())
    onnx.checker.check_model(proto, full_check=True)
    with replacing(path, overwrite=overwrite) as temporary:
        temporary.write_bytes(proto.SerializeToString())


def _stack(layers: "list[nn.Conv2d]") -> tuple[list[Any], list[Any]]:
    """Nodes and weights of the convolutions, with ReLU between them."""
    from onnx import helper, numpy_helper

    nodes, tensors = [], []
    name = "enlarged"

    def node(kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def tensor(values: Any, label: str) -> str:
        tensors.append(numpy_helper.from_array(values, label))
        return label

    for index, layer in enumerate(layers):
        border = layer.kernel_size[0] // 2
        if index:
            name = node("Relu", [name], f"relu{index}")
        if layer.padding_mode == "replicate":
            pads = tensor(_edges(border), f"conv{index}.pads")
            name = node("Pad", [name, pads], f"padded{index}", mode="edge")
            border = 0
        inputs = [name, tensor(layer.weight.numpy(), f"conv{index}.weight")]
        if layer.bias is not None:
            inputs.append(tensor(layer.bias.numpy(), f"conv{index}.bias"))
        name = node("Conv", inputs, f"convolved{index}", pads=[border] * 4)
    return nodes, tensors


def _edges(border: int) -> Any:
    """How much to pad each axis of (N, channels, H, W), before and after."""
    import numpy as np

    return np.array([0, 0, border, border] * 2, dtype=np.int64)
