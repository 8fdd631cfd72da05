"""Files go in, larger files come out."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
import tifffile
from numpy.typing import NDArray

import napari_vdsr
from napari_vdsr import pipeline
from napari_vdsr.errors import FileError
from napari_vdsr.files import Metadata, Picture, read_image, write_image
from napari_vdsr.files.zarr_chunks import is_zarr_folder
from napari_vdsr.zoo import DEFAULT_MODEL

Run = Callable[..., Any]

GREY = skimage.data.camera()[200:224, 200:230]
COLOUR = skimage.data.astronaut()[100:120, 200:226]


def stored(path: Path, array: NDArray[Any], axes: str, **details: Any) -> Path:
    write_image(path, Picture(array, axes, rgb=axes.endswith("S"), **details))
    return path


@pytest.fixture
def grey(tmp_path: Path) -> Path:
    return stored(tmp_path / "grey.png", GREY, "YX")


@pytest.fixture
def no_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in the folder of the image; to enlarge it would fail."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pipeline, "upscale_array", None)


def test_a_file_becomes_what_the_python_function_gives(
    run: Run, grey: Path, tmp_path: Path
) -> None:
    before = grey.read_bytes()
    outcome = run("upscale", grey, tmp_path / "out.png", "--factor", 1.5)
    assert outcome.status == 0
    assert outcome.out == ""
    assert "YX 24 × 30 -> 36 × 45 uint8" in outcome.err
    np.testing.assert_array_equal(
        read_image(tmp_path / "out.png").array, napari_vdsr.upscale(GREY, 1.5)
    )
    assert grey.read_bytes() == before


@pytest.mark.parametrize("there", [False, True])
def test_a_slash_at_the_end_means_a_folder(
    there: bool, run: Run, grey: Path, tmp_path: Path
) -> None:
    """Of a folder that was not there the format could not be told."""
    folder = tmp_path / "new" / "enlarged"
    if there:
        folder.mkdir(parents=True)
    assert run("upscale", grey, f"{folder}/", "--model", "vdsr5").status == 0
    assert read_image(folder / grey.name).array.shape == (48, 60)
    outcome = run("upscale", grey, f"{grey}/", "--model", "vdsr5")
    assert outcome.status == 1
    assert f"cannot make the folder {grey}" in outcome.err
    target = tmp_path / "out.zarr"
    assert run("upscale", grey, f"{target}/", "--model", "vdsr5").status == 0
    assert is_zarr_folder(target)


@pytest.mark.parametrize("target", ["out.png", "out.zarr"])
def test_an_ensemble_reaches_the_file(
    target: str, run: Run, grey: Path, tmp_path: Path
) -> None:
    words = ("--ensemble", "--model", "vdsr5")
    assert run("upscale", grey, tmp_path / target, *words).status == 0
    written = read_image(tmp_path / target).array.astype(int)
    plain = napari_vdsr.upscale(GREY, model="vdsr5")
    expected = napari_vdsr.upscale(GREY, model="vdsr5", ensemble=True)
    assert np.abs(written - expected).max() <= 1  # a tie may go either way
    assert (expected != plain).any()


@pytest.mark.parametrize(("tile", "told"), [(1, True), (64, False)])
def test_tiles_that_are_mostly_margin_are_told(
    tile: int, told: bool, run: Run, tmp_path: Path
) -> None:
    source = stored(tmp_path / "a.png", GREY[:4, :4], "YX")
    outcome = run("upscale", source, tmp_path / "b.png", "--tile", tile)
    assert outcome.status == 0
    assert ("times the work of large tiles" in outcome.err) == told


@pytest.mark.parametrize("large", [False, True])
def test_the_spread_of_an_ensemble_gets_a_file(
    large: bool, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if large:  # which would be written by parts without it
        monkeypatch.setattr(pipeline, "_LARGE", 0)
    stack = np.stack([GREY, GREY[::-1]]).astype(np.uint16) * 9
    size = {"pixel_size": (0.2, 0.2), "unit": "µm"}
    source = stored(tmp_path / "a.ome.tif", stack, "ZYX", **size)
    target, spread = tmp_path / "b.ome.tif", tmp_path / "unsure.ome.tif"
    words = ("--ensemble", "--spread", spread, "--json", "--model", "vdsr5")
    outcome = run("upscale", source, target, *words)
    assert outcome.status == 0, outcome.err
    assert json.loads(outcome.out)["results"][0]["spread"] == str(spread)
    options = {"model": "vdsr5", "ensemble": True, "spread": True}
    expected = napari_vdsr.upscale(stack, **options)
    for path, wanted in zip((target, spread), expected, strict=True):
        written = read_image(path)
        assert (written.array.dtype, written.axes) == (wanted.dtype, "ZYX")
        np.testing.assert_allclose(written.array, wanted, atol=1)
        assert written.pixel_size == pytest.approx((0.1, 0.1))
    assert read_image(spread).array.max() > 1


def test_the_spread_of_colours_is_that_of_each(run: Run, tmp_path: Path) -> None:
    source = stored(tmp_path / "a.png", COLOUR, "YXS")
    spread = tmp_path / "unsure.tif"
    words = ("--ensemble", "--spread", spread, "--model", "vdsr5")
    assert run("upscale", source, tmp_path / "b.png", *words).status == 0
    options = {"model": "vdsr5", "ensemble": True, "spread": True}
    _, wanted = napari_vdsr.upscale(COLOUR, rgb=True, **options)
    np.testing.assert_allclose(read_image(spread).array, wanted, atol=1e-3)


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize(
    ("target", "words", "said"),
    [
        ("b.tif", ("--spread", "c.tif"), "give --ensemble, too"),
        ("b.zarr", ("--ensemble", "--spread", "c.tif"), "leave the spread out"),
        ("b.tif", ("--ensemble", "--spread", "b.tif"), "is the result itself"),
        ("b.tif", ("--ensemble", "--spread", "grey.png"), "source itself"),
        ("b.tif", ("--ensemble", "--spread", "c.png"), "would be float32"),
        ("b.tif", ("--ensemble", "--spread", "c.zarr"), "OME-Zarr"),
        ("b.tif", ("--ensemble", "--spread", "c"), "cannot tell the format"),
    ],
)
def test_a_spread_that_cannot_be_written_is_refused_before_the_work(
    target: str,
    words: tuple[str, ...],
    said: str,
    run: Run,
    grey: Path,
    tmp_path: Path,
) -> None:
    outcome = run("upscale", grey.name, target, *words)
    assert outcome.status == 2
    assert said in outcome.err
    assert list(tmp_path.iterdir()) == [grey]


def test_a_spread_is_refused_for_a_folder_and_where_a_file_exists(
    run: Run, grey: Path, tmp_path: Path
) -> None:
    there = stored(tmp_path / "c.tif", GREY, "YX")
    words = ("--ensemble", "--spread", there)
    outcome = run("upscale", tmp_path, tmp_path / "out", *words)
    assert (outcome.status, "is for one image" in outcome.err) == (2, True)
    outcome = run("upscale", grey, tmp_path / "b.tif", *words)
    assert (outcome.status, "exists already" in outcome.err) == (1, True)
    assert not (tmp_path / "b.tif").exists()
    assert run("upscale", grey, tmp_path / "b.tif", *words, "--overwrite").status == 0


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "or write an OME-Zarr"),
        (("--ensemble", "--spread", "c.tif"), "or leave the spread out"),
    ],
)
def test_what_does_not_fit_into_memory_is_refused_before_the_work(
    words: tuple[str, ...],
    said: str,
    run: Run,
    grey: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pixels = 4 * GREY.size
    # The spread is float32: image and spread together, then each by itself.
    needed = pixels * GREY.itemsize if not words else 2 * pixels * (GREY.itemsize + 4)
    monkeypatch.setattr(pipeline, "free_memory", lambda: needed - 1)
    outcome = run("upscale", grey.name, "b.tif", *words)
    assert (outcome.status, said in outcome.err) == (1, True), outcome.err
    assert list(tmp_path.iterdir()) == [grey]
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pipeline, "free_memory", lambda: needed)
    assert run("upscale", grey.name, "b.tif", *words).status == 0


def test_without_its_spread_there_is_no_result(
    run: Run, grey: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path, *arguments: Any, **options: Any) -> None:
        if path.name == "c.tif":
            raise FileError(f"cannot write {path}: the disk is full")
        write_image(path, *arguments, **options)

    monkeypatch.setattr(pipeline, "write_image", fail)
    words = ("--ensemble", "--spread", tmp_path / "c.tif")
    assert run("upscale", grey, tmp_path / "b.tif", *words).status == 1
    assert list(tmp_path.iterdir()) == [grey]


@pytest.mark.parametrize(
    "dtype",
    "int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64".split(),
)
def test_bit_depth_is_kept(dtype: str, run: Run, tmp_path: Path) -> None:
    source = stored(tmp_path / "a.tif", (GREY // 3).astype(dtype), "YX")
    assert run("upscale", source, tmp_path / "b.tif").status == 0
    result = read_image(tmp_path / "b.tif").array
    assert (result.dtype, result.shape) == (np.dtype(dtype), (48, 60))


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.jpg", "a.bmp"])
def test_colours_are_enlarged_together(name: str, run: Run, tmp_path: Path) -> None:
    source = stored(tmp_path / name, COLOUR, "YXS")
    assert run("upscale", source, tmp_path / "out.tif").status == 0
    expected = napari_vdsr.upscale(read_image(source).array, 2, axes="YXS")
    np.testing.assert_array_equal(read_image(tmp_path / "out.tif").array, expected)


def test_alpha_and_16_bit_png_are_kept(run: Run, tmp_path: Path) -> None:
    alpha = np.full((*COLOUR.shape[:2], 1), 200, np.uint8)
    array = np.concatenate([COLOUR, alpha], axis=2).astype(np.uint16) * 257
    source = stored(tmp_path / "a.png", array, "YXS")
    assert run("upscale", source, tmp_path / "out.png").status == 0
    result = read_image(tmp_path / "out.png").array
    assert (result.dtype, result.shape) == (np.dtype("uint16"), (40, 52, 4))
    assert (result[..., 3] == 200 * 257).all()


def test_grey_with_alpha_is_two_channels(run: Run, tmp_path: Path) -> None:
    array = np.stack([GREY, np.full_like(GREY, 128)], axis=2)
    write_image(tmp_path / "a.png", Picture(array, "YXS"))
    assert run("upscale", tmp_path / "a.png", tmp_path / "out.png").status == 0
    result = read_image(tmp_path / "out.png").array
    np.testing.assert_array_equal(result[..., 0], napari_vdsr.upscale(GREY, 2))
    assert (result[..., 1] == 128).all()


def test_an_ome_stack_keeps_axes_and_gets_smaller_pixels(
    run: Run, tmp_path: Path
) -> None:
    stack = np.random.default_rng(0).integers(0, 4095, (2, 2, 3, 9, 8), np.uint16)
    fields = {"axes": "TCZYX", "PhysicalSizeX": 0.2, "PhysicalSizeY": 0.3}
    tifffile.imwrite(tmp_path / "a.ome.tif", stack, metadata=fields)
    outcome = run(
        "upscale", tmp_path / "a.ome.tif", tmp_path / "b.ome.tif", "--factor", "1,1.3"
    )
    assert outcome.status == 0
    picture = read_image(tmp_path / "b.ome.tif")
    assert (picture.axes, picture.array.shape) == ("TCZYX", (2, 2, 3, 9, 10))
    assert picture.pixel_size == pytest.approx((0.3, 0.2 * 8 / 10))
    assert picture.unit == "µm"
    np.testing.assert_array_equal(
        picture.array, napari_vdsr.upscale(stack, (1, 1.3), axes="TCZYX")
    )


def test_an_imagej_hyperstack_stays_one(run: Run, tmp_path: Path) -> None:
    stack = np.random.default_rng(0).integers(0, 255, (2, 2, 8, 9), np.uint8)
    tifffile.imwrite(
        tmp_path / "a.tif",
        stack,
        imagej=True,
        resolution=(10, 10),
        metadata={"axes": "ZCYX", "unit": "um", "spacing": 0.7},
    )
    assert run("upscale", tmp_path / "a.tif", tmp_path / "b.tif").status == 0
    picture = read_image(tmp_path / "b.tif")
    assert picture.metadata.imagej is not None
    assert picture.metadata.imagej["spacing"] == 0.7
    assert (picture.axes, picture.pixel_size) == ("ZCYX", (0.05, 0.05))
    np.testing.assert_array_equal(picture.array, napari_vdsr.upscale(stack, 2))


@pytest.mark.parametrize("wanted", ["0.2", "200nm", "0.2um", "200 nm", "0.2,0.2"])
def test_a_pixel_size_can_be_asked_for(wanted: str, run: Run, tmp_path: Path) -> None:
    metadata = Metadata(imagej={"unit": "um"})
    source = stored(
        tmp_path / "a.tif",
        GREY,
        "YX",
        pixel_size=(0.3, 0.5),
        unit="µm",
        metadata=metadata,
    )
    outcome = run("upscale", source, tmp_path / "b.tif", "--pixel-size", wanted)
    assert outcome.status == 0, outcome.err
    picture = read_image(tmp_path / "b.tif")
    assert picture.array.shape == (36, 75)
    assert picture.pixel_size == pytest.approx((0.2, 0.2))


def test_axes_can_be_named_and_colours_claimed_or_denied(
    run: Run, tmp_path: Path
) -> None:
    pages = np.ascontiguousarray(COLOUR[:6])
    tifffile.imwrite(tmp_path / "a.tif", pages, photometric="minisblack", metadata=None)
    picture = read_image(tmp_path / "a.tif")
    assert (picture.axes, picture.rgb) == ("IYX", False)
    expected = napari_vdsr.upscale(pages, 2, rgb=True)
    for number, option in enumerate((("--axes", "yxs"), ("--rgb",))):
        target = tmp_path / f"{number}.tif"
        assert run("upscale", tmp_path / "a.tif", target, *option).status == 0
        assert read_image(target).rgb
        np.testing.assert_array_equal(read_image(target).array, expected)
    colour = stored(tmp_path / "c.png", COLOUR, "YXS")
    assert run("upscale", colour, tmp_path / "d.png", "--no-rgb").status == 0
    channels = napari_vdsr.upscale(np.moveaxis(COLOUR, 2, 0), 2, axes="CYX")
    np.testing.assert_array_equal(
        read_image(tmp_path / "d.png").array, np.moveaxis(channels, 0, 2)
    )


def test_json_is_one_object_and_nothing_else(
    run: Run, grey: Path, tmp_path: Path
) -> None:
    outcome = run("upscale", grey, tmp_path / "b.png", "--json", "--device", "cpu")
    result = json.loads(outcome.out)
    assert (result["done"], result["failed"]) == (1, 0)
    entry = result["results"][0]
    assert entry["shape"] == [48, 60]
    assert entry["source_shape"] == [24, 30]
    assert entry["factor"] == [2, 2]
    assert (entry["model"], entry["device"]) == (DEFAULT_MODEL, "cpu")
    assert (entry["precision"], entry["dtype"]) == ("float32", "uint8")


def test_a_folder_as_target_gets_a_file_of_the_same_name(
    run: Run, grey: Path, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    assert run("upscale", grey, tmp_path / "out").status == 0
    assert read_image(tmp_path / "out" / "grey.png").array.shape == (48, 60)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder of two good images and two bad ones."""
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    stored(folder / "a.png", GREY, "YX")
    stored(folder / "sub" / "d.tif", GREY.astype(np.float32), "YX")
    (folder / "b.png").write_bytes((folder / "a.png").read_bytes()[:200])
    stored(folder / "c.tif", GREY > 100, "YX")
    (folder / "notes.txt").write_text("not an image")
    return folder


