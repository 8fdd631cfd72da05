"""Noise, detail and values of an image of any size."""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import InputError
from napari_vdsr.evaluation.history import history_of
from napari_vdsr.evaluation.image_report import ImageReport
from napari_vdsr.evaluation.noise import noise_of
from napari_vdsr.evaluation.sampling import SamplingReport, sampling_of
from napari_vdsr.evaluation.windows import Windows, windows_of
from napari_vdsr.imaging.luminance import FULL_RANGE

_GREEN = 1
_SMALLEST = 32  # pixels

Found = TypeVar("Found")


def describe_image(
    image: Any, *, axes: str | None = None, rgb: bool | None = None
) -> ImageReport:
    """Describe an image before it is enlarged.

    Its noise, how fine its detail is compared with its pixels, what was done to it
    before, which model is meant for it and whether enlarging can help at all. It takes
    a few seconds at most: of large images and stacks, up to nine parts of 512 x 512
    pixels are examined; of colours, noise and values are those of green.

    The rules, of which the first that holds decides:

    1. Constant images and what looks like a mask, labels or a drawing: enlarging
       cannot help.
    2. The detail is coarser than the pixels already: enlarging adds pixels, not detail.
    3. Noise of 1 % of the range or more at mid intensity, noise that cannot be told
       from fine detail, or an image that is neither in colour nor of 8 bits: the models
       for microscopes, ``vdsr20-scanner`` and ``vdsr20-camera``. Which of the two is
       not in the pixels: OME metadata may tell, otherwise you have to choose.
    4. Other pictures, in colour or of 8 bits: ``vdsr20``, for images that software has
       made smaller.

    Parameters
    ----------
    image : napari Image layer, array, torch.Tensor or path
        Any real dtype; arrays of numpy, dask or zarr. Of a multiscale layer the finest
        level is taken.
    axes : str, optional
        As for `upscale`.
    rgb : bool, optional
        Whether the last axis holds colours. Needed for arrays whose last axis has 3 or
        4 pixels when `axes` is not given; files and layers know.

    Returns
    -------
    ImageReport
        With a line in `summary` and the model in `model`. What cannot be told of a
        constant, small, saturated or damaged image is said in `unknown`.

    Raises
    ------
    InputError
        When it is no image of real numbers, or the axes do not fit it.
    FileError
        When a file cannot be opened.

    Examples
    --------
    >>> import numpy as np
    >>> report = describe_image(np.full((64, 64), 7, dtype="uint8"))
    >>> report.helps, report.reason
    (False, 'it is constant: there is nothing to enlarge')
    """
    if hasattr(image, "detach"):  # a tensor of torch, which stays unloaded
        image = image.detach().cpu()
        image = (image.float() if "bfloat16" in str(image.dtype) else image).numpy()
    windows = windows_of(image, axes, rgb)
    unknown = list(windows.troubles)

    def told(what: str, look: Callable[[], Found]) -> Found | None:
        try:
            with np.errstate(over="raise", invalid="raise", divide="raise"):
                return look()
        except (ArithmeticError, np.linalg.LinAlgError):
            unknown.append(f"{what}: its values are too large to compute with")
        except InputError as error:
            unknown.append(f"{what}: {error}")
        return None

    planes = windows.parts
    if windows.colour:  # measured values; luminance would mix three
        planes = [part[..., _GREEN] for part in windows.parts]
    history = noise = sampling = None
    if planes:
        history = told("nothing can be told", lambda: history_of(planes))
    if history is not None:
        noise = told("its noise cannot be told", lambda: noise_of(planes))
        sampling = told(
            "how fine its detail is cannot be told", lambda: _sampling(windows)
        )
    return ImageReport(
        noise=noise,
        sampling=sampling,
        history=history,
        colour=windows.colour,
        instrument=windows.instrument,
        pixels=sum(plane.size for plane in planes),
        unknown=tuple(unknown),
    )


def _sampling(windows: Windows) -> SamplingReport:
    height, width = windows.plane_shape
    if min(height, width) < _SMALLEST:
        raise InputError(
            f"the image has {height} x {width} pixels, and {_SMALLEST} x {_SMALLEST} "
            "are the least"
        )
    parts = [_grey(part) for part in windows.parts if np.isfinite(part).all()]
    return sampling_of(parts)


def _grey(part: NDArray[Any]) -> NDArray[np.float64]:
    values = part.astype(np.float64)
    grey: NDArray[np.float64] = (
        values @ np.array(FULL_RANGE) if part.ndim == 3 else values
    )
    return grey
