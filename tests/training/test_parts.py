"""Images too large to be read at once: the same pixels, in bounded memory."""

import dataclasses
import errno
import io
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
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
from small_training import picture, pixels_of, prepared, tiny

from napari_vdsr.errors import FileError, InputError, VdsrError, VdsrWarning
from napari_vdsr.files import image_files, opening
from napari_vdsr.files.opening import OpenImage
from napari_vdsr.training import Trainer, TrainingSet, batches, prepare, train
from napari_vdsr.training.checkpoint import read_checkpoint
from napari_vdsr.zoo import Model

STACK = np.stack([picture(seed) for seed in range(6)])
PLANE = STACK[0].size * 4  # bytes, as float32


@pytest.fixture
def short_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Go on to the next part of what exceeds memory after five steps."""
    monkeypatch.setattr(batches, "ROUND", 5)


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


def grey(made: TrainingSet) -> list[NDArray[Any]]:
    return [plane[0] for plane in pixels_of(made)]


@pytest.mark.parametrize("planes", [0.1, 1, 2, 3, 100])
@pytest.mark.parametrize("name", ["a.zarr", "a.tif", "big.ome.tif"])
def test_a_file_gives_its_planes_whatever_memory_there_is(
    tmp_path: Path, name: str, planes: float
) -> None:
    stack = STACK.reshape(2, 3, *STACK.shape[1:])
    if name == "a.zarr":
        path = stored(tmp_path / name, stack, "zcyx")
    else:
        path = tmp_path / name
        axes = {"axes": "ZCYX"} if "ome" in name else None
        options: dict[str, Any] = {"compression": "zlib", "photometric": "minisblack"}
        tifffile.imwrite(path, stack, metadata=axes, tile=(16, 16), **options)
    made = prepared(path, memory=8 * planes * PLANE)
    np.testing.assert_array_equal(grey(made), STACK)


def test_planes_too_large_are_read_in_windows(tmp_path: Path) -> None:
    plane = np.random.default_rng(0).integers(0, 255, (2, 1100, 2300), np.uint8)
    path = stored(tmp_path / "a.zarr", plane)
    read = grey(prepared(path, memory=8 * 1024 * 1500 * 4, warn=False))
    assert [window.shape for window in read] == [(550, 1150)] * 8
    for number in range(2):
        a, b, c, d = read[4 * number : 4 * number + 4]
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
    config = tiny(variant="course", validation_share=0.0)
    made = prepared(tmp_path / "a.tif", memory=8 * 3 * PLANE, config=config)
    np.testing.assert_array_equal(pixels_of(made), colour)
    turned = np.moveaxis(STACK, 0, 2)
    zarr.create_array(
        str(tmp_path / "b.zarr"), data=turned, dimension_names=["y", "x", "t"]
    )
    made = prepared(tmp_path / "b.zarr", memory=8 * PLANE)
    np.testing.assert_array_equal(grey(made), STACK)


@pytest.fixture
def openings(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often the image of each name was opened; those closed are counted off."""
    counts: Counter[str] = Counter()

    def counting(real: Callable[..., OpenImage]) -> Callable[..., OpenImage]:
        def opened(path: Path, **options: Any) -> OpenImage:
            image = real(path, **options)
            counts.update([path.name, "open"])

            def close() -> None:
                counts.subtract(["open"])
                image.close()

            return dataclasses.replace(image, close=close)

        return opened

    for name in ("open_tiff", "open_zarr"):
        monkeypatch.setattr(image_files, name, counting(getattr(image_files, name)))
    return counts


@pytest.mark.parametrize("name", ["a.zarr", "a.tif"])
def test_a_file_is_opened_once_for_all_of_its_planes(
    tmp_path: Path, openings: Counter[str], name: str
) -> None:
    names = [name, "b.zarr", "c.tif"]
    for number, each in enumerate(names):
        if each.endswith("zarr"):
            stored(tmp_path / each, STACK + np.uint8(number))
        else:
            tifffile.imwrite(tmp_path / each, STACK, compression="zlib")
    config = tiny(validation_share=0.0, steps=2)
    paths = [tmp_path / each for each in names]
    for memory in (PLANE / 4, 2e9):
        openings.clear()
        made = prepared(paths, memory=memory)
        assert len(pixels_of(made)) == 18
        assert openings["open"] == 0
    assert openings == dict.fromkeys(names, 1) | {"open": 0}
    list(Trainer(made, config, device="cpu").run())
    assert openings["open"] == 0


def test_trainings_in_two_threads_read_their_own_files(tmp_path: Path) -> None:
    made: dict[int, TrainingSet] = {}
    turned = {1: STACK, 2: STACK[::-1]}
    for number, stack in turned.items():
        for name in ("a.tif", "b.tif"):
            path = tmp_path / str(number) / name
            path.parent.mkdir(exist_ok=True)
            tifffile.imwrite(path, stack, compression="zlib")

    def read(number: int) -> None:
        made[number] = prepared(tmp_path / str(number), memory=PLANE / 4)

    threads = [threading.Thread(target=read, args=(number,)) for number in turned]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, stack in turned.items():
        np.testing.assert_array_equal(grey(made[number]), [*stack, *stack])


@pytest.mark.parametrize("share", [0.0, 0.25])
def test_other_images_of_a_file_are_one_remark(tmp_path: Path, share: float) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(np.tile(STACK, (1, 1, 2)), photometric="minisblack")
        file.write(np.zeros((8, 9), np.uint8))
    config, memory = tiny(validation_share=share, steps=2), PLANE / 4
    made = prepare(tmp_path / "a.tif", config, memory=memory, warn=False)
    assert len(pixels_of(made)) == 6
    (remark,) = made.remarks
    assert "a.tif holds 2 images" in remark
    list(Trainer(made, config, device="cpu").run())
    with pytest.warns(VdsrWarning) as caught:
        prepare(tmp_path / "a.tif", config, memory=memory)
    assert [str(warning.message) for warning in caught] == [remark]


