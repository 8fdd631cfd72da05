"""Looking through images: whatever is wrong is named, skipped and counted."""

import io
import warnings
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter
from small_training import picture, pixels_of, prepared, tiny

from napari_vdsr.errors import FileError, InputError, VdsrWarning
from napari_vdsr.imaging.resample import resize
from napari_vdsr.training import prepare, recipe, train
from napari_vdsr.training.dataset import benchmark_name


def write(folder: Path, *names: str) -> None:
    for number, name in enumerate(names):
        Image.fromarray(picture(number)).save(folder / name)


def test_a_folder_is_read_and_what_is_damaged_is_named_and_counted(
    tmp_path: Path, progress: Any
) -> None:
    write(tmp_path, "a.png", "b.png", "c.png")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    Image.fromarray(picture(5, (9, 30))).save(tmp_path / "small.png")
    Image.fromarray(np.full((40, 40), 7, np.uint8)).save(tmp_path / "flat.png")
    with pytest.warns(VdsrWarning, match="3 of 6 images are left out") as caught:
        made = prepare(tmp_path, tiny(validation_share=0.0), progress=progress)
    assert progress.done == pytest.approx(progress.total) == 6
    text = str(caught[0].message)
    assert "broken.png: damaged or cut short" in text
    assert "small.png: 9 × 30 pixels, smaller than a patch of 16" in text
    assert "flat.png: constant: every pixel is 7" in text
    assert made.images.images == 3


def test_a_folder_that_cannot_be_listed_is_named_in_every_set(
    tmp_path: Path, refuse_to_list: Any
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    write(tmp_path, "a.png")
    refuse_to_list(closed)
    config = tiny(validation_share=0.0)
    for sets in ((tmp_path, None), (picture(3), tmp_path)):
        (remark,) = prepare(sets[0], config, domain=sets[1], warn=False).remarks
        assert remark.startswith(
            "1 of 2 images are left out: closed: Permission denied"
        )


def test_what_cannot_be_validated_on_is_named_and_counted(tmp_path: Path) -> None:
    write(tmp_path, "a.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "a.png").read_bytes()[:60])
    Image.fromarray(picture(5, (9, 30))).save(tmp_path / "small.png")
    made = prepare(picture(1), tiny(), validation=tmp_path, warn=False)
    assert made.validation is not None
    assert made.validation.images == 1
    (remark,) = made.remarks
    assert remark.startswith("2 of 3 images to validate on are left out: cut.png: ")
    assert "small.png: 9 × 30 pixels" in remark


def test_a_warning_that_nothing_can_be_scored_says_what_to_do() -> None:
    microscope = recipe("microscope", patch=16, batch=2, depth=2, steps=1)
    (remark,) = prepare(picture(0, (128, 128)), microscope, warn=False).remarks
    assert remark.endswith(
        "Give more or larger images, or images of 48 pixels a side at least to "
        "validate on"
    )
    held = prepare(
        picture(0, (128, 128)),
        microscope,
        validation=picture(1, (48, 48)),
        warn=False,
    )
    assert held.validation is not None
    assert not held.remarks


def test_no_image_is_learned_from_and_validated_on(tmp_path: Path) -> None:
    write(tmp_path, "a.png", "b.png")
    image = picture(1)
    same: list[tuple[Any, Any, Any]] = [
        (tmp_path, tmp_path / "b.png", None),
        (picture(2), tmp_path, tmp_path / "a.png"),
        (image, [picture(2), image], None),
    ]
    for images, validation, domain in same:
        with pytest.raises(InputError, match="would say nothing of new images"):
            prepare(images, tiny(), validation=validation, domain=domain)


def test_what_a_folder_holds_besides_is_said(tmp_path: Path) -> None:
    write(tmp_path, "a.png", "b.png")
    (tmp_path / "c.czi").write_bytes(b"of a microscope")
    made = prepared(tmp_path, warn=False)
    (remark,) = made.remarks
    assert "1 .czi cannot be read and are left out" in remark
    with pytest.warns(VdsrWarning, match="1 .czi cannot be read"):
        prepared(tmp_path)


def test_images_too_small_for_the_halved_grid_are_told_why() -> None:
    words = "16 pixels, too few: a patch of 16 needs 32 pixels of a camera's image"
    mixed = tiny(sampling={"reduced": 0.6, "camera": 0.4})
    with pytest.raises(InputError, match=words):
        prepare(picture(0, (40, 16)), mixed)
    assert prepare(picture(0, (40, 32)), mixed, warn=False).images.images == 1


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (picture(0, (15, 40)), "smaller than a patch"),
        (np.zeros((30, 30)), "constant"),
        (np.where(np.eye(30) > 0, np.nan, 1.0), "NaN"),
        (np.where(np.eye(30) > 0, np.inf, 1.0), "infinite"),
    ],
)
def test_when_nothing_can_be_used_the_reason_is_given(image: Any, reason: str) -> None:
    with pytest.raises(InputError, match=f"no image can be used: image.*{reason}"):
        prepare(image, tiny())


