"""Images larger than memory: the figures of the whole, from a plane at a time."""

import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import tifffile
import zarr
from napari.layers import Image
from numpy.typing import NDArray

from napari_vdsr import api, evaluate
from napari_vdsr.errors import Cancelled, FileError, InputError, VdsrError
from napari_vdsr.evaluation.acquisition import resized
from napari_vdsr.evaluation.data_range import range_of
from napari_vdsr.evaluation.evaluate import compare, evaluate_pairs
from napari_vdsr.evaluation.grids import compare_on_grid
from napari_vdsr.files import tiff_pixels
from napari_vdsr.images import stack
from napari_vdsr.zoo import Model

RNG = np.random.default_rng(0)
KINDS: dict[str, NDArray[Any]] = {
    "uint8": RNG.integers(0, 255, (2, 3, 30, 40), np.uint8),
    "uint16": RNG.integers(90, 4000, (2, 3, 30, 40), np.uint16),
    "unit": RNG.random((2, 3, 30, 40), np.float32),
    "floats": RNG.normal(0, 5, (2, 3, 30, 40)),
    "plane": RNG.integers(0, 4000, (30, 40), np.uint16),
}


def noisy(array: NDArray[Any]) -> NDArray[Any]:
    noise = RNG.normal(0, 0.1 * np.ptp(array), array.shape)
    if array.dtype.kind == "f":
        return (array + noise).astype(array.dtype)
    limits = np.iinfo(array.dtype)
    return (array + noise).clip(limits.min, limits.max).astype(array.dtype)


def as_zarr(path: Path, array: NDArray[Any]) -> Path:
    chunks = (*(1 for _ in array.shape[:-2]), *array.shape[-2:])
    zarr.create_array(str(path.with_suffix(".zarr")), data=array, chunks=chunks)
    return path.with_suffix(".zarr")


def as_tiff(path: Path, array: NDArray[Any]) -> Path:
    options: dict[str, Any] = {"compression": "zlib", "photometric": "minisblack"}
    tifffile.imwrite(path.with_suffix(".tif"), array, **options)
    return path.with_suffix(".tif")


WAYS: dict[str, Callable[[Path, NDArray[Any]], Any]] = {
    "file of zarr": as_zarr,
    "file of TIFF": as_tiff,
    "zarr": lambda path, array: zarr.open_array(str(as_zarr(path, array)), mode="r"),
    "dask": lambda path, array: da.from_array(array, chunks=16),
    "layer": lambda path, array: Image(
        da.from_array(array, chunks=16), contrast_limits=(0, 1)
    ),
}


KEPT = {"some kept": 8e3, "kept": 64e6}


@pytest.fixture(params=[0, *KEPT.values()], ids=["read again", *KEPT])
def kept(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack, "KEPT", request.param)


# Not all of these images agree with the range that is given.
@pytest.mark.filterwarnings("ignore::napari_vdsr.errors.VdsrWarning")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("kind", "kept"),
    # What is kept of an image does not depend on its pixels.
    [*((kind, "read again") for kind in KINDS), *(("floats", kept) for kept in KEPT)],
)
def test_the_figures_are_those_of_the_whole(
    tmp_path: Path, kind: str, kept: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack, "KEPT", KEPT.get(kept, 0))
    reference, image = KINDS[kind], noisy(KINDS[kind])
    pair = [
        WAYS[way](tmp_path / name, array)
        for name, array in (("truth", reference), ("image", image))
    ]
    for options in ({}, {"fit": True, "border": 3}, {"data_range": 300.0}):
        expected = api.psnr(reference, image, rgb=False, **options)
        found = api.psnr(*pair, **options)
        assert found.errors == expected.errors
        assert found.data_range == expected.data_range
        assert found.fitted == expected.fitted
        if kind != "plane" and "TIFF" not in way:
            assert found.stack == expected.stack


