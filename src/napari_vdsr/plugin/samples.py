"""Sample images with their truth: a photograph and simulated microscope images."""

from typing import Any

import numpy as np

from napari_vdsr.simulation import Simulated, simulate

LayerData = tuple[Any, dict[str, Any], str]


def coins() -> list[LayerData]:
    """Photograph of coins at half its size, exactly over the hidden original."""
    from skimage import data

    from napari_vdsr.imaging.resample import resize

    original: np.ndarray[Any, np.dtype[np.uint8]] = data.coins()[:302, :384]  # type: ignore[no-untyped-call]
    small = tuple(size // 2 for size in original.shape)
    reduced = np.rint(resize(original, small)).clip(0, 255).astype(np.uint8)
    limits = {"contrast_limits": (0, 255)}
    # Both cover the same area: pixels twice as large start half a pixel further in.
    placed = {"scale": (2, 2), "translate": (0.5, 0.5)}
    return [
        (original, {"name": "coins (original)", "visible": False, **limits}, "image"),
        (reduced, {"name": "coins", **limits, **placed}, "image"),
    ]


def filaments() -> list[LayerData]:
    """Filaments under a simulated confocal microscope."""
    return _with_truth("filaments", simulate("filaments", photons=60))


def nuclei() -> list[LayerData]:
    """Nuclei on a simulated camera, behind an objective of 20x."""
    seen = simulate("nuclei", sampling="camera", photons=150, pixel_size=0.325)
    return _with_truth("nuclei", seen)


def puncta() -> list[LayerData]:
    """Drifting puncta and a channel of filaments, as a simulated confocal stack."""
    shape = (3, 2, 5, 128, 128)
    seen = simulate(("puncta", "filaments"), shape=shape, photons=100)
    return _with_truth("puncta", seen)


def _with_truth(name: str, seen: Simulated) -> list[LayerData]:
    """The truth, hidden, and the image exactly over it."""
    units = ("second", "pixel", *["micrometer"] * 3)
    shared = {
        "axis_labels": tuple("TCZYX")[-seen.image.ndim :],
        "units": units[-seen.image.ndim :],
        "contrast_limits": (seen.offset, float(np.quantile(seen.truth, 0.999))),
    }
    placed = {"scale": seen.truth_scale, "translate": seen.truth_translate}
    truth = {"name": f"{name}, truth", "visible": False, **shared, **placed}
    image = {"name": name, "scale": seen.scale, **shared}
    return [(seen.truth, truth, "image"), (seen.image, image, "image")]
