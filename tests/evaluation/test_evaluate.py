"""Scoring models: what is compared with what, and how it is told."""

import csv
import io
import json
import math
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from napari_vdsr import evaluate
from napari_vdsr.api import upscale as upscale_array
from napari_vdsr.errors import Cancelled, FileError, InputError, VdsrError, VdsrWarning
from napari_vdsr.evaluation.acquisition import resized
from napari_vdsr.evaluation.evaluate import compare, evaluate_pairs
from napari_vdsr.evaluation.psnr import psnr
from napari_vdsr.imaging.resample import resize
from napari_vdsr.zoo import Model, user_folder

BASELINES = ("bicubic", "spline", "best Gaussian + spline")


def test_interpolation_stands_beside_every_model(
    photograph: NDArray[Any], tiny: Model, biased: Model
) -> None:
    scores = evaluate(photograph, model=[tiny, biased], factors=[2, 3], device="cpu")
    assert set(scores.methods) == {*BASELINES, "srcnn-915-x3", "tiny", "biased"}
    assert scores.methods[:3] == BASELINES
    assert [mean.factor for mean in scores.means] == [2] * 5 + [3] * 6
    assert all(row.pixels == 60 * 72 for row in scores.rows)
    assert all(row.seconds > 0 for row in scores.rows)


def test_protocol_a_by_hand(photograph: NDArray[Any], biased: Model) -> None:
    truth = photograph[:60, :72].astype(float)
    low = resize(truth, (20, 24))
    enlarged = upscale_array(
        low, 3, model=biased, device="cpu", intensity_range=(0, 255)
    )
    expected = psnr(truth, np.clip(np.rint(enlarged), 0, 255), data_range=255, border=3)
    scores = evaluate(photograph, model=biased, factors=3, device="cpu")
    assert scores.mean(3, "biased").psnr == pytest.approx(expected.mean, abs=1e-9)


def test_direct_is_what_a_user_gets(ramp: NDArray[Any], tiny: Model) -> None:
    low = np.clip(np.rint(resized(ramp, (12, 15), rgb=True)), 0, 255).astype("uint8")
    result = upscale_array(low, 2, model=tiny, device="cpu", rgb=True)
    expected = psnr(ramp, result, rgb=True, border=2).mean
    scores = evaluate(
        ramp, model=tiny, factors=2, protocol="direct", rgb=True, device="cpu"
    )
    assert scores.mean(2, "tiny").psnr == pytest.approx(expected)


def test_saying_how_images_were_taken_is_not_protocol_a(
    photograph: NDArray[Any], tiny: Model
) -> None:
    assert evaluate(photograph, model=tiny, factors=2).protocol == "A"
    taken = evaluate(photograph, model=tiny, factors=2, noise="weak")
    assert taken.protocol == "direct"


def test_images_are_cropped_to_multiples_of_the_factor(
    photograph: NDArray[Any], tiny: Model
) -> None:
    odd = evaluate(photograph[:59, :71], model=tiny, factors=4, device="cpu")
    even = evaluate(photograph[:56, :68], model=tiny, factors=4, device="cpu")
    assert [row.psnr for row in odd.rows] == [row.psnr for row in even.rows]


def test_a_whole_factor_may_be_a_float(photograph: NDArray[Any], tiny: Model) -> None:
    whole = evaluate(photograph[:24, :24], model=tiny, factors=2, device="cpu")
    given: Any = (2.0,)
    scores = evaluate(photograph[:24, :24], model=tiny, factors=given, device="cpu")
    assert [row.psnr for row in scores.rows] == [row.psnr for row in whole.rows]


def test_counts_of_16_bits_score_as_the_same_image_of_8_bits(
    photograph: NDArray[Any], tiny: Model
) -> None:
    wide = photograph.astype("uint16") * 16
    plain = evaluate(photograph, model=tiny, factors=2, device="cpu")
    scores = evaluate(wide, model=tiny, factors=2, device="cpu")
    row = scores.rows[0]
    assert row.data_range.value == np.ptp(wide)
    # The range is the image's own, so the figure is lower than with 255.
    gain = 20 * math.log10(255 / np.ptp(photograph))
    assert row.psnr == pytest.approx(plain.rows[0].psnr - gain, abs=0.1)
    assert "values span" in scores.to_text()