def test_what_cannot_be_read_by_parts_is_read_whole_if_it_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK[..., None], compression="zlib")
    np.testing.assert_array_equal(grey(prepared(path, memory=5 * PLANE)), STACK)

    def refuse(what: str, needed: int) -> None:
        raise FileError(f"{what} needs {needed} bytes")

    monkeypatch.setattr(opening, "check_memory", refuse)
    with pytest.raises(InputError, match=r"can be used: a\.tif: .*needs 16128"):
        prepare(path, tiny(), memory=5 * PLANE)
    with pytest.warns(VdsrWarning, match="1 of 2 images are left out: a.tif: .*needs"):
        prepare([path, STACK], tiny(validation_share=0.0), memory=5 * PLANE)


def test_training_from_a_zarr_equals_training_from_memory(tmp_path: Path) -> None:
    zarrs = [
        stored(tmp_path / f"{number}.zarr", plane) for number, plane in enumerate(STACK)
    ]
    expected = train(list(STACK), config=tiny(), device="cpu")
    for images in (zarrs, tmp_path):
        model = train(images, config=tiny(), device="cpu")
        assert torch.equal(weights(model), weights(expected))
        assert model.history.losses == expected.history.losses


def test_training_by_parts_equals_training_from_memory(
    tmp_path: Path, short_rounds: None
) -> None:
    config, memory = tiny(steps=16, validation_share=0.0), 2.0 * STACK[0].size
    path = stored(tmp_path / "a.zarr", STACK)
    array = da.from_zarr(str(path))
    layer = Image(array, contrast_limits=(0, 255))
    lazy = [path, zarr.open_array(str(path), mode="r"), array, layer]
    expected = train(STACK, config=config, device="cpu", memory=memory)
    for images in lazy:
        model = train(images, config=config, device="cpu", memory=memory)
        assert torch.equal(weights(model), weights(expected))


def test_memory_does_not_grow_with_the_image(
    tmp_path: Path,
    memory_below: Callable[[float], AbstractContextManager[None]],
    short_rounds: None,
) -> None:
    """Three times what is to be held, and a few parts in float64."""
    held, shape = 4e6, (40, 512, 512)
    made = zarr.create_array(
        str(tmp_path / "a.zarr"), shape=shape, chunks=(1, 512, 512), dtype="uint16"
    )
    for number in range(shape[0]):
        rng = np.random.default_rng(number)
        made[number] = rng.integers(0, 4000, shape[1:], np.uint16)
    config = tiny(steps=11, validation_share=0.0)
    lazy = da.from_zarr(str(tmp_path / "a.zarr"))
    # What is imported by the first training takes memory as well.
    small = stored(tmp_path / "b.zarr", STACK)
    train([small, da.from_zarr(str(small))], config=config, device="cpu")
    for images in (tmp_path / "a.zarr", made, lazy):
        with memory_below(3 * held + 6e6):
            prepared = prepare(images, config, memory=held)
            list(Trainer(prepared, config, device="cpu").run())
        assert prepared.images.nbytes > 7 * held


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
    assert "a.zarr: 1 of 6 parts: damaged or cut short" in texts[0]
    assert texts[1].startswith("1 of 3 images are left out: b.zarr: damaged or cut")
    assert len(pixels_of(made)) == 6
    with pytest.warns(VdsrWarning, match=r"image 1: 1 of 6 parts: plane \(2,\) of"):
        prepare(zarr.open_array(str(folder / "a.zarr"), mode="r"), config)


def test_damage_that_comes_later_does_not_matter(
    tmp_path: Path, short_rounds: None
) -> None:
    path = stored(tmp_path / "a.zarr", STACK)
    config = tiny(steps=11, validation_share=0.0)
    expected = train(STACK, config=config, device="cpu", memory=PLANE)
    trainer = Trainer(prepare(path, config, memory=PLANE), config, device="cpu")
    for number in range(len(STACK)):
        damage(path, number, 0, 0)
    list(trainer.run())
    assert torch.equal(weights(trainer.model()), weights(expected))


def test_a_full_disk_for_what_exceeds_memory_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Full(io.BytesIO):
        def write(self, values: Any) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **options: Full())
    assert len(pixels_of(prepared(STACK))) == 6
    with pytest.raises(VdsrError, match="no room for the rest"):
        prepared(STACK, memory=PLANE)


def test_a_training_on_a_zarr_that_ended_at_once_goes_on_bit_for_bit(
    tmp_path: Path, short_rounds: None
) -> None:
    images = stored(tmp_path / "a.zarr", STACK)
    config = tiny(steps=24, checkpoint_every=11, validate_every=13)
    checkpoint = tmp_path / "state.checkpoint"

    def trainer(resume: Path | None = None) -> Trainer:
        made = prepare(images, config, validation=picture(9), memory=6000)
        return Trainer(made, config, device="cpu", checkpoint=checkpoint, resume=resume)

    lost, whole = trainer(), trainer()
    steps = lost.run()
    while lost.history.steps < 12:
        next(steps)  # the score after 13 steps is reported for sure
    assert read_checkpoint(checkpoint).values["step"] == 11
    again = trainer(checkpoint)
    assert again.history.steps == 11
    for each in (again, whole):
        list(each.run())
    assert torch.equal(weights(whole.model()), weights(again.model()))
