"""Images too large to be read at once: the same pixels, in bounded memory."""

import os
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import tifffile
import torch
import zarr
from napari.layers import Image
from numpy.typing import NDArray
from small_training import picture, tiny

from napari_vdsr.errors import VdsrError, VdsrWarning
from napari_vdsr.training import Trainer, prepare, train
from napari_vdsr.training.checkpoint import read_checkpoint
from napari_vdsr.training.sources import find_sources
from napari_vdsr.zoo import Model, load_model

STACK = np.stack([picture(seed) for seed in range(6)])
PLANE = STACK[0].size * 4  # bytes, as float32


def stored(path: Path, array: NDArray[Any], names: str = "") -> Path:
    zarr.create_array(
        str(path),
        data=array,
        chunks=(*(1 for _ in array.shape[:-2]), *array.shape[-2:]),
        dimension_names=list(names) or None,
    )
    return path


def damage(path: Path, *chunk: int) -> None:
    (path / "c").joinpath(*map(str, chunk)).write_bytes(b"damaged")


def weights(model: Model) -> torch.Tensor:
    return torch.cat([p.flatten() for p in model.network.parameters()])


def planes_of(images: Any, **options: Any) -> list[list[NDArray[Any]]]:
    """The planes of every piece of the only image there is."""
    (source,) = find_sources(images, **options)
    return [list(piece()) for piece in source.plan()]


@pytest.mark.parametrize("planes", [1, 2, 3])
@pytest.mark.parametrize("name", ["a.zarr", "a.tif", "big.ome.tif"])
def test_a_file_is_read_in_runs_of_planes(
    tmp_path: Path, name: str, planes: int
) -> None:
    stack = STACK.reshape(2, 3, *STACK.shape[1:])
    if name == "a.zarr":
        path = stored(tmp_path / name, stack, "zcyx")
    else:
        path = tmp_path / name
        axes = {"axes": "ZCYX"} if "ome" in name else None
        options: dict[str, Any] = {"compression": "zlib", "photometric": "minisblack"}
        tifffile.imwrite(path, stack, metadata=axes, tile=(16, 16), **options)
    read = planes_of(path, memory=8 * planes * PLANE)
    assert max(map(len, read)) == planes
    np.testing.assert_array_equal([plane[0] for run in read for plane in run], STACK)
    assert len(planes_of(path)) == 1


def test_planes_too_large_are_read_in_windows(tmp_path: Path) -> None:
    plane = np.random.default_rng(0).integers(0, 255, (2, 1100, 2300), np.uint8)
    read = planes_of(stored(tmp_path / "a.zarr", plane), memory=8 * 1024 * 1500 * 4)
    shapes = [window.shape for windows in read for window in windows]
    assert shapes == [(1, 550, 1150)] * 8
    for number in range(2):
        a, b, c, d = (windows[0][0] for windows in read[4 * number : 4 * number + 4])
        np.testing.assert_array_equal(np.block([[a, b], [c, d]]), plane[number])


def test_colours_and_other_orders_of_axes_come_as_planes(tmp_path: Path) -> None:
    colour = np.stack([STACK[:3], STACK[3:]])  # two planes of three colours
    tifffile.imwrite(
        tmp_path / "a.tif",
        colour,
        photometric="rgb",
        planarconfig="separate",
        compression="zlib",
    )
    read = planes_of(tmp_path / "a.tif", memory=8 * 3 * PLANE)
    np.testing.assert_array_equal([plane for (plane,) in read], colour)
    turned = np.moveaxis(STACK, 0, 2)
    zarr.create_array(
        str(tmp_path / "b.zarr"), data=turned, dimension_names=["y", "x", "t"]
    )
    read = planes_of(tmp_path / "b.zarr", memory=8 * PLANE)
    np.testing.assert_array_equal([plane[0] for (plane,) in read], STACK)


def test_training_from_a_zarr_equals_training_from_memory(tmp_path: Path) -> None:
    zarrs = [
        stored(tmp_path / f"{number}.zarr", plane) for number, plane in enumerate(STACK)
    ]
    expected = train(list(STACK), config=tiny(), device="cpu")
    for images in (zarrs, tmp_path):
        model = train(images, config=tiny(), device="cpu")
        assert torch.equal(weights(model), weights(expected))
        assert model.history.losses == expected.history.losses


