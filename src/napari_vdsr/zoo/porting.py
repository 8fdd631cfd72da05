"""Models in from other programs and out to them."""

import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_vdsr.errors import FileError, InputError, VdsrWarning
from napari_vdsr.files.atomic import already_there, replacing
from napari_vdsr.zoo.formats import write_native
from napari_vdsr.zoo.loading import find, shared_model
from napari_vdsr.zoo.model import Model
from napari_vdsr.zoo.registry import Card, expanded
from napari_vdsr.zoo.user import free_path

if TYPE_CHECKING:
    from torch import nn

    from napari_vdsr.progress import Progress

# Old enough for any runtime in use; nothing newer is needed.
_OPSET = 13
_IR_VERSION = 8


def import_model(
    source: str | Path | Model, name: str | None = None, *, title: str | None = None
) -> Card:
    """Add a model to the user's own, from a file or as it was trained.

    Parameters
    ----------
    source : str, Path or Model
        A file that `load_model` reads, or a model.
    name : str, optional
        The word by which it is to be asked for; by default that of the file.
    title : str, optional
        A few words for people; by default what its file says, or its name.

    Returns
    -------
    Card
        As it is listed from now on.

    Raises
    ------
    InputError
        When the name cannot be used or is taken.
    ModelError
        When the file holds no model.
    FileError
        When the file cannot be read or the new one not be written.

    Warns
    -----
    VdsrWarning
        When a model from a file that does not tell of its training is worse than
        bicubic interpolation on a test image, with the likely cause.
    """
    from napari_vdsr.zoo.self_test import fault_of

    model = source if isinstance(source, Model) else shared_model(Path(source))
    name = name or default_name(model.name)
    path = free_path(name)
    metadata = dict(model.metadata)
    if not isinstance(source, Model):
        metadata.setdefault("source", f"imported from {Path(source).name}")
        metadata["imported_sha256"] = model.sha256
    if title:
        metadata["title"] = title
    imported = Model(model.network, name, metadata=metadata)
    imported.save(path)
    if not isinstance(source, Model) and "training" not in metadata:
        fault = fault_of(imported)
        if fault:
            warnings.warn(fault, VdsrWarning, stacklevel=2)
    return find(name)


def default_name(stem: str) -> str:
    """The name of a file as one that a model can have; empty if nothing is left."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._")[:64]


def export_model(
    model: str | Path | Model,
    path: str | Path,
    *,
    overwrite: bool = False,
    progress: "Progress | None" = None,
) -> Path:
    """Write a model to a file for other programs.

    Parameters
    ----------
    model : str, Path or Model
        As for `load_model`.
    path : str or Path
        The file to write: ``.safetensors`` or ``.onnx``.
    overwrite : bool
        Whether an existing file may be replaced.
    progress : tqdm-like, optional
        Told of the download, in bytes, if the model has to be fetched first.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        When the name of the file ends otherwise, or the extra ``onnx`` is missing.
    FileError
        When the file exists or cannot be written.
    ModelError
        When there is no such model.
    """
    path = expanded(path)
    if path.suffix.lower() not in (".safetensors", ".onnx"):
        raise InputError(
            f"cannot export to {path.name!r}: the name ends in .safetensors or .onnx"
        )
    if path.exists() and not overwrite:
        raise FileError(already_there(path))
    loaded = shared_model(model, progress=progress)
    if path.suffix.lower() == ".onnx":
        _write_onnx(path, loaded, overwrite=overwrite)
    else:
        state = loaded.network.state_dict()
        write_native(path, state, loaded.described(), overwrite=overwrite)
    return path


def _write_onnx(path: Path, model: Model, *, overwrite: bool) -> None:
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

    from napari_vdsr.network import VDSR

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
    import numpy as np
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
            # each axis of (N, channels, H, W), before and after
            edges = np.array([0, 0, border, border] * 2, dtype=np.int64)
            pads = tensor(edges, f"conv{index}.pads")
            name = node("Pad", [name, pads], f"padded{index}", mode="edge")
            border = 0
        inputs = [name, tensor(layer.weight.numpy(), f"conv{index}.weight")]
        if layer.bias is not None:
            inputs.append(tensor(layer.bias.numpy(), f"conv{index}.bias"))
        name = node("Conv", inputs, f"convolved{index}", pads=[border] * 4)
    return nodes, tensors
