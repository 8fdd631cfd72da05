"""Models in from other programs, tried on an image, and out to them."""

import re
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from napari_vdsr.errors import FileError, InputError, VdsrWarning, require_text
from napari_vdsr.files.atomic import already_there, replacing
from napari_vdsr.zoo.formats import write_native
from napari_vdsr.zoo.model import Model, find, shared_model
from napari_vdsr.zoo.registry import Card, expanded, factors_in
from napari_vdsr.zoo.user import free_path

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

    from napari_vdsr.progress import Progress

# Old enough for any runtime in use; nothing newer is needed.
_OPSET = 13
_IR_VERSION = 8

# Of the image that a model from elsewhere is tried on.
_EDGE = 96  # pixels
_BORDER = 8  # pixels that are not compared
_FACTORS = (2, 3, 4)
_MOST_WEIGHTS = 5_000_000  # a network of 20 layers has 665,000; more take minutes

Image: TypeAlias = "NDArray[np.floating[Any]]"


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
    for what, text in (("the name", name), ("the title", title)):
        if text is not None:
            require_text(what, text)
    model = source if isinstance(source, Model) else shared_model(expanded(source))
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


def fault_of(model: Model) -> str | None:
    """What to tell of a model that loses to bicubic at every factor that it serves.

    It is tried on a part of scikit-image's photograph of a cameraman, reduced and
    enlarged again; None also where there is no scikit-image, and for huge networks.
    """
    if model.network.parameter_count > _MOST_WEIGHTS:
        return None
    with suppress(ImportError, OSError):
        from skimage import data

        photograph: Image = data.camera()  # type: ignore[no-untyped-call]
        image = photograph[80 : 80 + _EDGE, 200 : 200 + _EDGE] / 255.0
        return _fault(model, image)
    return None


def _fault(model: Model, image: Image) -> str | None:
    import numpy as np

    factors = factors_in(model.metadata.get("factors", "")) or _FACTORS
    enlarged = [_reduced_and_enlarged(image, factor, model) for factor in factors]

    def gains(restore: Callable[[Image], Image]) -> list[float]:
        """Decibels over bicubic interpolation, a factor each."""
        return [
            10 * np.log10(_error(base, image) / _error(restore(base), image))
            for base in enlarged
        ]

    found = gains(lambda base: base + _residual(model, base))
    if max(found) >= 0:
        return None
    said = ", ".join(
        f"{gain:.1f} dB at x{factor:g}"
        for gain, factor in zip(found, factors, strict=True)
    )
    cause = "it may be trained on images enlarged in another way, or not at all"
    if min(gains(lambda base: base - _residual(model, base))) > 0:
        cause = "its output seems to be what a denoiser subtracts from an image"
    elif min(gains(lambda base: base + _residual(model, base * 255) / 255)) > 0:
        cause = "it seems to be trained on intensities from 0 to 255, not from 0 to 1"
    return (
        f"{model.name} is worse than bicubic interpolation on a test image ({said}): "
        f"{cause}. Check it with images of yours before you use it"
    )


def _reduced_and_enlarged(image: Image, factor: float, model: Model) -> Image:
    from napari_vdsr.imaging.resample import resize

    small = resize(image, (round(_EDGE / factor),) * 2)
    return resize(small, image.shape, model.kernel)


def _residual(model: Model, base: Image) -> Image:
    """What the network adds to an image, the mean over its channels."""
    import torch

    x = torch.from_numpy(base).float().expand(1, model.network.channels, -1, -1)
    with torch.inference_mode():
        return model.network.residual(x)[0].mean(0).double().numpy()


def _error(restored: Image, image: Image) -> float:
    """Mean square of the difference, never zero."""
    inner = (slice(_BORDER, -_BORDER),) * 2
    return float(((restored[inner] - image[inner]) ** 2).mean()) + 1e-12


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