def test_no_images_at_all_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="list is empty"):
        prepare([], tiny())
    with pytest.raises(FileError, match="holds no image"):
        prepare(tmp_path, tiny())
    with pytest.raises(FileError, match="does not exist"):
        prepare(tmp_path / "nowhere", tiny())
    with pytest.raises(InputError, match="given as int"):
        prepare(3, tiny())
    with pytest.raises(InputError, match="images is an empty name"):
        train("", config=tiny())


@pytest.mark.parametrize("lazy", [True, False])
def test_masks_are_refused_and_not_forgotten(lazy: bool) -> None:
    masked: Any = np.ma.masked_less(picture(), 50)
    if lazy:
        masked = da.from_array(picture(), chunks=24).map_blocks(
            lambda block: np.ma.masked_less(block, 50), meta=picture()[:0]
        )
    with pytest.raises(InputError, match="masks are not known here"):
        train(masked, config=tiny(), device="cpu")


def test_colours_and_grey_are_mixed_by_their_luminance(tmp_path: Path) -> None:
    colour = np.dstack([picture(n) for n in range(3)])
    Image.fromarray(colour).save(tmp_path / "colour.png")
    made = prepared([tmp_path, picture(4)])
    assert {plane.shape for plane in pixels_of(made)} == {(1, 48, 56)}


def test_a_network_for_colours_leaves_grey_images_out(tmp_path: Path) -> None:
    colour = np.dstack([picture(n) for n in range(3)])
    Image.fromarray(colour).save(tmp_path / "colour.png")
    images = [tmp_path, picture(4)]
    with pytest.warns(VdsrWarning, match="1 of 2 images .* grey, but this network"):
        made = prepare(images, tiny(variant="course", validation_share=0.0))
    assert made.images.images == 1


def test_colours_are_never_guessed() -> None:
    with pytest.raises(InputError, match="rgb=True or"):
        prepare(np.zeros((30, 30, 3)), tiny())


def test_12_bit_counts_are_brought_to_the_scale_of_the_loss() -> None:
    counts = picture().astype(np.uint16) * 8 + 1000
    ((plane,),) = (part.read() for part in prepared(counts).images.parts)
    assert plane.pixels.dtype == np.float32
    assert 0 <= np.percentile(plane.pixels, 1) < np.percentile(plane.pixels, 99) <= 1
    low, high = plane.limits
    np.testing.assert_allclose(plane.pixels[0] * (high - low) + low, counts, rtol=1e-5)


def test_images_are_used_in_several_sizes_unless_too_small() -> None:
    config = tiny(sizes=(1.0, 0.5, 0.25), validation_share=0.0)
    planes = pixels_of(prepared(picture(0, (64, 64)), config=config))
    assert [plane.shape[1:] for plane in planes] == [(64, 64), (32, 32), (16, 16)]
    planes = pixels_of(prepared(picture(0, (40, 64)), config=config))
    assert [plane.shape[1:] for plane in planes] == [(40, 64), (20, 32)]


def test_large_arrays_are_read_in_blocks() -> None:
    class Reads:
        shape, dtype, largest = (2, 2500, 1100), np.dtype("uint8"), 0

        def __getitem__(self, key: Any) -> np.ndarray:
            block = np.broadcast_to(picture()[:1, :1], self.shape)[key].copy()
            self.largest = max(self.largest, block.size)
            block.flat[::7] = 90
            return block

    data = Reads()
    made = prepared(data, memory=1)
    assert len(pixels_of(made)) == 2 * 3 * 2
    assert data.largest < 1024**2


