"""The public functions: each looks at what it is given and passes it on."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from napari_vdsr.errors import InputError, check_progress
from napari_vdsr.images.arrays import as_array, is_instance, is_xarray, refuse_no_image
from napari_vdsr.imaging.geometry import Factor, letters_of
from napari_vdsr.options import RunOptions
from napari_vdsr.progress import Progress
from napari_vdsr.simulation import simulate
from napari_vdsr.zoo import DEFAULT_MODEL, Model, load_model, models

if TYPE_CHECKING:
    from napari_vdsr.evaluation.image_report import describe_image
    from napari_vdsr.evaluation.psnr import PsnrReport
    from napari_vdsr.evaluation.report import Evaluation
    from napari_vdsr.imaging.resample import Sampling
    from napari_vdsr.training import train

__all__ = [
    "describe_image",
    "evaluate",
    "load_model",
    "models",
    "psnr",
    "simulate",
    "train",
    "upscale",
]


def upscale(
    image: Any,
    factor: Factor = 2,
    *,
    model: str | Path | Model = DEFAULT_MODEL,
    device: str = "auto",
    precision: str = "auto",
    tile: int | str = "auto",
    axes: str | None = None,
    rgb: bool | None = None,
    pixel_size: Factor | None = None,
    intensity_range: tuple[float, float] | None = None,
    ensemble: bool = False,
    spread: bool = False,
    progress: Progress | None = None,
) -> Any:
    """Enlarge an image with a super-resolution network.

    The outer edges of the image stay where they are, intensities keep their scale
    and only Y and X are enlarged; everything else is a stack of planes. With the
    default model, ``upscale(a * x + b)`` is ``a * upscale(x) + b`` for any a > 0.

    Parameters
    ----------
    image : napari Image layer, numpy, dask, zarr or xarray array, or torch.Tensor
        Any real dtype, at least one pixel. NaN stays where it is; infinities are
        refused, in lazy data when they are computed.
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
    ensemble : bool
        Whether to give the mean of the network's results for the eight flips and turns
        of the image, which takes eight times as long.
    spread : bool
        Whether to give the standard deviation of those eight as a second image, in the
        unit of the first and in float32 or float64: large where the network is not
        sure. Above factor 4 it is that of the second pass.
    progress : tqdm-like, optional
        Told of every tile, in output pixels. Raise `Cancelled` from its `update`
        to stop. Of lazy data only the model's download is told here; for the rest
        there are the progress bars of dask.

    Returns
    -------
    napari Image layer, numpy.ndarray, dask.array.Array or torch.Tensor
        As the image was, with the same dtype; the image itself is left as it is.
        dask and zarr arrays give a lazy dask array, lazy and multiscale layers a
        lazy multiscale layer: nothing is computed before it is asked for. With
        `spread`, a tuple of the result and its spread.

    Raises
    ------
    InputError
        When the image or an argument cannot be used; the message says why.
    ModelError
        When there is no such model or it cannot be had.

    Warns
    -----
    VdsrWarning
        For factors above 4 and those that the model is not made for, and when a
        device's memory ran out and smaller tiles were used.

    References
    ----------
    J. Kim, J. K. Lee, K. M. Lee: "Accurate Image Super-Resolution Using Very Deep
    Convolutional Networks", CVPR 2016, https://arxiv.org/abs/1511.04587

    R. Timofte, R. Rothe, L. Van Gool: "Seven Ways to Improve Example-Based Single Image
    Super Resolution" (the ensemble), CVPR 2016, https://arxiv.org/abs/1511.02228

    Examples
    --------
    >>> import numpy as np
    >>> image = np.arange(48, dtype="uint16").reshape(6, 8)
    >>> upscale(image, 2, device="cpu").shape
    (12, 16)
    """
    options = RunOptions(
        model, device, precision, tile, intensity_range, ensemble, spread
    )
    others: dict[str, Any] = {
        "axes": axes,
        "rgb": rgb,
        "pixel_size": pixel_size,
        "progress": progress,
    }
    check_progress(progress)
    refuse_no_image(image)
    if is_xarray(image):
        others["axes"] = axes or letters_of(image.dims, rgb)
        image = image.data
        refuse_no_image(image)
    if is_instance(image, "napari.layers", "Layer"):
        from napari_vdsr.layers.upscale import enlarged_layer

        return enlarged_layer(image, factor, options, **others)
    from napari_vdsr.inference.enlarged_array import upscale_array

    if is_instance(image, "torch", "Tensor"):
        from napari_vdsr.inference.enlarged_array import upscale_tensor

        return upscale_tensor(image, factor, options, **others)
    image = as_array(image)
    if getattr(image, "chunks", None) is not None:
        from napari_vdsr.lazy import upscale_lazy

        return upscale_lazy(image, factor, options, **others)
    return upscale_array(image, factor, options, **others)


def psnr(
    reference: Any,
    image: Any,
    *,
    data_range: float | None = None,
    border: int = 0,
    luminance: bool | Literal["auto"] = "auto",
    rgb: bool | None = None,
    fit: bool = False,
) -> "PsnrReport":
    """Measure how close an image is to a reference, plane by plane.

    OME-Zarrs, TIFF files, and dask and zarr arrays may be larger than memory: that of
    a few planes suffices.

    Parameters
    ----------
    reference, image : napari Image layer, array, torch.Tensor or path
        Arrays (numpy, dask, zarr) of shape (..., Y, X[, S]) on the same pixel grid.
        Of two layers what both show is compared, on the grid of the reference.
    data_range : float, optional
        The peak that the error is compared with. By default 255 for uint8, 1 for
        floats within [0, 1] and otherwise the reference's maximum minus minimum.
    border : int
        Pixels to cut off at every side; papers cut off the factor.
    luminance : bool or "auto"
        Whether to compare the luminance of colours or R, G and B together. "auto"
        compares the luminance of colour images.
    rgb : bool, optional
        Whether the last axis of arrays holds colours; files and layers know.
    fit : bool
        Whether to report the range-invariant PSNR as well, after an affine fit of
        the image's intensities to the reference.

    Returns
    -------
    PsnrReport
        PSNR per plane with minimum, maximum and mean; the data range and why.

    Raises
    ------
    InputError
        When the images or arguments cannot be used; the message says why.
    FileError
        When a file cannot be read.
    VdsrError
        When a plane of another image is lost, as one in a damaged chunk is.

    Warns
    -----
    VdsrWarning
        When the reference contradicts the given data range.

    Examples
    --------
    >>> import numpy as np
    >>> black = np.zeros((4, 4), dtype="uint8")
    >>> round(psnr(black, black + 5).mean, 2)
    34.15
    """
    from napari_vdsr.evaluation.psnr import psnr as psnr_of_stacks

    pair = reference, image
    with ExitStack() as files:
        if all(is_instance(each, "napari.layers", "Layer") for each in pair):
            from napari_vdsr.layers import aligned

            stacks = list(aligned(reference, image))
        else:
            from napari_vdsr.evaluation.grids import matched
            from napari_vdsr.images.open_any import opened

            one, other = (
                files.enter_context(opened(each, name, rgb))
                for each, name in zip(pair, ("reference", "image"), strict=True)
            )
            stacks = list(matched(one, other))
        if stacks[0].rgb != stacks[1].rgb:
            colour, grey = ("reference", "image")[:: 1 if stacks[0].rgb else -1]
            msg = f"the {colour} has colours and the {grey} has none: convert one"
            raise InputError(msg)
        return psnr_of_stacks(
            *stacks,
            data_range=data_range,
            border=border,
            luminance=luminance,
            fit=fit,
        )


def evaluate(
    images: Any,
    *,
    model: str | Path | Model | Sequence[str | Path | Model] | None = None,
    factors: int | Sequence[int] = (2, 3, 4),
    protocol: Literal["A", "direct"] | None = None,
    sampling: "Sampling | None" = None,
    noise: float | Literal["weak", "strong", "estimated"] | None = None,
    device: str = "auto",
    precision: str = "float32",
    tile: int | str = "auto",
    ensemble: bool = False,
    rgb: bool | None = None,
    progress: Progress | None = None,
) -> "Evaluation":
    """Reduce images, enlarge them again with models and score the results.

    Parameters
    ----------
    images : path, ndarray, napari layer, mapping of str to them, or iterable
        The high-resolution images; a folder stands for those within it.
    model : str, Path, Model or sequence of them, optional
        What to score; by default the model that is meant for it: `vdsr20` under
        protocol A and for images reduced by software, `vdsr20-camera` for cameras,
        otherwise the default of `upscale`. Bicubic interpolation, cubic splines and
        the best Gaussian before a spline (its sigma chosen with the truth in hand,
        which nobody has for a new image) always stand beside it.
    factors : int or sequence of int
        Whole factors from 2 to 8.
    protocol : {"A", "direct"}, optional
        "A" scores as the papers do; "direct" as a user meets it, from images that
        were rounded to their dtype. By default "direct" where `sampling` or `noise`
        is given, otherwise "A".
    sampling : {"scanner", "camera", "reduced", "gaussian"}, optional
        How the small image is taken, for "direct": as points (confocal, two-photon,
        SEM), as areas of pixels (cameras), or by software (bicubic, or behind a
        Gaussian as scikit-image does). By default as each model was trained for;
        models of different kinds are then scored in each of their ways, and rows say
        which. A scanner's spot has to be seen at half a pixel, so the truth is then
        the 2 x 2 means of the image.
    noise : float or {"weak", "strong", "estimated"}, optional
        Shot noise of the small image, for "direct": electrons that white stands for,
        8128 for "weak" and 903 for "strong" (2 and 6 grey levels of 255 at mid-grey),
        or as much as the image has itself. The same for all methods; nothing is added
        to the truth.
    device, tile, ensemble
        As for `upscale`.
    precision : str
        As for `upscale`; float32 by default, so that figures do not depend on the
        machine.
    rgb : bool, optional
        Whether the last axis of arrays holds colours; files and layers know.
    progress : tqdm-like, optional
        Told of images, in parts. Raise `Cancelled` from its `update` to stop.

    Returns
    -------
    Evaluation
        PSNR, SSIM and time per image, factor and method, and their means.

    Raises
    ------
    InputError
        When an image or argument cannot be used; the message says why.
    ModelError
        When there is no such model or it cannot be had.
    FileError
        When a file cannot be read.
    VdsrError
        When a plane of another image is lost, as one in a damaged chunk is.

    Warns
    -----
    VdsrWarning
        When a model is not made for one of the factors, and left out there.
    """
    from napari_vdsr.evaluation.evaluate import evaluate as evaluate_images

    check_progress(progress)
    return evaluate_images(
        images,
        model=model,
        factors=factors,
        protocol=protocol,
        sampling=sampling,
        noise=noise,
        options=RunOptions(
            device=device, precision=precision, tile=tile, ensemble=ensemble
        ),
        rgb=rgb,
        progress=progress,
    )


def __getattr__(name: str) -> Any:
    if name == "describe_image":
        from napari_vdsr.evaluation.image_report import describe_image

        return describe_image
    # Loaded when it is asked for, because it needs torch.
    if name == "train":
        from napari_vdsr.training import train

        return train
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
