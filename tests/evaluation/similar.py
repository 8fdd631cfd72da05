"""The structural similarity of two images, as the plugin and `evaluate` measure it."""

import warnings
from typing import Any

from napari_vdsr.errors import VdsrWarning
from napari_vdsr.evaluation.planes import comparable
from napari_vdsr.evaluation.psnr import similarity


def ssim(reference: Any, image: Any, **options: Any) -> float:
    """Mean over the planes; the options are those of `psnr` but for `fit`."""
    planes, problem = comparable(reference, image, **options)
    if problem is not None:
        warnings.warn(problem, VdsrWarning, stacklevel=2)
    return similarity(planes)