@pytest.mark.parametrize(
    ("dtype", "lowest"),
    [("int64", -(2**63)), ("int64", 2**62), ("uint64", 2**64 - 2**13)],
)
def test_integers_that_float64_cannot_tell_apart_score_alike(
    dtype: str,
    lowest: int,
    photograph: NDArray[Any],
    tiny: Model,
    biased: Model,
) -> None:
    """Near the ends of 64 bits all that is in an image was rounded away."""
    image = 30 * (photograph.astype("int64") - photograph.min())
    far = (image.astype("uint64") + np.uint64(lowest % 2**64)).view(dtype)
    for protocol, noise in (("A", None), ("direct", 300), ("direct", "estimated")):
        options: dict[str, Any] = {"factors": 2, "device": "cpu", "noise": noise}
        near, distant = (
            evaluate(each, model=[tiny, biased], protocol=protocol, **options)
            for each in (image, far)
        )
        assert [row.psnr for row in distant.rows] == [row.psnr for row in near.rows]
        assert [row.ssim for row in distant.rows] == [row.ssim for row in near.rows]
    pairs = [evaluate_pairs(each, each[::2, ::2], model=tiny) for each in (image, far)]
    assert pairs[1].mean(2, "tiny").psnr == pairs[0].mean(2, "tiny").psnr


def test_the_range_of_faint_floats_is_doubted_in_words_that_can_be_followed(
    photograph: NDArray[Any], tiny: Model
) -> None:
    """There is no data_range to give here; of a stack, all planes count."""
    image = photograph / 255
    options: dict[str, Any] = {"model": tiny, "factors": 2, "device": "cpu"}
    words = r"no value is above 0.0\d+, .* within \[0, 1\]: scale the values to 0 to 1$"
    with pytest.warns(VdsrWarning, match=words):
        evaluate(image / 30, **options)
    with pytest.warns(VdsrWarning, match=words):
        evaluate_pairs(image / 30, image[::2, ::2], model=tiny)
    evaluate(np.stack([image / 30, image]), **options)


def test_a_network_of_three_channels_sees_the_colours(
    ramp: NDArray[Any], course: Model
) -> None:
    truth = evaluate(ramp, model=course, factors=2, rgb=True, device="cpu")
    grey = np.repeat(ramp[..., :1], 3, axis=-1)
    assert truth.mean(2, "course").psnr > 10
    # With three equal channels, luminance is that channel on another scale.
    kept = compare(grey, 2, model=course, protocol="A", rgb=True)
    low = resized(grey, (12, 15), rgb=True)
    rgb = upscale_array(
        low, 2, model=course, device="cpu", rgb=True, intensity_range=(0, 255)
    )
    rgb = np.clip(np.rint(rgb), 0, 255)
    luminance = np.rint(16 + rgb @ np.array([65.481, 128.553, 24.966]) / 255)
    np.testing.assert_array_equal(kept.outcomes[-1].image, luminance)


def test_a_stack_is_scored_plane_by_plane(
    photograph: NDArray[Any], tiny: Model
) -> None:
    stack = np.stack([photograph, photograph[::-1]])
    scores = evaluate({"both": stack}, model=tiny, factors=2, device="cpu")
    single = [
        evaluate(plane, model=tiny, factors=2, device="cpu").mean(2, "tiny").psnr
        for plane in stack
    ]
    assert scores.mean(2, "tiny").psnr == pytest.approx(np.mean(single))


def test_srcnn_is_scored_only_at_its_own_factor(
    photograph: NDArray[Any], srcnn: Model
) -> None:
    with pytest.warns(VdsrWarning, match="srcnn is left out at factor 2") as told:
        scores = evaluate(photograph, model=[srcnn], factors=[2, 3], device="cpu")
    assert len(told) == 1, "what nobody asked for is left out in silence"
    found = {(mean.factor, mean.method) for mean in scores.means}
    assert found == {
        *product((2, 3), BASELINES),
        (3, "srcnn"),
        (3, "srcnn-915-x3"),  # the package brings it
    }


