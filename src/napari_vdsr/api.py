"""The public functions: each looks at what it is given and passes it on."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_vdsr.imaging.geometry import Factor
from napari_vdsr.models import Model, load_model
from napari_vdsr.progress import Progress

if TYPE_CHECKING:
    import torch

__all__ = ["load_model", "upscale"]


def upscale(
    image: Any,
    factor: Factor = 2,
    *,
    model: str | Path | Model = "vdsr20",
    device: str = "auto",
    precision: str = "auto",
    tile: int | str = "auto",
    axes: str | None = None,
    rgb: bool | None = None,
    pixel_size: Factor | None = None,
    intensity_range: tuple[float, float] | None = None,
    progress: Progress | None = None,
) -> Any:
    """Enlarge an image with a super-resolution network.

    The outer edges of the image stay where they are, intensities keep their scale
    and only Y and X are enlarged; everything else is a stack of planes. With the
    default model, ``upscale(a * x + b)`` is ``a * upscale(x) + b`` for any a > 0.

    Parameters
    ----------
    image : napari Image layer, numpy.ndarray or torch.Tensor
        Any real dtype, at least one pixel. NaN stays where it is; infinities are
        refused.
    factor : float or pair of float
        From 1 to 8, for Y and X. The result has ``floor(n * factor + 0.5)`` pixels.
        Above 4 it is made in two passes.
    model : str, Path or Model
        A name from `napari_vdsr.models`, a file or what `load_model` returned.
    device : str
        "auto", "cpu", "cuda", "cuda:1", "mps", "xpu".
    precision : str
        Of the hidden layers: "auto", "float32", "float16" or "bfloat16".
    tile : int or str
        Output pixels per edge of a tile, a memory budget such as "500 MB", or
        "auto". It changes memory and speed, not the result.
    axes : str, optional
        One letter an axis, such as "TCZYX"; "S" stands for R, G, B and alpha. By
        default the last two are Y and X.
    rgb : bool, optional
        Whether the last axis holds R, G, B and, if any, alpha. Needed for arrays
        whose last axis has 3 or 4 pixels when `axes` is not given.
    pixel_size : float or pair of float, optional
        Asks for pixels of this size instead of a factor: in world units for
        layers, in source pixels for arrays.
    intensity_range : tuple of float, optional
        Black and white, for models that are not affine-equivariant. Known for uint8
        and for floats within [0, 1].
    progress : tqdm-like, optional
        Told of every tile, in output pixels. Raise `Cancelled` from its `update`
        to stop.

    Returns
    -------
    napari Image layer, numpy.ndarray or torch.Tensor
        As the image was, with the same dtype; the image itself is left as it is.

    Raises
    ------
    InputError
        When the image or an argument cannot be used; the message says why.
    ModelError
        When there is no such model or it cannot be had.

    Warns
    -----
    VdsrWarning
        For factors above 4, and when a device's memory ran out and smaller tiles
        were used.

    References
    ----------
    J. Kim, J. K. Lee, K. M. Lee: "Accurate Image Super-Resolution Using Very Deep
    Convolutional Networks", CVPR 2016, https://arxiv.org/abs/1511.04587

    Examples
    --------
    >>> import numpy as np
    >>> image = np.arange(48, dtype="uint16").reshape(6, 8)
    >>> upscale(image, 2, device="cpu").shape
    (12, 16)
    """
    options: dict[str, Any] = {
        "model": load_model(model),
        "device": device,
        "precision": precision,
        "tile": tile,
        "axes": axes,
        "rgb": rgb,
        "pixel_size": pixel_size,
        "intensity_range": intensity_range,
        "progress": progress,
    }
    if _is_instance(image, "napari.layers", "Layer"):
        from napari_vdsr.layers import upscale_layer

        return upscale_layer(image, factor, **options)
    from napari_vdsr.inference.arrays import upscale_array

    if _is_instance(image, "torch", "Tensor"):
        return _upscale_tensor(image, factor, **options)
    return upscale_array(np.asarray(image), factor, **options)


def _is_instance(value: object, module: str, name: str) -> bool:
    """Whether a value is of a class, without importing the class's library."""
    return module in sys.modules and isinstance(
        value, getattr(sys.modules[module], name)
    )


def _upscale_tensor(
    image: "torch.Tensor", factor: Factor, **options: Any
) -> "torch.Tensor":
    """Enlarge a tensor by way of a numpy array; bfloat16 goes as float32."""
    import torch

    from napari_vdsr.inference.arrays import upscale_array

    host = image.detach().cpu()
    host = host.float() if host.dtype is torch.bfloat16 else host
    result = torch.from_numpy(upscale_array(host.numpy(), factor, **options))
    return result.to(image.device, image.dtype)
