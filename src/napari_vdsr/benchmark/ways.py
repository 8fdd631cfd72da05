"""The ways of enlarging an image that are compared: this program's and the usual."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from napari_vdsr.imaging.intensities import into_dtype
from napari_vdsr.imaging.resample import resize
from napari_vdsr.inference.engine import Engine, compile_for_openvino, has_openvino
from napari_vdsr.inference.torch_engine import TorchEngine
from napari_vdsr.network import ConvStack
from napari_vdsr.zoo import Model


def sample(edge: int) -> NDArray[np.uint16]:
    """Make an image of (edge, edge) with structure of every size."""
    rng = np.random.default_rng(edge)
    image = np.zeros((edge, edge), np.float32)
    step = edge
    while step >= 1:
        coarse = rng.random((-(-edge // step),) * 2, np.float32)
        fine = np.repeat(np.repeat(coarse, step, 0), step, 1)[:edge, :edge]
        image += fine * step**0.5
        step //= 4
    counts: NDArray[np.uint16] = (image / image.max() * 60000).astype(np.uint16)
    return counts


def engines_of(
    model: Model, device: torch.device, precision: torch.dtype
) -> dict[str, Engine]:
    """Every engine there is for a device: "torch" and perhaps "openvino"."""
    engines: dict[str, Engine] = {
        "torch": TorchEngine(model.network, device, precision)
    }
    if device.type == "cpu" and has_openvino():
        engines["openvino"] = compile_for_openvino(model.network, precision)()
    return engines


def usual_way(
    image: NDArray[np.uint16], network: ConvStack, device: torch.device
) -> NDArray[np.uint16]:
    """Enlarge an image (Y, X) twice as published VDSR code does: at once, in float32.

    torch's bicubic makes the enlarged image.
    """
    with torch.inference_mode():
        x = torch.from_numpy(image.astype(np.float32)).to(device)[None, None] / 65535
        x = functional.interpolate(x, scale_factor=2.0, mode="bicubic")
        values = network(x)[0, 0] * 65535
        result: NDArray[np.uint16] = into_dtype(values, image.dtype).cpu().numpy()
    return result


def in_double(image: NDArray[np.uint16], model: Model) -> NDArray[np.float64]:
    """Enlarge a small image (Y, X) twice in float64: the exact result, not rounded.

    The model has to be affine-equivariant.
    """
    base = resize(image, (2 * image.shape[0], 2 * image.shape[1]))
    centred = torch.from_numpy(base - base.mean())[None, None]
    # Layer by layer with a copy in double, since the model stays as it is.
    y = centred
    for index, layer in enumerate(model.network.layers):
        edge = layer.kernel_size[0] // 2
        mode = "replicate" if layer.padding_mode == "replicate" else "constant"
        y = functional.pad(torch.relu(y) if index else y, [edge] * 4, mode)
        y = functional.conv2d(y, layer.weight.double())
    result: NDArray[np.float64] = base + y[0, 0].numpy()
    return result