@pytest.mark.usefixtures("kept")
def test_colours_are_compared_alike(tmp_path: Path) -> None:
    colour = RNG.integers(0, 4000, (2, 30, 40, 3), np.uint16)
    other = noisy(colour)
    paths = []
    for name, array in (("a.tif", colour), ("b.tif", other)):
        planes = np.moveaxis(array, -1, 1)
        options = {"photometric": "rgb", "planarconfig": "separate"}
        tifffile.imwrite(tmp_path / name, planes, compression="zlib", **options)
        paths.append(tmp_path / name)
    for luminance in (True, False):
        expected = api.psnr(colour, other, rgb=True, luminance=luminance)
        found = api.psnr(*paths, luminance=luminance)
        lazy = api.psnr(
            *map(da.from_array, (colour, other)), rgb=True, luminance=luminance
        )
        assert found.errors == expected.errors
        assert lazy.errors == expected.errors
        assert found.data_range == lazy.data_range == expected.data_range


def test_gaps_and_infinities_are_counted_over_all_planes() -> None:
    reference = KINDS["floats"].copy()
    reference[0, 1] = np.nan
    reference[1, 2, 3, 4] = np.nan
    lazy = da.from_array(reference)
    with pytest.raises(InputError, match="no pixel that is a number"):
        api.psnr(lazy, reference)
    valid = reference[1]
    report = api.psnr(da.from_array(valid), valid)
    assert report.data_range.value == np.nanmax(valid) - np.nanmin(valid)
    assert report.left_out == 1
    reference[0, 0, 0, :2] = np.inf
    reference[1, 1, 0, 0] = -np.inf
    with pytest.raises(InputError, match="the reference has 3 infinite values"):
        api.psnr(da.from_array(reference), KINDS["floats"])


@pytest.mark.parametrize("way", ["file of zarr", "file of TIFF", "zarr", "dask"])
def test_memory_is_that_of_a_few_planes(
    tmp_path: Path,
    way: str,
    monkeypatch: pytest.MonkeyPatch,
    memory_below: Callable[[float], AbstractContextManager[None]],
) -> None:
    shape = (90, 128, 256)  # of 6 MB, which are not kept
    monkeypatch.setattr(stack, "KEPT", 4e6)
    monkeypatch.setattr(tiff_pixels, "_KEPT", 2_000_000)
    planes = [RNG.integers(0, 4000, shape[1:], np.uint16) for _ in range(2)]
    path = tmp_path / "a.zarr"
    array = zarr.create_array(
        str(path), shape=shape, chunks=(1, *shape[1:]), dtype="uint16"
    )
    for number in range(shape[0]):
        array[number] = planes[number % 2]
    image: Any = {"file of zarr": path, "zarr": array}.get(way)
    if way == "file of TIFF":
        image = tmp_path / "a.tif"
        tifffile.imwrite(
            image, (planes[n % 2] for n in range(90)), shape=shape, dtype="uint16"
        )
    elif way == "dask":
        image = da.from_zarr(str(path))
    small = as_zarr(tmp_path / "small", KINDS["uint16"])
    api.psnr(small, da.from_zarr(str(small)), fit=True)  # imports do not count
    with memory_below(4e6):  # a plane in float64 has 0.3 MB
        report = api.psnr(image, image, fit=True)
    assert report.identical == 90


def test_a_damaged_chunk_is_named(tmp_path: Path) -> None:
    path = as_zarr(tmp_path / "a", KINDS["uint16"])
    (path / "c" / "1" / "0" / "0" / "0").write_bytes(b"damaged")
    with pytest.raises(FileError, match=r"a\.zarr: damaged"):
        api.psnr(path, path)
    array = zarr.open_array(str(path), mode="r")
    with pytest.raises(VdsrError, match=r"plane \(1, 0\) of reference, of shape"):
        api.psnr(array, array)


def test_the_wish_to_stop_is_looked_at_before_each_read() -> None:
    left = iter(range(4))

    def check() -> None:
        if next(left, None) is None:
            raise Cancelled

    planes = da.from_array(KINDS["floats"], chunks=(1, 1, -1, -1))
    pair = compare_on_grid(planes, planes, np.eye(5), check=check)
    with pytest.raises(Cancelled):
        api.psnr(*pair)
    assert next(left, None) is None


