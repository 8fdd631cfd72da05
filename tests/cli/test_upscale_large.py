"""Files too large for memory, by command: OME-Zarr, and TIFF by parts."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
import zarr

from napari_vdsr import pipeline
from napari_vdsr.files import read_image
from napari_vdsr.network import VDSR
from napari_vdsr.zoo import Model

Run = Callable[..., Any]

STACK = np.random.default_rng(0).integers(0, 4000, (2, 3, 40, 50), np.uint16)
COLOUR = np.random.default_rng(1).integers(0, 255, (40, 50, 3), np.uint8)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the file of a model that is quick to run."""
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        Model(VDSR(3, features=4).requires_grad_(False), "tiny").save(path)
    return path


@pytest.fixture
def upscale(run: Run, tiny: Path) -> Run:
    def upscale(*arguments: object) -> Any:
        return run("upscale", *arguments, "--model", tiny, "--device", "cpu")

    return upscale


def test_an_ome_zarr_is_made_and_gone_on_with(upscale: Run, tmp_path: Path) -> None:
    source, target = tmp_path / "a.ome.tif", tmp_path / "out.zarr"
    tifffile.imwrite(source, STACK, metadata={"axes": "ZCYX", "PhysicalSizeX": 0.2})
    outcome = upscale(source, target, "--json")
    assert outcome.status == 0, outcome.err
    (result,) = json.loads(outcome.out)["results"]
    assert (result["axes"], result["shape"]) == ("CZYX", [3, 2, 80, 100])
    assert result["source_shape"] == [3, 2, 40, 50]
    assert result["chunks"] == {"found": 0, "remade": 0, "made": 6}
    assert result["precision"] == "float32"

    assert "exists already" in upscale(source, target).err
    target.rename(tmp_path / "out.zarr.part")
    chunk = tmp_path / "out.zarr.part" / "0" / "c" / "0" / "1" / "0" / "0"
    chunk.write_bytes(b"damaged")
    outcome = upscale(source, target)
    assert outcome.status == 0
    assert "5 chunks of an earlier run are good, 1 are damaged" in outcome.err

    (tmp_path / "out.zarr").rename(tmp_path / "out.zarr.part")
    outcome = upscale(source, target, "--factor", 3)
    assert outcome.status == 1
    assert "begun with another factor" in outcome.err
    assert upscale(source, target, "--factor", 3, "--overwrite").status == 0
    assert zarr.open_array(str(target / "0"), mode="r").shape == (3, 2, 120, 150)


