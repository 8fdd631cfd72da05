"""One pyramid: what a viewer shows of a result is what the saved file holds."""

from itertools import pairwise
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import zarr
from streaming_helpers import noise, plain_zarr, stream, tiny_model

from napari_vdsr.errors import InputError
from napari_vdsr.lazy import upscale_levels
from napari_vdsr.zoo import Model


@pytest.fixture(scope="module")
def model() -> Model:
    return tiny_model()


def levels_of(path: Path) -> list[zarr.Array]:
    entry = zarr.open_group(str(path), mode="r").attrs["ome"]["multiscales"][0]
    return [zarr.open_array(str(path / each["path"])) for each in entry["datasets"]]


@pytest.mark.parametrize(
    ("axes", "shape", "factor", "same", "dtype"),
    [
        ("YX", (601, 550), 2, 3, "uint16"),
        ("YX", (601, 550), 2, 3, "float32"),
        ("ZYX", (2, 301, 1050), 2, 4, "uint16"),
        ("YXZ", (530, 301, 2), 4, 3, "uint16"),
        ("YX", (1100, 560), 1, 3, "float32"),
        ("YX", (520, 400), 3, 1, "uint16"),  # only the result has the same size
    ],
)
def test_a_level_seen_in_the_viewer_is_the_level_in_the_saved_file(
    axes: str,
    shape: tuple[int, ...],
    factor: int,
    same: int,
    dtype: str,
    model: Model,
    tmp_path: Path,
) -> None:
    image = noise(shape, dtype)
    if dtype == "float32":
        image[100:140, 100:140] = np.nan
    source = plain_zarr(tmp_path / "in.zarr", image, names=axes.lower())
    stream(source, tmp_path / "out.zarr", model, axes=axes, factor=factor)
    order = sorted(range(len(axes)), key=lambda axis: "ZYX".index(axes[axis]))
    saved = {level.shape: level[...] for level in levels_of(tmp_path / "out.zarr")}
    chunked = da.from_array(image, 100)
    options = {"model": model, "axes": axes, "device": "cpu"}
    compared = 0
    for level in upscale_levels(chunked, factor, **options):
        seen = level.transpose(order)
        if seen.shape not in saved:
            continue
        if compared == 0:
            tolerance = 1.0  # other tiles may round a tie the other way
        elif seen.shape[-2] > image.shape[axes.index("Y")]:
            continue  # on screen, levels between source and result are interpolated
        else:
            tolerance = 0 if dtype == "uint16" else 1e-3
        difference = saved[seen.shape].astype(float) - np.asarray(seen, float)
        np.testing.assert_array_equal(np.isnan(difference), np.isnan(seen))
        assert np.nanmax(np.abs(difference)) <= tolerance
        compared += 1
    assert compared == same


def test_every_level_but_the_source_is_the_mean_of_the_one_before(
    model: Model, tmp_path: Path
) -> None:
    """At factor 3 no level has the size of the source, and all come from the result."""
    source = plain_zarr(tmp_path / "in.zarr", noise((400, 360), "float64"))
    stream(source, tmp_path / "out.zarr", model, axes="YX", factor=3)
    pixels = [level[...] for level in levels_of(tmp_path / "out.zarr")]
    assert [level.shape for level in pixels] == [(1200, 1080), (600, 540), (300, 270)]
    for before, after in pairwise(pixels):
        y, x = after.shape
        means = before.reshape(y, 2, x, 2).mean(axis=(1, 3))
        np.testing.assert_allclose(after, means, rtol=0, atol=1e-6)


def test_what_is_no_array_has_no_levels(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the image is None"):
        upscale_levels(None)
    group = zarr.open_group(tmp_path / "a.zarr", mode="w")
    with pytest.raises(InputError, match="a group of zarr arrays: take one of them"):
        upscale_levels(group)