def test_small_images_are_read_once() -> None:
    class Counted:
        shape, dtype, reads = (3, 4, 5), np.dtype("float64"), 0

        def __getitem__(self, index: tuple[int, ...]) -> NDArray[Any]:
            self.reads += 1
            return np.full((4, 5), float(index[0]))

    pixels = Counted()
    report = api.psnr(pixels, np.zeros((3, 4, 5)), fit=True)
    assert report.data_range.value == 2
    assert report.roots == (0, 1, 2)
    assert pixels.reads == 3


def counted(array: NDArray[Any], chunks: tuple[int, ...]) -> tuple[da.Array, list[int]]:
    """A lazy array, and one entry for each time that a chunk of it is computed."""
    computed: list[int] = []

    def noted(block: NDArray[Any]) -> NDArray[Any]:
        computed.append(1)
        return block

    lazy = da.from_array(array, chunks=chunks)
    return lazy.map_blocks(noted, meta=np.empty(0, array.dtype)), computed


@pytest.mark.parametrize("chunks", [(1, 3, 15, 40), (2, 1, 30, 20), (2, 3, 30, 40)])
def test_chunks_of_small_images_are_computed_once(chunks: tuple[int, ...]) -> None:
    image, computed = counted(KINDS["floats"], chunks)
    api.psnr(image, noisy(KINDS["floats"]), fit=True)
    assert len(computed) == image.npartitions
    image, computed = counted(KINDS["uint16"], chunks)
    evaluate({"a": image}, model=[], factors=[2, 3, 4], protocol="A", device="cpu")
    assert len(computed) == image.npartitions


@pytest.mark.parametrize(
    ("planes", "chunks", "looks"),
    [
        (8, (8, 1, 8, 8), 4),  # room for all z of two t, of chunks of eight
        (8, (1, 3, 8, 8), 1),
        (24, (8, 1, 8, 8), 1),
        (24, (4, 3, 8, 8), 1),
        (6, (4, 3, 8, 8), 2),
        (1, (4, 1, 8, 8), 4),
    ],
)
def test_chunks_of_large_images_are_computed_once_a_look(
    monkeypatch: pytest.MonkeyPatch,
    planes: int,
    chunks: tuple[int, ...],
    looks: int,
) -> None:
    monkeypatch.setattr(stack, "KEPT", planes * 8 * 8)
    array = RNG.integers(0, 255, (16, 3, 8, 8), np.uint8)  # whose range is known
    lazy, computed = counted(array, chunks)
    assert api.psnr(array, lazy).identical == 48
    assert len(computed) == looks * lazy.npartitions


def test_chunks_of_unequal_depth_are_computed_once_a_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stack, "KEPT", 5 * 8 * 8)
    array = RNG.integers(0, 255, (12, 8, 8), np.uint8)
    chunks: Any = ((3, 5, 1, 3), 8, 8)
    lazy, computed = counted(array, chunks)
    assert api.psnr(array, lazy).identical == 12
    assert len(computed) == 4


opened_files: list[str] = []  # while a test listens
listening = threading.Event()


@sys.addaudithook
def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and listening.is_set():
        opened_files.append(str(arguments[0]))


