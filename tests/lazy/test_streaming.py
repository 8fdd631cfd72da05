"""Files become larger OME-Zarrs chunk by chunk, whatever happens on the way."""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from streaming_helpers import (
    as_if_stopped,
    files_of,
    noise,
    plain_zarr,
    stream,
    tiny_model,
)

from napari_vdsr import upscale
from napari_vdsr.errors import Cancelled, FileError, InputError
from napari_vdsr.files import open_image
from napari_vdsr.files.ome_zarr_writer import move_into_place, part_of
from napari_vdsr.files.partial_zarr import Counts, PartialZarr
from napari_vdsr.zoo import Model

# Five chunks of level 0 a plane, and pyramid levels of 380 x 550 and 190 x 275.
SHAPE = (2, 380, 550)


@pytest.fixture(scope="module")
def model() -> Model:
    return tiny_model()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    return plain_zarr(folder / "in.zarr", noise(SHAPE), names="zyx")


@pytest.fixture(scope="module")
def whole(source: Path, model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the result of a run that nothing interrupts."""
    target = tmp_path_factory.mktemp("whole") / "out.zarr"
    stream(source, target, model, axes="ZYX")
    return target


def test_the_result_is_that_of_the_array(
    source: Path, whole: Path, model: Model
) -> None:
    result = zarr.open_array(str(whole / "0"), mode="r")
    assert result.chunks == (1, 512, 512)
    expected = upscale(noise(SHAPE), 2, model=model, axes="ZYX", device="cpu")
    # Other tiles, so other roundings, of which a few reach the next whole number.
    difference = np.abs(result[:].astype(int) - expected)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-3
    assert not part_of(whole).exists()
    assert files_of(whole)["zarr.json"]


# zarr does not store chunks of zeros, which small images have by chance.
pytestmark = pytest.mark.filterwarnings("ignore:.*chunks are not stored")

AXES = ["YX", "XY", "ZYX", "YXZ", "CZYX", "YXS", "SYX", "ZSYX", "TYXC"]


@given(
    axes=st.sampled_from(AXES),
    dtype=st.sampled_from(["uint8", "uint16", "int32", "float32", "float64"]),
    factor=st.sampled_from([1, 2, 1.3, (1, 2.5), (3, 1.7), 5]),
    version=st.sampled_from(["0.4", "0.5"]),
    data=st.data(),
)
@settings(max_examples=20)
def test_any_axes_dtype_and_factor(
    axes: str,
    dtype: str,
    factor: Any,
    version: str,
    data: st.DataObject,
    model: Model,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("any")
    sizes = {axis: data.draw(st.integers(1, 40)) for axis in "YX"}
    sizes |= {"S": 3, "Z": 2, "C": 2, "T": 2}
    array = noise(tuple(sizes[axis] for axis in axes), dtype)
    chunks = tuple(data.draw(st.integers(1, size)) for size in array.shape)
    source = plain_zarr(folder / "in.zarr", array, chunks=chunks)
    warns = pytest.warns(match="two passes") if factor == 5 else no_warning()
    with warns, open_image(source, axes_told=True) as image:
        expected = upscale(array, factor, model=model, axes=axes, device="cpu")
        named = replace(image, picture=replace(image.picture, axes=axes))
        stream(
            source,
            folder / "out.zarr",
            model,
            axes=axes,
            factor=factor,
            version=version,
            opener=lambda: named,
        )
    result = zarr.open_array(str(folder / "out.zarr" / "0"), mode="r")
    order = sorted(range(len(axes)), key=lambda axis: "TCSZYX".index(axes[axis]))
    expected = expected.transpose(order)
    assert (result.shape, result.dtype) == (expected.shape, expected.dtype)
    tolerance = 1 if array.dtype.kind in "iu" else 4000 * 1e-5
    np.testing.assert_allclose(
        np.asarray(result[...], float), expected.astype(float), rtol=0, atol=tolerance
    )


def no_warning() -> Any:
    from contextlib import nullcontext

    return nullcontext()


def test_every_level_covers_the_same_place(whole: Path) -> None:
    entry = zarr.open_group(str(whole), mode="r").attrs["ome"]["multiscales"][0]
    assert [dataset["path"] for dataset in entry["datasets"]] == ["0", "1", "2"]
    for dataset in entry["datasets"]:
        shape = zarr.open_array(str(whole / dataset["path"]), mode="r").shape
        scale, translation = dataset["coordinateTransformations"]
        for axis in (1, 2):
            step, first = scale["scale"][axis], translation["translation"][axis]
            assert first - step / 2 == pytest.approx(-0.5)
            assert first + step * (shape[axis] - 0.5) == pytest.approx(
                SHAPE[axis] - 0.5
            )


def test_levels_are_reduced_without_a_shift(tmp_path: Path) -> None:
    model = tiny_model(residual=False)
    y, x = np.mgrid[0:301, 0:402]
    ramp = (3 * y + 5 * x).astype(np.float32)
    source = plain_zarr(tmp_path / "in.zarr", ramp)
    stream(source, tmp_path / "out.zarr", model, axes="YX")
    entry = zarr.open_group(str(tmp_path / "out.zarr")).attrs["ome"]["multiscales"][0]
    dataset = entry["datasets"][1]
    level = zarr.open_array(str(tmp_path / "out.zarr" / "1"))[...]
    scale, translation = (
        next(iter(values for key, values in step.items() if key != "type"))
        for step in dataset["coordinateTransformations"]
    )
    rows, columns = (
        translation[axis] + scale[axis] * np.arange(level.shape[axis])
        for axis in (0, 1)
    )
    expected = 3 * rows[:, None] + 5 * columns
    inner = (slice(8, -8), slice(8, -8))
    np.testing.assert_allclose(level[inner], expected[inner], atol=0.05)


def test_gaps_stay_gaps_on_every_level(tmp_path: Path, model: Model) -> None:
    image = noise((300, 300), "float32")
    image[100:180, 100:180] = np.nan
    source = plain_zarr(tmp_path / "in.zarr", image)
    stream(source, tmp_path / "out.zarr", model, axes="YX")
    for level, (start, stop) in enumerate([(200, 360), (100, 180)]):
        pixels = zarr.open_array(str(tmp_path / "out.zarr" / str(level)))[...]
        holes = np.argwhere(np.isnan(pixels))
        assert holes.min() in range(start - 6, start + 1)
        assert holes.max() in range(stop - 1, stop + 6)


def test_memory_is_bounded_by_what_is_read_and_made_at_a_time(
    source: Path, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []
    with open_image(source) as image:

        class Watched:
            shape, dtype = image.pixels.shape, image.pixels.dtype

            def __getitem__(self, key: Any) -> Any:
                pixels = image.pixels[key]
                read.append(pixels.size)
                return pixels

        watched = replace(image, pixels=Watched())
        written = []
        real = PartialZarr.write

        def write(part: PartialZarr, level: int, chunk: Any, pixels: Any) -> int:
            written.append(pixels.size)
            return real(part, level, chunk, pixels)

        monkeypatch.setattr(PartialZarr, "write", write)
        target = tmp_path / "out.zarr"
        stream(source, target, model, axes="ZYX", opener=lambda: watched)
    # A chunk of level 1, which is the source, and what a chunk of level 0 needs.
    assert max(written) <= 512**2
    assert max(read) <= 512**2
    assert (256 + 16) ** 2 >= max(size for size in read if size not in written)


def test_progress_counts_every_pixel_of_every_level(
    source: Path, model: Model, tmp_path: Path, progress: Any
) -> None:
    stream(source, tmp_path / "out.zarr", model, axes="ZYX", progress=progress)
    assert (
        progress.done == progress.total == 2 * sum((760 * 1100, 380 * 550, 190 * 275))
    )


@pytest.mark.parametrize("updates", [1, 9, 13])
def test_a_cancelled_run_is_gone_on_with(
    updates: int, source: Path, whole: Path, model: Model, tmp_path: Path, progress: Any
) -> None:
    target = tmp_path / "out.zarr"
    progress.last = updates
    with pytest.raises(Cancelled):
        stream(source, target, model, axes="ZYX", progress=progress)
    assert not target.exists()
    counts = stream(source, target, model, axes="ZYX")
    assert (counts.good, counts.damaged) == (updates, 0)
    assert files_of(target) == files_of(whole)


def test_a_damaged_chunk_is_found_and_made_again(
    source: Path, whole: Path, model: Model, tmp_path: Path, progress: Any
) -> None:
    target = tmp_path / "out.zarr"
    progress.last = 14
    with pytest.raises(Cancelled):
        stream(source, target, model, axes="ZYX", progress=progress)
    chunks = part_of(target) / "0" / "c"
    flipped = chunks / "0" / "1" / "0"
    content = bytearray(flipped.read_bytes())
    content[len(content) // 2] ^= 1
    flipped.write_bytes(content)
    short = chunks / "1" / "0" / "2"
    short.write_bytes(short.read_bytes()[:-100])
    (chunks / "1" / "1" / "1").write_bytes(b"")
    (chunks / "0" / "0" / "0").unlink()
    counts = stream(source, target, model, axes="ZYX")
    assert (counts.good, counts.damaged) == (10, 3)
    assert files_of(target) == files_of(whole)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_chunks_of_nothing_but_zeros_are_there_as_well(
    version: str, model: Model, tmp_path: Path
) -> None:
    source = plain_zarr(tmp_path / "in.zarr", np.zeros((20, 30), np.uint16))
    target = tmp_path / "out.zarr"
    stream(source, target, model, axes="YX", version=version)
    as_if_stopped(target)
    counts = stream(source, target, model, axes="YX", version=version)
    assert (counts.good, counts.missing) == (1, 0)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_any_flipped_bit_of_a_chunk_is_damage(
    version: str, model: Model, tmp_path: Path
) -> None:
    source = plain_zarr(tmp_path / "in.zarr", noise((12, 14), "uint8"))
    target = tmp_path / "out.zarr"
    stream(source, target, model, axes="YX", version=version)
    part = as_if_stopped(target)
    (file,) = [path for path in part.folder.rglob("0") if path.is_file()]
    content = file.read_bytes()
    assert part.state(0, (0, 0)) == "good"
    for place in range(0, 8 * len(content), 7):
        flipped = bytearray(content)
        flipped[place // 8] ^= 1 << place % 8
        file.write_bytes(flipped)
        assert part.state(0, (0, 0)) == "damaged", f"bit {place}"


PROGRAM = """
import sys
sys.path.insert(0, {helpers!r})
from pathlib import Path
from streaming_helpers import stream, tiny_model

class Slow:
    def reset(self, total=None): pass
    def update(self, n=1): print("chunk", flush=True)

stream(Path(sys.argv[1]), Path(sys.argv[2]), tiny_model(), axes="ZYX", progress=Slow())
"""


def test_a_killed_run_is_gone_on_with(
    source: Path, whole: Path, model: Model, tmp_path: Path, progress: Any
) -> None:
    target = tmp_path / "out.zarr"
    program = PROGRAM.format(helpers=str(Path(__file__).parent))
    command = [sys.executable, "-c", program, str(source), str(target)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        for _ in range(2):
            assert running.stdout.readline() == "chunk\n"
        time.sleep(0.005)  # somewhere within a chunk
        running.send_signal(signal.SIGKILL)
    assert running.returncode == -signal.SIGKILL
    progress.last = 5
    with pytest.raises(Cancelled):
        stream(source, target, model, axes="ZYX", progress=progress)
    (part_of(target) / "0" / "c" / "0" / "0" / "0.77.partial").write_bytes(b"half")
    counts = stream(source, target, model, axes="ZYX")
    assert counts.good >= 5
    assert counts.missing > 0
    assert files_of(target) == files_of(whole)


def test_two_runs_do_not_write_one_image(
    source: Path, whole: Path, model: Model, tmp_path: Path
) -> None:
    target = tmp_path / "out.zarr"
    program = PROGRAM.format(helpers=str(Path(__file__).parent))
    command = [sys.executable, "-c", program, str(source), str(target)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "chunk\n"
        running.send_signal(signal.SIGSTOP)  # so that it does not end meanwhile
        before = files_of(tmp_path)
        for overwrite in (False, True):
            with pytest.raises(FileError, match="another run is writing"):
                stream(source, target, model, axes="ZYX", overwrite=overwrite)
        assert files_of(tmp_path) == before
        running.kill()
    counts = stream(source, target, model, axes="ZYX")
    assert counts.good >= 1
    assert files_of(target) == files_of(whole)
    assert [path.name for path in tmp_path.iterdir()] == ["out.zarr"]


def test_a_file_size_limit_keeps_what_is_finished(
    source: Path, whole: Path, model: Model, tmp_path: Path, progress: Any
) -> None:
    resource = pytest.importorskip("resource", reason="file size limits are POSIX")
    target = tmp_path / "out.zarr"
    progress.last = 3
    with pytest.raises(Cancelled):
        stream(source, target, model, axes="ZYX", progress=progress)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with pytest.raises(FileError, match=r"disk is full.*run the same command"):
            stream(source, target, model, axes="ZYX")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    counts = stream(source, target, model, axes="ZYX")
    assert (counts.good, counts.damaged) == (3, 0)
    assert files_of(target) == files_of(whole)


@pytest.fixture
def small_disk(mounted: Callable[[str], Path]) -> Path:
    """Give a file system of 3 MB."""
    return mounted("3m")


def test_a_full_disk_keeps_what_is_finished(
    source: Path, whole: Path, model: Model, small_disk: Path
) -> None:
    target = small_disk / "out.zarr"
    with pytest.raises(FileError, match="disk is full"):
        stream(source, target, model, axes="ZYX")
    subprocess.run(
        ["mount", "-o", "remount,size=20m", str(small_disk)],
        check=True,
    )
    counts = stream(source, target, model, axes="ZYX")
    assert counts.good > 0
    assert counts.damaged == 0
    assert files_of(target) == files_of(whole)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"factor": 3}, r"another factor \(\[2\.0, 2\.0\] then, \[3\.0, 3\.0\] now\)"),
        ({"version": "0.4"}, r"another OME-Zarr \(0\.5 then, 0\.4 now\)"),
    ],
)
def test_another_job_is_refused_with_what_differs(
    change: dict[str, Any],
    message: str,
    source: Path,
    model: Model,
    tmp_path: Path,
    progress: Any,
) -> None:
    target = tmp_path / "out.zarr"
    progress.last = 2
    with pytest.raises(Cancelled):
        stream(source, target, model, axes="ZYX", progress=progress)
    before = files_of(part_of(target))
    with pytest.raises(FileError, match=message) as caught:
        stream(source, target, model, axes="ZYX", **change)
    assert "--overwrite" in str(caught.value)
    assert files_of(part_of(target)) == before
    stream(source, target, model, axes="ZYX", overwrite=True, **change)
    assert target.is_dir()


@pytest.mark.parametrize("kind", ["tif", "zarr"])
def test_a_changed_source_is_another_job(
    kind: str, model: Model, tmp_path: Path, progress: Any
) -> None:
    source, target = tmp_path / f"in.{kind}", tmp_path / "out.zarr"
    if kind == "tif":
        tifffile.imwrite(source, noise((300, 400)))
    else:
        plain_zarr(source, noise((300, 400)), compressors=None)
    progress.last = 1
    with pytest.raises(Cancelled):
        stream(source, target, model, axes="YX", progress=progress)
    if kind == "tif":
        tifffile.imwrite(source, noise((300, 400)) + 1)
    else:
        zarr.open_array(str(source))[:] = noise((300, 400)) + 1
    with pytest.raises(FileError, match=r"another source changed_ns"):
        stream(source, target, model, axes="YX")


def test_two_images_at_once_do_not_close_each_other(
    model: Model, tmp_path: Path
) -> None:
    names = [f"{number}" for number in range(6)]
    for name in names:
        tifffile.imwrite(tmp_path / f"{name}.tif", noise((600, 700)), tile=(64, 64))

    def work(name: str) -> Counts:
        source, target = tmp_path / f"{name}.tif", tmp_path / f"{name}.zarr"
        return stream(source, target, model, axes="YX")

    with ThreadPoolExecutor(len(names)) as pool:
        counts = list(pool.map(work, names))
    assert [count.missing for count in counts] == [counts[0].missing] * len(names)
    first = files_of(tmp_path / "0.zarr" / "0")
    assert all(files_of(tmp_path / f"{name}.zarr" / "0") == first for name in names)


def test_a_zarr_that_cannot_be_moved_into_place_leaves_the_old_one(
    whole: Path, tmp_path: Path
) -> None:
    target = plain_zarr(tmp_path / "out.zarr", noise((4, 4)))
    old = files_of(target)
    shutil.copytree(whole, part_of(target))
    shutil.rmtree(part_of(target))  # a disk that goes away
    with pytest.raises(FileError, match="cannot write"):
        move_into_place(part_of(target), target, overwrite=True)
    assert files_of(target) == old
    assert [path.name for path in tmp_path.iterdir()] == ["out.zarr"]


def test_what_is_no_half_made_image_of_ours_is_left_alone(
    source: Path, model: Model, tmp_path: Path
) -> None:
    target = tmp_path / "out.zarr"
    part_of(target).mkdir()
    (part_of(target) / "precious").write_bytes(b"x")
    for overwrite in (False, True):
        with pytest.raises(FileError, match="not begun by this program"):
            stream(source, target, model, axes="ZYX", overwrite=overwrite)
    assert (part_of(target) / "precious").exists()


def test_an_existing_target_is_replaced_only_when_told_and_only_if_a_zarr(
    source: Path, whole: Path, model: Model, tmp_path: Path
) -> None:
    target = plain_zarr(tmp_path / "out.zarr", noise((4, 4)))
    with pytest.raises(FileError, match="exists already"):
        stream(source, target, model, axes="ZYX")
    stream(source, target, model, axes="ZYX", overwrite=True)
    assert files_of(target) == files_of(whole)
    photos = tmp_path / "photos.zarr"
    photos.mkdir()
    (photos / "a.png").write_bytes(b"x")
    with pytest.raises(FileError, match="it is no zarr"):
        stream(source, photos, model, axes="ZYX", overwrite=True)
    assert (photos / "a.png").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "out.zarr",
        "photos.zarr",
    ]


def test_pixels_that_cannot_be_enlarged_leave_nothing_behind(
    model: Model, tmp_path: Path
) -> None:
    image = noise((300, 300), "float32")
    image[290, 290] = np.inf
    for number, (pixels, message) in enumerate(
        [
            (image, "1 of .* infinite"),
            (image > 100, "dtype bool"),
            (image.astype("complex64"), "dtype complex64"),
        ]
    ):
        source = plain_zarr(tmp_path / f"{number}.zarr", pixels)
        with pytest.raises(InputError, match=message):
            stream(source, tmp_path / "out.zarr", model, axes="YX")
        assert not [path for path in tmp_path.iterdir() if "out" in path.name]


def test_the_result_says_how_it_came_about(
    source: Path, whole: Path, model: Model
) -> None:
    told = zarr.open_group(str(whole), mode="r").attrs["napari-vdsr"]
    json.dumps(told)
    assert told["model"] == "tiny"
    assert told["factor"] == [2, 2]
    assert told["source"]["name"] == "in.zarr"
    assert told["precision"] == "float32"