def test_srcnn_joins_by_itself_where_its_weights_are(
    photograph: NDArray[Any], tiny: Model, srcnn: Model, tmp_path: Path
) -> None:
    user_folder().mkdir(parents=True, exist_ok=True)
    told = {"architecture": "srcnn", "factors": "3"}
    Model(srcnn.network, "base", metadata=told).save(user_folder() / "base.safetensors")
    scores = evaluate(photograph, model=tiny, factors=3, device="cpu")
    assert scores.methods == (*BASELINES, "srcnn-915-x3", "base", "tiny")


def test_models_of_one_name_are_told_apart(
    photograph: NDArray[Any], tiny: Model
) -> None:
    scores = evaluate(photograph, model=[tiny, tiny], factors=2, device="cpu")
    assert scores.methods == (*BASELINES, "tiny", "tiny (2)")


def test_real_pairs_are_not_reduced_and_may_differ_in_contrast(
    photograph: NDArray[Any], tiny: Model
) -> None:
    low = resize(photograph, (30, 36))
    scores = evaluate_pairs(photograph, 0.5 * low + 20, model=tiny)
    assert scores.protocol == "pairs"
    bicubic = scores.mean(2, "bicubic")
    assert bicubic.fitted_psnr > bicubic.psnr + 5
    assert "after affine fit" in scores.to_text()


def test_real_pairs_may_have_any_ratio(photograph: NDArray[Any], tiny: Model) -> None:
    low = resize(photograph, (40, 48)).round().astype("uint8")
    scores = evaluate_pairs([photograph], [low], model=tiny)
    assert scores.factors == (1.5,)


def test_small_images_have_a_psnr_but_no_ssim(tiny: Model) -> None:
    image = np.arange(12 * 12, dtype="uint8").reshape(12, 12)
    scores = evaluate(image, model=tiny, factors=2, device="cpu")
    assert scores.rows[0].ssim is None
    assert "–" in scores.to_text()


def test_figures_come_as_text_csv_and_json(
    photograph: NDArray[Any], ramp: NDArray[Any], tiny: Model
) -> None:
    scores = evaluate(
        {"a, b": photograph, "flat": np.full((24, 24), 9, "uint8")},
        model=tiny,
        factors=[2],
        device="cpu",
    )
    text = scores.to_text()
    assert text.startswith("protocol A: ")
    assert "data range 255: 8-bit image" in text
    assert "MPix/s" in text
    rows = list(csv.DictReader(io.StringIO(scores.to_csv())))
    assert [row["image"] for row in rows] == ["a, b"] * 4 + ["flat"] * 4
    assert float(rows[0]["psnr"]) == scores.rows[0].psnr
    assert rows[4]["psnr"] == "inf"
    told = json.loads(json.dumps(scores.to_json(), allow_nan=False))
    assert told["protocol"] == "A"
    assert told["rows"][4]["psnr"] is None
    assert told["means"][0]["images"] == 2


def test_names_of_files_do_not_break_the_table(
    photograph: NDArray[Any], tiny: Model
) -> None:
    scores = evaluate(photograph, model=tiny, factors=2, device="cpu")
    rows = tuple(replace(row, image="a\nb") for row in scores.rows)
    broken = replace(scores, rows=rows, left_out=(("c\rd", "no image"),))
    text = broken.to_text()
    assert len(text.splitlines()) == len(scores.to_text().splitlines()) + 1
    assert "left out: c d: no image" in text


def test_progress_counts_images_and_can_cancel(
    photograph: NDArray[Any], tiny: Model, progress: Any
) -> None:
    images = [photograph, photograph[:30]]
    evaluate(images, model=tiny, factors=[2, 3], device="cpu", progress=progress)
    assert progress.total == 4
    assert progress.done == pytest.approx(4)

    def stop(n=1):
        raise Cancelled

    progress.update = stop
    with pytest.raises(Cancelled):
        evaluate(photograph, model=tiny, device="cpu", progress=progress)