def test_chunks_of_files_are_decoded_once_a_look(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(stack, "KEPT", 8 * 8 * 8)
    array = RNG.integers(0, 255, (16, 8, 8), np.uint8)
    path = tmp_path / "deep.zarr"
    zarr.create_array(str(path), data=array, chunks=(8, 8, 8))
    opened_files.clear()
    listening.set()
    try:
        assert api.psnr(array, path).identical == 16
    finally:
        listening.clear()
    chunks = str(path / "c")
    read = [name for name in opened_files if name.startswith(chunks)]
    assert sorted(read) == [f"{chunks}/{n}/0/0" for n in range(2)]


def test_a_damaged_chunk_of_several_planes_is_named(tmp_path: Path) -> None:
    path = str(tmp_path / "a.zarr")
    array = zarr.create_array(path, data=KINDS["uint16"], chunks=(1, 3, 30, 40))
    (tmp_path / "a.zarr/c/1/0/0/0").write_bytes(b"damaged")
    with pytest.raises(
        VdsrError, match=r"plane \(1, 0\), or one that lies in the same"
    ):
        api.psnr(array, array)


def test_a_small_cut_of_a_large_image_holds_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
    memory_below: Callable[[float], AbstractContextManager[None]],
) -> None:
    monkeypatch.setattr(stack, "KEPT", 1e6)
    shape = (40, 512, 512)  # of 21 MB
    image = da.random.default_rng(0).integers(
        0, 4000, shape, np.uint16, chunks=(1, 512, 512)
    )
    pair = [
        Image(image, contrast_limits=(0, 4000)),
        Image(
            4000 * np.eye(16, dtype=np.uint16)[None].repeat(40, 0),
            translate=(0, 90, 90),
        ),
    ]
    with memory_below(8e6):
        api.psnr(*pair)


@pytest.mark.parametrize("protocol", ["A", "direct"])
@pytest.mark.parametrize("kind", ["uint8", "uint16", "unit"])
def test_stacks_are_evaluated_as_if_they_were_read_whole(
    tmp_path: Path, tiny: Model, kind: str, protocol: Any
) -> None:
    array = KINDS[kind][0]
    array = array * np.array([1, 0.5, 0.25])[:, None, None]  # each of its own range
    array = array.astype(KINDS[kind].dtype)
    options: dict[str, Any] = {"model": tiny, "protocol": protocol}
    whole = compare(array, 2, rgb=False, **options)
    path = as_zarr(tmp_path / "a", array)
    for image in (path, da.from_zarr(str(path)), array):
        scores = evaluate({"a": image}, factors=2, rgb=False, **options)
        for row, outcome in zip(scores.rows, whole.outcomes, strict=True):
            assert outcome.psnr.fitted is not None
            assert row.psnr == outcome.psnr.mean
            assert row.fitted_psnr == outcome.psnr.fitted.mean
            assert row.ssim == outcome.ssim
            assert row.data_range == whole.pair.data_range
            assert row.pixels == whole.pair.pixels


@pytest.mark.parametrize(
    ("kind", "size", "looks"),
    [
        ("uint8", 47, 3),
        ("uint16", 48, 1 + 3),
        ("uint16", 47, 3 + 3),  # each crop has a range of its own
        ("unit", 47, 1 + 3),
        ("floats", 48, 1 + 3),
        ("floats", 47, 1 + 3 + 3),
    ],
)
def test_large_images_are_read_once_a_factor_and_once_for_the_range(
    monkeypatch: pytest.MonkeyPatch, kind: str, size: int, looks: int
) -> None:
    monkeypatch.setattr(stack, "KEPT", 0)
    top = 1 if kind == "unit" else 100
    array = (RNG.random((2, size, size)) * top).astype(KINDS[kind].dtype)
    if kind != "unit":
        array[1, -1, -1] = 200  # which a crop leaves out
    image, computed = counted(array, (1, size, size))
    scores = evaluate({"a": image}, model=[], factors=[2, 3, 4], device="cpu")
    assert len(computed) == 2 * looks
    for row in scores.rows:
        end = size - size % int(row.factor)
        assert row.data_range == range_of(array[:, :end, :end])


def test_real_pairs_of_stacks_are_scored_with_one_range(tiny: Model) -> None:
    high = KINDS["uint16"][0].copy()
    high[1] //= 4
    low = np.rint(resized(high, (15, 20), rgb=False)).astype(np.uint16)
    pair = da.from_array(high), da.from_array(low)
    scores = evaluate_pairs({"a": pair[0]}, {"a": pair[1]}, model=tiny)
    assert {row.data_range.value for row in scores.rows} == {float(np.ptp(high))}
    with pytest.raises(InputError, match="as many planes"):
        evaluate_pairs({"a": high}, {"a": low[:2]}, model=tiny, rgb=False)