def test_the_version_of_ome_zarr_can_be_chosen(upscale: Run, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", STACK[0, 0])
    for version, file in (("0.4", ".zattrs"), ("0.5", "zarr.json")):
        target = tmp_path / f"{version}.zarr"
        assert upscale(tmp_path / "a.tif", target, "--ome-zarr", version).status == 0
        assert (target / file).exists()
    outcome = upscale(tmp_path / "a.tif", tmp_path / "b.zarr", "--ome-zarr", "0.3")
    assert outcome.status == 2


def test_an_ome_zarr_becomes_an_ome_tiff(upscale: Run, tmp_path: Path) -> None:
    source = tmp_path / "a.ome.tif"
    fields = {
        "axes": "CYX",
        "PhysicalSizeX": 0.2,
        "PhysicalSizeY": 0.2,
        "Channel": {"Name": ["a", "b", "c"]},
    }
    tifffile.imwrite(source, STACK[0], metadata=fields)
    assert upscale(source, tmp_path / "b.zarr", "--factor", 1).status == 0
    assert upscale(tmp_path / "b.zarr", tmp_path / "c.tif").status == 0
    picture = read_image(tmp_path / "c.tif")
    assert (picture.axes, picture.unit) == ("CYX", "µm")
    assert picture.pixel_size == pytest.approx((0.1, 0.1))
    assert picture.metadata.ome is not None
    assert 'Name="b"' in picture.metadata.ome
    assert upscale(source, tmp_path / "d.tif").status == 0
    np.testing.assert_array_equal(picture.array, read_image(tmp_path / "d.tif").array)


def test_three_channels_are_no_colours_unless_told(
    upscale: Run, tmp_path: Path
) -> None:
    source = tmp_path / "a.zarr"
    zarr.create_array(
        str(source), data=np.moveaxis(COLOUR, 2, 0), dimension_names=["c", "y", "x"]
    )
    assert upscale(source, tmp_path / "b.tif").status == 0
    channels = read_image(tmp_path / "b.tif")
    assert (channels.axes, channels.rgb) == ("CYX", False)
    for number, told in enumerate((("--rgb",), ("--axes", "SYX"))):
        target = tmp_path / f"{number}.tif"
        assert upscale(source, target, *told).status == 0
        colours = read_image(target)
        assert (colours.axes, colours.rgb) == ("YXS", True)
        expected = tmp_path / f"e{number}.tif"
        tifffile.imwrite(tmp_path / "c.tif", COLOUR, photometric="rgb")
        assert upscale(tmp_path / "c.tif", expected).status == 0
        np.testing.assert_array_equal(colours.array, read_image(expected).array)
        assert (colours.array != np.moveaxis(channels.array, 0, 2)).any()


def test_a_plain_zarr_needs_its_axes_where_they_are_in_doubt(
    upscale: Run, tmp_path: Path
) -> None:
    source = tmp_path / "a.zarr"
    zarr.create_array(str(source), data=COLOUR)
    outcome = upscale(source, tmp_path / "b.zarr")
    assert outcome.status == 1
    assert "name the axes" in outcome.err
    assert upscale(source, tmp_path / "b.zarr", "--axes", "YXS").status == 0
    assert zarr.open_array(str(tmp_path / "b.zarr" / "0")).shape == (3, 80, 100)


KINDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "ome": (STACK, {"ome": True, "metadata": {"axes": "ZCYX", "PhysicalSizeX": 0.3}}),
    "imagej": (
        STACK,
        {
            "imagej": True,
            "resolution": (5, 5),
            "metadata": {"axes": "ZCYX", "unit": "um", "spacing": 0.7},
        },
    ),
    "plain": (STACK, {"metadata": None, "resolution": (300, 300, "INCH")}),
    "noted": (STACK, {"metadata": {"axes": "TZYX", "sample": "leaf"}}),
    "compressed": (STACK, {"compression": "zlib", "metadata": None}),
    "floats": (STACK.astype(np.float32), {"tile": (16, 16)}),
    "colours": (COLOUR, {"photometric": "rgb", "compression": "zlib"}),
    "planes of colour": (
        np.ascontiguousarray(np.moveaxis(COLOUR, 2, 0)),
        {"photometric": "rgb", "planarconfig": "separate"},
    ),
    "grey and alpha": (
        COLOUR[..., :2],
        {"photometric": "minisblack", "planarconfig": "contig", "extrasamples": [2]},
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_tiff_written_by_parts_is_as_one_written_at_once(
    kind: str, upscale: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    array, options = KINDS[kind]
    options = {"photometric": "minisblack", **options}
    tifffile.imwrite(tmp_path / "a.tif", array, **options)
    name = "{}.ome.tif" if kind == "ome" else "{}.tif"
    at_once, parts = (tmp_path / name.format(word) for word in ("once", "parts"))
    assert upscale(tmp_path / "a.tif", at_once).status == 0
    monkeypatch.setattr(pipeline, "_LARGE", 0)
    monkeypatch.setattr(pipeline, "_in_memory", None)
    monkeypatch.setattr("napari_vdsr.files.tiff_writer.TILE", 48)
    outcome = upscale(tmp_path / "a.tif", parts)
    assert outcome.status == 0, outcome.err
    one, other = read_image(at_once), read_image(parts)
    assert (one.axes, one.rgb, one.pixel_size, one.unit) == (
        other.axes,
        other.rgb,
        other.pixel_size,
        other.unit,
    )
    tolerance = 1 if array.dtype.kind == "u" else 0.01
    np.testing.assert_allclose(
        one.array.astype(float), other.array.astype(float), rtol=0, atol=tolerance
    )
    for field in ("imagej", "shaped", "description", "compressed"):
        assert getattr(one.metadata, field) == getattr(other.metadata, field), field
    assert (one.metadata.ome is None) == (other.metadata.ome is None)
    with tifffile.TiffFile(at_once) as a, tifffile.TiffFile(parts) as b:
        assert (a.is_ome, a.is_imagej) == (b.is_ome, b.is_imagej)
        assert b.pages.first.is_tiled == (kind != "imagej")


def test_a_folder_of_zarrs_and_files_gives_the_same(
    upscale: Run, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    tifffile.imwrite(folder / "a.tif", STACK[0, 0])
    zarr.create_array(str(folder / "b.zarr"), data=STACK[0], dimension_names=[*"zyx"])
    (folder / "c.zarr").mkdir()
    outcome = upscale(folder, tmp_path / "out", "--json")
    assert outcome.status == 1
    assert "2 of 3 images done, 1 failed" in outcome.err
    assert "c.zarr is no zarr" in outcome.err
    result = json.loads(outcome.out)
    assert (result["done"], result["failed"]) == (2, 1)
    assert read_image(tmp_path / "out" / "b.zarr").array.shape == (3, 80, 100)


@pytest.mark.parametrize("target", ["a.zarr/b.zarr", "a.zarr", "a.zarr/0/b.tif"])
def test_a_zarr_is_never_written_into_its_source(
    target: str, upscale: Run, tmp_path: Path
) -> None:
    zarr.create_array(str(tmp_path / "a.zarr"), data=STACK[0, 0])
    before = sorted(tmp_path.rglob("*"))
    outcome = upscale(tmp_path / "a.zarr", tmp_path / target, "--overwrite")
    assert outcome.status == 2
    assert "source" in outcome.err
    assert sorted(tmp_path.rglob("*")) == before


def test_options_of_clusters_are_checked(upscale: Run, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", STACK[0, 0])
    both = ("--workers", 2, "--scheduler", "tcp://127.0.0.1:1")
    outcome = upscale(tmp_path / "a.tif", tmp_path / "b.zarr", *both)
    assert outcome.status == 2
    assert "give one of them" in outcome.err
    outcome = upscale(tmp_path / "a.tif", tmp_path / "b.zarr", "--workers", 0)
    assert outcome.status == 2


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--device", "abacus", "device is 'abacus': choose auto"),
        ("--precision", "int4", "precision is 'int4': choose auto"),
        ("--tile", "-3", "tile is '-3': give pixels"),
        ("--model", "no-such-model", "no-such-model"),
    ],
)
def test_wrong_values_are_refused_before_a_cluster_is_asked(
    option: str, value: str, message: str, run: Run, tmp_path: Path
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", STACK[0, 0])
    command = ["upscale", tmp_path / "a.tif", tmp_path / "b.zarr", option, value]
    alone = run(*command)
    outcome = run(*command, "--scheduler", "tcp://127.0.0.1:9")
    assert outcome.status == alone.status != 0
    assert outcome.err == alone.err
    assert message in outcome.err


def test_without_distributed_the_error_says_how_to_get_it(
    upscale: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    tifffile.imwrite(tmp_path / "a.tif", STACK[0, 0])
    outcome = upscale(tmp_path / "a.tif", tmp_path / "b.zarr", "--workers", 2)
    assert outcome.status == 1
    assert 'pip install "napari-vdsr[distributed]"' in outcome.err


MEASURED = """
import os, re, sys
from pathlib import Path
from napari_vdsr import pipeline
from napari_vdsr.cli import main
from napari_vdsr.files import tiff_pixels

pipeline._LARGE = 0
tiff_pixels._KEPT = 2**20  # which the smaller image fills
model, *sources = sys.argv[1:]
for source in sources:
    if os.fork():  # so that each begins alike
        if os.wait()[1]:
            sys.exit(1)
        continue
    target = str(Path(source).with_stem("out of " + Path(source).stem))
    status = main(["upscale", source, target, "--model", model, "--device", "cpu"])
    told = Path("/proc/self/status").read_text()
    print(re.search(r"VmHWM:\\s*(\\d+)", told)[1], flush=True)
    os._exit(status)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads memory as Linux tells it")
@pytest.mark.parametrize("kind", ["zarr", "tif"])
def test_memory_does_not_grow_with_the_image(
    kind: str, tiny: Path, tmp_path: Path
) -> None:
    sources = []
    for width in (4_000, 16_000):
        source = tmp_path / f"{width}.{kind}"
        image = np.random.default_rng(0).integers(0, 4000, (500, width), np.uint16)
        if kind == "zarr":
            zarr.create_array(str(source), data=image, chunks=(250, 250))
        else:
            tifffile.imwrite(source, image, tile=(256, 256), compression="zlib")
        sources.append(source)
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *map(str, [tiny, *sources])],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    peaks = [int(line) / 1000 for line in done.stdout.splitlines()]
    # The larger result is of 64 MB, of which the smaller one is a quarter.
    assert peaks[1] - peaks[0] < 12, peaks


def test_an_interrupt_says_where_what_is_finished_is_kept(
    program: str, tiny: Path, tmp_path: Path
) -> None:
    image = np.random.default_rng(0).integers(0, 4000, (60, 300, 300), np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", image)
    target, part = tmp_path / "out.zarr", tmp_path / "out.zarr.part"
    command = [program, "upscale", tmp_path / "a.tif", target, "--model", tiny]
    with subprocess.Popen(
        [str(word) for word in command], stderr=subprocess.PIPE, text=True
    ) as running:
        deadline = time.monotonic() + 120
        while len(list(part.rglob("0/c/*/*/*"))) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        running.send_signal(signal.SIGINT)
        assert running.stderr is not None
        said = running.stderr.read()
    assert running.returncode == 130, said
    assert f"finished chunks are kept in {part}" in said
    assert part.is_dir()
    assert not target.exists()


def test_a_source_that_changes_while_a_tiff_is_made_gives_no_result(
    upscale: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    source, target = tmp_path / "a.tif", tmp_path / "out.tif"
    tifffile.imwrite(source, STACK[0, 0])
    monkeypatch.setattr(pipeline, "_LARGE", 0)
    by_parts = pipeline._by_parts

    def change(*arguments: Any) -> Any:
        os.utime(source, (1, 1))
        return by_parts(*arguments)

    monkeypatch.setattr(pipeline, "_by_parts", change)
    outcome = upscale(source, target)
    assert outcome.status == 1
    assert "a.tif was changed while it was read" in outcome.err
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]


def test_a_set_of_files_in_a_folder_is_enlarged_once(
    upscale: Run, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    planes = "".join(
        f'<TiffData FirstZ="{z}" IFD="0" PlaneCount="1">'
        f'<UUID FileName="z{z}.tif">urn:uuid:{z}</UUID></TiffData>'
        for z in range(2)
    )
    for z in range(2):
        xml = (
            '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
            f'UUID="urn:uuid:{z}"><Image ID="Image:0"><Pixels ID="Pixels:0" '
            'DimensionOrder="XYZCT" Type="uint16" SizeX="50" SizeY="40" SizeZ="2" '
            f'SizeC="1" SizeT="1">{planes}</Pixels></Image></OME>'
        )
        path = folder / f"z{z}.tif"
        tifffile.imwrite(path, STACK[0, z], description=xml, metadata=None)
    outcome = upscale(folder, tmp_path / "out")
    assert outcome.status == 0
    assert "1 file is read with the image z0.tif" in outcome.err
    assert "1 of 1 images done" in outcome.err
    assert read_image(tmp_path / "out" / "z0.tif").array.shape == (2, 80, 100)
    assert not (tmp_path / "out" / "z1.tif").exists()