def test_training_by_parts_equals_training_from_memory(tmp_path: Path) -> None:
    config, memory = tiny(steps=420, validation_share=0.0), 2.0 * STACK[0].size
    path = stored(tmp_path / "a.zarr", STACK)
    array = da.from_zarr(str(path))
    layer = Image(array, contrast_limits=(0, 255))
    lazy = [path, zarr.open_array(str(path), mode="r"), array, layer]
    expected = train(STACK, config=config, device="cpu", memory=memory)
    for images in lazy:
        model = train(images, config=config, device="cpu", memory=memory)
        assert torch.equal(weights(model), weights(expected))


def test_memory_does_not_grow_with_the_image(tmp_path: Path) -> None:
    """Three times what is to be held, and a few parts in float64."""
    held, shape = 4e6, (40, 512, 512)
    made = zarr.create_array(
        str(tmp_path / "a.zarr"), shape=shape, chunks=(1, 512, 512), dtype="uint16"
    )
    for number in range(shape[0]):
        rng = np.random.default_rng(number)
        made[number] = rng.integers(0, 4000, shape[1:], np.uint16)
    config = tiny(steps=201, validation_share=0.0)
    lazy = da.from_zarr(str(tmp_path / "a.zarr"))
    for images in (tmp_path / "a.zarr", made, lazy):
        tracemalloc.start()
        try:
            prepared = prepare(images, config, memory=held)
            list(Trainer(prepared, config, device="cpu").run())
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert prepared.images.nbytes > 7 * held
        assert peak < 3 * held + 6e6


def test_a_damaged_chunk_is_named_and_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    stored(folder / "a.zarr", STACK)
    stored(folder / "b.zarr", STACK[:1])
    damage(folder / "a.zarr", 2, 0, 0)
    damage(folder / "b.zarr", 0, 0, 0)
    tifffile.imwrite(folder / "c.tif", picture(7))
    config = tiny(validation_share=0.0)
    with pytest.warns(VdsrWarning) as caught:
        made = prepare(folder, config, memory=8.0 * PLANE)
    texts = sorted(str(warning.message) for warning in caught)
    assert texts[0].startswith("1 of 2 images are damaged in parts, which are left out")
    assert "a.zarr: 1 of 6 parts: cannot read" in texts[0]
    assert texts[1].startswith("1 of 3 images are left out: b.zarr: cannot read")
    assert sum(len(part.read()) for part in made.images.parts) == 6
    with pytest.warns(VdsrWarning, match="image: 1 of 6 parts: image cannot be read"):
        prepare(zarr.open_array(str(folder / "a.zarr"), mode="r"), config)


def test_damage_that_comes_later_ends_the_training(tmp_path: Path) -> None:
    path, config = (
        stored(tmp_path / "a.zarr", STACK),
        tiny(steps=401, validation_share=0.0),
    )
    trainer = Trainer(prepare(path, config, memory=PLANE), config, device="cpu")
    for number in range(len(STACK)):
        damage(path, number, 0, 0)
    with pytest.raises(VdsrError, match=r"a\.zarr: damaged"):
        list(trainer.run())


SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
import torch
torch.set_num_threads(1)
from small_training import tiny
from napari_vdsr.training import Trainer, prepare
config = tiny(steps=420, validation_share=0.0, checkpoint_every=210, validate_every=420)
trainer = Trainer(
    prepare({images!r}, config, memory=6000), config, device="cpu",
    checkpoint={checkpoint!r}, resume={resume!r},
)
for report in trainer.run():
    pass
trainer.model().save({output!r})
"""


@pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGKILL")
def test_after_a_kill_a_training_on_a_zarr_goes_on_bit_for_bit(tmp_path: Path) -> None:
    images = stored(tmp_path / "a.zarr", STACK)

    def started(name: str, resume: bool) -> subprocess.Popen[bytes]:
        checkpoint = str(tmp_path / f"{name}.checkpoint")
        code = SCRIPT.format(
            tests=str(Path(__file__).parent),
            images=str(images),
            checkpoint=checkpoint,
            resume=checkpoint if resume else None,
            output=str(tmp_path / f"{name}.safetensors"),
        )
        return subprocess.Popen([sys.executable, "-c", code])

    assert started("whole", False).wait() == 0
    process = started("killed", False)
    checkpoint = tmp_path / "killed.checkpoint"
    while not checkpoint.exists():
        assert process.poll() is None
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert 0 < read_checkpoint(checkpoint).values["step"] < 420
    assert started("killed", True).wait() == 0
    one, two = (load_model(tmp_path / f"{n}.safetensors") for n in ("whole", "killed"))
    assert torch.equal(weights(one), weights(two))
