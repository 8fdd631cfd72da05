"""Layers become files part by part, and no file is lost by it."""

from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import tifffile
import zarr
from napari.layers import Image

from napari_vdsr.errors import FileError, InputError, VdsrWarning
from napari_vdsr.files import read_image
from napari_vdsr.files.ome_zarr_writer import part_of
from napari_vdsr.layers import plan_layer, upscale_layer
from napari_vdsr.layers.saving import save_enlarged
from napari_vdsr.options import RunOptions
from napari_vdsr.zoo import Model

IMAGE = np.random.default_rng(0).integers(0, 4000, (30, 40)).astype(np.uint16)


def save(layer: Image, path: Path, model: Model, **options: Any) -> None:
    plan = plan_layer(layer, options.pop("factor", 2))
    chosen = RunOptions(model, device="cpu")
    save_enlarged(layer, plan, layer.data, path, chosen, **options)


class Full(Exception):
    """The work was stopped."""


class Stopper:
    """Stops after the first part."""

    def reset(self, total: float | None = None) -> None:
        """Nothing to prepare."""

    def update(self, n: float = 1) -> None:
        """One part is done."""
        raise Full


def mapped(path: Path) -> Any:
    tifffile.imwrite(path, IMAGE)
    return tifffile.memmap(path, mode="r")


def zarr_array(path: Path) -> Any:
    return zarr.create_array(str(path), data=IMAGE, chunks=(16, 16), compressors=None)


def dask_of_zarr(path: Path) -> Any:
    return da.from_zarr(zarr_array(path))


def dask_of_path(path: Path) -> Any:
    zarr_array(path)
    return da.from_zarr(str(path))


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("raw.tif", mapped),
        ("raw.zarr", zarr_array),
        ("raw.zarr", dask_of_zarr),
        ("raw.zarr", dask_of_path),
    ],
)
def test_what_a_layer_shows_is_never_written_over(
    name: str, make: Any, tiny: Model, tmp_path: Path
) -> None:
    layer = Image(make(tmp_path / name), contrast_limits=(0, 4000))
    with pytest.raises((InputError, FileError), match=r"the source itself|exists"):
        save(layer, tmp_path / name, tiny)
    if name.endswith("zarr"):
        with pytest.raises(InputError, match="within the source"):
            save(layer, tmp_path / name / "x.zarr", tiny)
        assert (zarr.open_array(str(tmp_path / name))[:] == IMAGE).all()
    else:
        assert (tifffile.imread(tmp_path / name) == IMAGE).all()


@pytest.mark.parametrize("make", [zarr_array, dask_of_zarr])
def test_an_image_that_changed_meanwhile_is_not_gone_on_with(
    make: Any, tiny: Model, tmp_path: Path
) -> None:
    layer = Image(make(tmp_path / "raw.zarr"), contrast_limits=(0, 4000))
    with pytest.raises(Full):
        save(layer, tmp_path / "out.zarr", tiny, progress=Stopper())
    zarr.open_array(str(tmp_path / "raw.zarr"))[:] = IMAGE + 1
    with pytest.raises(FileError, match="begun with another source files"):
        save(layer, tmp_path / "out.zarr", tiny)


def test_what_another_run_has_begun_is_kept(tiny: Model, tmp_path: Path) -> None:
    layer, target = Image(IMAGE), tmp_path / "out.zarr"
    with pytest.raises(Full):
        save(layer, target, tiny, factor=3, progress=Stopper())
    with pytest.raises(FileError, match="begun with another factor"):
        save(layer, target, tiny)
    assert part_of(target).is_dir()
    save(layer, target, tiny, factor=3)
    assert read_image(target).array.shape == (90, 120)


@pytest.mark.parametrize("name", ["out.zarr", "out.ome.tif"])
def test_a_file_that_is_there_is_replaced_only_when_that_is_allowed(
    name: str, tiny: Model, tmp_path: Path
) -> None:
    layer, other, target = Image(IMAGE), Image(IMAGE[:20]), tmp_path / name
    save(layer, target, tiny)
    with pytest.raises(FileError, match="exists already"):
        save(other, target, tiny)
    assert read_image(target).array.shape == (60, 80)
    if name.endswith("zarr"):
        with pytest.raises(Full):
            save(layer, target, tiny, overwrite=True, progress=Stopper())
        assert read_image(target).array.shape == (60, 80), "until the new one is made"
    save(other, target, tiny, overwrite=True)
    assert read_image(target).array.shape == (40, 80)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_only_files_that_are_written_by_parts_are_offered(
    tiny: Model, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="cannot be written part by part"):
        save(Image(IMAGE), tmp_path / "out.png", tiny)
    assert not list(tmp_path.iterdir())


def test_a_tiff_file_says_time_right_and_that_it_has_no_place(
    tiny: Model, tmp_path: Path
) -> None:
    layer = Image(
        np.stack([IMAGE, IMAGE]),
        scale=(20, 0.5, 0.5),
        translate=(0, 10, 20),
        units=("ms", "um", "um"),
        axis_labels=("t", "y", "x"),
    )
    with pytest.warns(VdsrWarning, match=r"where the image lies \(at .*y = 9\.875"):
        save(layer, tmp_path / "out.ome.tif", tiny)
    with tifffile.TiffFile(tmp_path / "out.ome.tif") as tif:
        assert 'TimeIncrementUnit="ms"' in (tif.ome_metadata or "")
        assert 'TimeIncrement="20' in (tif.ome_metadata or "")
    layer.translate = (0, 0, 0)
    save(layer, tmp_path / "at-origin-x4.ome.tif", tiny, factor=4)
    save(layer, tmp_path / "at-origin.ome.tif", tiny)
    expected = upscale_layer(layer, 2, model=tiny, device="cpu").data
    found = read_image(tmp_path / "at-origin.ome.tif").array
    assert np.abs(found.astype(int) - expected).max() <= 1