def test_one_bad_file_does_not_stop_a_folder(
    run: Run, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    outcome = run("upscale", folder, out, "--json")
    assert outcome.status == 1
    made = sorted(str(path.relative_to(out)) for path in out.rglob("*.*"))
    assert made == ["a.png", "sub/d.tif"]
    assert read_image(out / "sub" / "d.tif").array.dtype == np.float32
    assert "2 of 4 images done, 2 failed" in outcome.err
    assert "b.png: damaged" in outcome.err
    result = json.loads(outcome.out)
    assert (result["done"], result["failed"]) == (2, 2)
    errors = {
        Path(entry["input"]).name: entry["error"]["type"]
        for entry in result["results"]
        if "error" in entry
    }
    assert errors == {"b.png": "FileError", "c.tif": "InputError"}


def test_a_folder_done_again_replaces_nothing_unless_told(
    run: Run, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    for bad in ("b.png", "c.tif"):
        (folder / bad).unlink()
    assert run("upscale", folder, out).status == 0
    first = (out / "a.png").read_bytes()
    outcome = run("upscale", folder, out, "--factor", 3)
    assert outcome.status == 1
    assert outcome.err.count("exists already") == 2
    assert (out / "a.png").read_bytes() == first
    (out / "sub" / "d.tif").unlink()  # as if it had been interrupted
    outcome = run("upscale", folder, out, "--skip-existing", "--json")
    assert (outcome.status, outcome.err.count("is there already")) == (0, 1)
    assert "1 of 2 images done, 1 were there, 0 failed" in outcome.err
    skipped = [row.get("skipped") for row in json.loads(outcome.out)["results"]]
    assert skipped == [True, None]
    assert (out / "a.png").read_bytes() == first
    assert (out / "sub" / "d.tif").exists()
    assert run("upscale", folder, out, "--factor", 3, "--overwrite").status == 0
    assert read_image(out / "a.png").array.shape == (72, 90)


def test_what_cannot_be_meant_is_refused(
    run: Run, folder: Path, tmp_path: Path
) -> None:
    outcome = run("upscale", folder, tmp_path / "out.zarr")
    assert outcome.status == 2
    assert "a name that does not end in .zarr" in outcome.err
    outcome = run("upscale", folder / "a.png", tmp_path / "b.png", "--skip-existing")
    assert outcome.status == 2
    outcome = run("upscale", tmp_path / "nothing", tmp_path / "out")
    assert outcome.status == 1
    assert "it does not exist" in outcome.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("place", [".", "out", "..", "sub/../out"])
def test_results_never_go_into_the_folder_of_the_sources(
    place: str, run: Run, folder: Path
) -> None:
    before = sorted(folder.rglob("*"))
    outcome = run("upscale", folder, folder / place)
    assert outcome.status == 2
    assert "lie within each other" in outcome.err
    assert sorted(folder.rglob("*")) == before


def test_an_empty_folder_is_an_error(run: Run, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    outcome = run("upscale", tmp_path / "in", tmp_path / "out")
    assert outcome.status == 1
    assert "holds no image" in outcome.err
    assert not (tmp_path / "out").exists()


def test_a_result_that_links_to_another_image_of_the_folder_is_refused(
    run: Callable[..., Any], tmp_path: Path
) -> None:
    inputs, results = tmp_path / "in", tmp_path / "out"
    inputs.mkdir()
    results.mkdir()
    image = np.zeros((20, 30), np.uint8)
    for name in "ab":
        tifffile.imwrite(inputs / f"{name}.tif", image)
    (results / "a.tif").symlink_to(inputs / "b.tif")
    done = run("upscale", inputs, results, "--overwrite", "--model", "vdsr5")
    assert done.status == 1
    assert "a.tif is the source itself" in done.err
    assert "1 of 2 images done, 1 failed" in done.err
    assert tifffile.imread(inputs / "b.tif").shape == (20, 30)
    assert tifffile.imread(results / "b.tif").shape == (40, 60)


@pytest.mark.parametrize("name", ["x" * 300, "/".join(["x" * 200] * 30)])
def test_a_name_that_is_too_long_is_no_fault(
    name: str, run: Callable[..., Any], tmp_path: Path
) -> None:
    source = tmp_path / "a.tif"
    tifffile.imwrite(source, np.zeros((20, 30), np.uint8))
    for arguments in ((source, f"{name}.tif"), (f"{name}.tif", source)):
        done = run("upscale", *arguments)
        assert done.status == 1
        assert "too long" in done.err
        assert "fault of" not in done.err