def test_a_layer_is_used_at_its_full_resolution() -> None:
    class Layer:
        name, rgb, multiscale, scale = "cells", False, True, (1.0, 1.0)
        data = (picture(), picture()[::2, ::2])

    (plane,) = pixels_of(prepared(Layer()))
    np.testing.assert_array_equal(plane, [picture()])
    Layer.data = (np.zeros((48, 56)), np.zeros((24, 28)))
    with pytest.raises(InputError, match="cells: constant"):
        prepared(Layer())


def test_packs_hold_encoded_images(tmp_path: Path) -> None:
    entries = {}
    for name, image in {"one.png": picture(1), "two.png": picture(2)}.items():
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "webp", lossless=True)
        entries[name] = np.frombuffer(buffer.getvalue(), np.uint8)
    entries["bad.png"] = np.frombuffer(b"no image", np.uint8)
    np.savez(tmp_path / "pack.npz", **entries)
    with pytest.warns(VdsrWarning, match=r"1 of 3 images .*bad\.png in"):
        made = prepared(tmp_path / "pack.npz")
    np.testing.assert_array_equal(pixels_of(made), [[picture(1)], [picture(2)]])
    (tmp_path / "fake.npz").write_bytes(b"PK but no zip")
    with pytest.raises(FileError, match="no pack"):
        prepare(tmp_path / "fake.npz", tiny())


def test_images_are_held_out_whole() -> None:
    images = [picture(n) for n in range(20)]
    made = prepare(images, tiny(validation_share=0.2))
    assert made.images.images == 16
    assert made.validation is not None and made.validation.images == 4
    learned = {pixels.tobytes() for pixels in pixels_of(made)}
    held = {pixels.tobytes() for pixels in pixels_of(made.validation)}
    assert not learned & held and len(learned | held) == 20


def test_of_a_single_image_a_part_is_held_out() -> None:
    made = prepare(picture(0, (40, 100)), tiny())
    assert [pixels.shape for pixels in pixels_of(made)] == [(1, 40, 75)]
    assert made.validation is not None
    assert [pixels.shape for pixels in pixels_of(made.validation)] == [(1, 40, 25)]


def test_a_single_small_image_is_used_whole_with_a_warning() -> None:
    with pytest.warns(VdsrWarning, match="only one image"):
        made = prepare(picture(0, (18, 20)), tiny())
    assert [pixels.shape for pixels in pixels_of(made)] == [(1, 18, 20)]
    assert made.validation is None


def test_oversampled_images_are_named() -> None:
    y, x = np.mgrid[:128, :128]
    waves = 100 + 40 * np.sin(x / 15) * np.cos(y / 12)
    images = [waves.astype(np.float32), *(picture(n, (128, 128)) for n in range(2))]
    with pytest.warns(VdsrWarning, match="too fine pixels.*1 of 3 images.*image 1"):
        prepare(images, tiny(validation_share=0.0))


def test_images_are_not_oversampled_if_the_halved_grid_is_not() -> None:
    sharp = [picture(seed, (128, 128)) for seed in range(2)]
    fine = gaussian_filter(resize(picture(2, (128, 128)), (256, 256)), 1.0)
    images = [*sharp, fine]
    with pytest.warns(VdsrWarning, match="too fine pixels.*1 of 3 images.*image 3"):
        prepare(images, tiny(validation_share=0.0))
    made = prepare(images, tiny(validation_share=0.0, sampling="scanner"))
    assert not made.images.oversampled


@pytest.mark.needs_shared
def test_benchmark_images_are_recognised_resized_and_compressed(shared: Path) -> None:
    original = Image.open(shared / "data/images/Set5/butterfly_GT.bmp").convert("L")
    buffer = io.BytesIO()
    original.resize((180, 180)).save(buffer, "jpeg", quality=60)
    copy = np.asarray(Image.open(buffer))
    assert benchmark_name(copy) == "Set5/butterfly"
    with pytest.warns(VdsrWarning, match="image 1 is Set5/butterfly"):
        prepare([copy, picture()], tiny(validation_share=0.0))


@pytest.mark.needs_shared
def test_no_training_image_is_mistaken_for_a_benchmark(shared: Path) -> None:
    assert not prepared(shared / "data/images/T91", warn=False).images.benchmarks


def test_good_images_cause_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        prepare([picture(n) for n in range(4)], tiny())


@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (3, 1)])
def test_an_image_of_a_pixel_is_too_small(shape: tuple[int, int]) -> None:
    with pytest.raises(InputError, match=r"1: . × . pixels, smaller than a patch of"):
        prepare(picture(0, (40, 40))[: shape[0], : shape[1]], tiny())