@pytest.mark.parametrize(
    ("images", "options", "words"),
    [
        (np.zeros((20, 20), "uint8"), {"factors": 1}, "whole factors from 2 to 8"),
        (np.zeros((20, 20), "uint8"), {"factors": 2.5}, "whole factors from 2 to 8"),
        (np.zeros((20, 20), "uint8"), {"factors": []}, "no factor"),
        ([], {}, "no image"),
        (np.zeros((4, 4), "uint8"), {"factors": 2}, "too small"),
        (np.zeros((20, 20), "uint8"), {"protocol": "B"}, "choose A, direct"),
        (np.zeros((20, 20, 3), "uint8"), {}, "say rgb=True"),
        (np.zeros((20, 20), bool), {}, "bool"),
        (np.full((20, 20), np.nan), {}, "holds NaN"),
        (np.ma.masked_less(np.eye(20), 1), {}, "mark what is missing with NaN"),
        (7, {}, "given as int"),
    ],
)
def test_what_cannot_be_evaluated_is_refused_with_a_reason(
    images: Any, options: dict[str, Any], words: str, tiny: Model
) -> None:
    with pytest.raises(InputError, match=words):
        evaluate(images, model=tiny, device="cpu", **options)


def test_pairs_that_are_none_are_refused(photograph: NDArray[Any], tiny: Model) -> None:
    with pytest.raises(InputError, match="no pair"):
        evaluate_pairs(photograph[:30], photograph, model=tiny)
    with pytest.raises(InputError, match="needs its partner"):
        evaluate_pairs([photograph], [], model=tiny)


def test_a_missing_file_is_an_error_that_names_it(tmp_path: Path, tiny: Model) -> None:
    with pytest.raises(VdsrError, match=r"missing\.png"):
        evaluate(tmp_path / "missing.png", model=tiny, device="cpu")


def test_masks_of_lazy_chunks_are_refused(
    photograph: NDArray[Any], tiny: Model
) -> None:
    lazy = da.from_array(photograph, chunks=30).map_blocks(
        lambda block: np.ma.masked_less(block, 50), meta=photograph[:0]
    )
    with pytest.raises(InputError, match="masks are not known here"):
        evaluate(lazy, model=tiny, factors=2)


def test_files_that_cannot_be_used_are_named_and_left_out(
    photograph: NDArray[Any], tiny: Model, tmp_path: Path
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", photograph)
    tifffile.imwrite(tmp_path / "cut.tif", photograph, compression="zlib")
    cut = (tmp_path / "cut.tif").read_bytes()
    (tmp_path / "cut.tif").write_bytes(cut[: len(cut) // 2])
    tifffile.imwrite(tmp_path / "small.tif", photograph[:4, :4])
    (tmp_path / "a.czi").write_bytes(b"of a microscope")
    units: list[float] = []

    class Bar:
        def reset(self, total: float | None = None) -> None:
            units.append(-(total or 0))

        def update(self, n: float = 1) -> None:
            units.append(n)

    with pytest.warns(VdsrWarning, match=r"2 of the images are left out: cut\.tif: "):
        with pytest.warns(VdsrWarning, match=r"1 \.czi cannot be read"):
            scores = evaluate(tmp_path, model=tiny, factors=[2, 3], progress=Bar())
    assert {row.image for row in scores.rows} == {"a.tif"}
    assert [name for name, _ in scores.left_out] == ["cut.tif", "small.tif"]
    assert "left out: small.tif: small.tif has 4 x 4 pixels" in scores.to_text()
    assert [each["image"] for each in scores.to_json()["left_out"]] == [  # type: ignore[attr-defined]
        "cut.tif",
        "small.tif",
    ]
    assert sum(units) == pytest.approx(0)
    (tmp_path / "a.tif").unlink()
    (tmp_path / "a.czi").unlink()
    with pytest.raises(InputError, match="no image can be evaluated: cut"):
        evaluate(tmp_path, model=tiny)
    with pytest.raises(FileError, match="cut"):
        evaluate(tmp_path / "cut.tif", model=tiny)
