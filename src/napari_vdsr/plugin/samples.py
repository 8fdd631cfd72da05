"""Sample images that come with scikit-image, reduced so that there is a truth."""

from typing import Any

import numpy as np


def coins() -> list[tuple[Any, dict[str, Any], str]]:
    """Photograph of coins at half its size, and the original below it.

    Returns
    -------
    list of napari LayerData
        Original and reduced image, one exactly over the other.
    """
    from skimage import data

    from napari_vdsr.imaging.resample import resize

    original: np.ndarray[Any, np.dtype[np.uint8]] = data.coins()[:302, :384]  # type: ignore[no-untyped-call]
    small = tuple(size // 2 for size in original.shape)
    reduced = np.rint(resize(original, small)).clip(0, 255).astype(np.uint8)
    limits = {"contrast_limits": (0, 255)}
    # Both cover the same area: pixels twice as large begin half a pixel further in.
    placed = {"scale": (2, 2), "translate": (0.5, 0.5)}
    return [
        (original, {"name": "coins (original)", "visible": False, **limits}, "image"),
        (reduced, {"name": "coins", **limits, **placed}, "image"),
    ]
