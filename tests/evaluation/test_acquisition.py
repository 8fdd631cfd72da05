"""The small image of a test, taken as an instrument takes it."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from napari_vdsr import evaluate
from napari_vdsr.errors import InputError
from napari_vdsr.evaluation.acquisition import Acquisition, acquisitions_for
from napari_vdsr.evaluation.evaluate import compare
from napari_vdsr.imaging import resample
from napari_vdsr.imaging.resample import SAMPLINGS, Sampling, sampling_rows
from napari_vdsr.zoo import Model

factors = st.integers(2, 8)
kinds = st.sampled_from(SAMPLINGS)


def of(sampling: Any, noise: Any = None) -> Acquisition:
    return Acquisition(sampling, noise)


@given(kinds, factors, st.integers(3, 6), st.integers(3, 6), st.booleans())
def test_small_pixels_are_those_of_the_sampling(
    sampling: Sampling, factor: int, height: int, width: int, rgb: bool
) -> None:
    way = Acquisition(sampling)
    per = factor * way.finer
    shape = (2, height * per, width * per, *((3,) if rgb else ()))
    image = np.random.default_rng(0).random(shape)
    rows, columns = (
        sampling_rows(size * per, size, sampling) for size in (height, width)
    )
    planes = image if not rgb else np.moveaxis(image, -1, 0)
    part = planes[..., rows.source, columns.source]
    expected = rows.weights @ part @ columns.weights.T
    expected = np.moveaxis(expected, 0, -1) if rgb else expected
    np.testing.assert_allclose(way.small_of(image, factor, rgb), expected, atol=1e-12)


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("factor", [2, 8])
def test_large_images_are_made_smaller_in_blocks(
    sampling: Sampling, factor: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resample, "_BLOCK", 64)
    way = Acquisition(sampling)
    per = factor * way.finer
    image = np.random.default_rng(0).random((4 * per, 150 * per))
    rows, columns = (sampling_rows(size * per, size, sampling) for size in (4, 150))
    part = image[rows.source, columns.source]
    expected = rows.weights @ part @ columns.weights.T
    np.testing.assert_allclose(way.small_of(image, factor, False), expected, atol=1e-12)


@given(kinds, factors)
def test_truth_and_small_image_share_their_outer_edges(
    sampling: Sampling, factor: int
) -> None:
    """A ramp stays a ramp, with its pixels where the geometry of the package says."""
    way = Acquisition(sampling)
    ramp = np.tile(np.arange(8.0 * factor * way.finer), (8 * factor * way.finer, 1))
    truth, small = way.truth_of(ramp, False), way.small_of(ramp, factor, False)
    assert truth.shape == (8 * factor, 8 * factor)
    assert small.shape == (8, 8)
    inner = slice(3, -3)  # other pixels feel the mirrored border
    centres = truth.reshape(8, factor, 8, factor).mean(axis=(1, 3))
    np.testing.assert_allclose(small[inner, inner], centres[inner, inner], atol=1e-9)


def test_a_scanner_takes_the_two_pixels_at_the_centre() -> None:
    image = np.random.default_rng(0).integers(0, 255, (24, 36)).astype("uint8")
    small = of("scanner").small_of(image, 3, rgb=False)
    assert small.shape == (4, 6)
    assert small[1, 2] == image[8:10, 14:16].mean()
    assert of("scanner").truth_of(image, False)[4, 7] == image[8:10, 14:16].mean()


def test_the_trial_is_what_the_sampling_says(
    photograph: NDArray[Any], tiny: Model
) -> None:
    pair = compare(photograph, 3, model=tiny, sampling="camera").pair
    means = photograph.reshape(20, 3, 24, 3).mean(axis=(1, 3))
    np.testing.assert_array_equal(pair.lr, np.rint(means).astype("uint8"))
    np.testing.assert_array_equal(pair.hr, photograph)
    pair = compare(photograph, 3, model=tiny, sampling="scanner").pair
    assert pair.shape == (30, 36)
    assert pair.lr.shape == (10, 12)
    assert pair.lr.dtype == photograph.dtype
    assert pair.data_range.value == 255


def test_noise_is_the_same_for_all_runs_and_the_truth_has_none(
    photograph: NDArray[Any], tiny: Model
) -> None:
    stack = np.stack([photograph, photograph])
    first, again = (compare(stack, 2, model=tiny, noise=900).pair for _ in range(2))
    clean = compare(stack, 2, model=tiny).pair
    np.testing.assert_array_equal(first.lr, again.lr)
    np.testing.assert_array_equal(first.hr, clean.hr)
    assert (first.lr != clean.lr).mean() > 0.5
    assert (first.lr[0] != first.lr[1]).any(), "each plane has noise of its own"
    assert clean.electrons is None


@pytest.mark.parametrize("noise", ["strong", "estimated"])
@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_plane_by_plane_is_what_comes_of_the_whole(
    sampling: Sampling, noise: Any, photograph: NDArray[Any], tiny: Model
) -> None:
    stack = np.stack([photograph, photograph[::-1], photograph // 2]).astype("uint16")
    options: Any = {"sampling": sampling, "noise": noise}
    scores = evaluate(stack, model=tiny, factors=2, protocol="direct", **options)
    whole = compare(stack, 2, model=tiny, **options)
    assert {row.noise for row in scores.rows} == {whole.pair.electrons}
    assert scores.rows[0].noise is not None
    for row, outcome in zip(scores.rows, whole.outcomes, strict=True):
        assert row.method == outcome.method
        assert row.sampling == sampling
        assert row.psnr == pytest.approx(outcome.psnr.mean, abs=0.01)


def test_models_are_scored_on_images_as_they_were_trained_for(
    photograph: NDArray[Any], tiny: Model
) -> None:
    trained = Model(tiny.network, "points", metadata={"sampling": "scanner"})
    alone = evaluate(
        photograph, model=trained, factors=2, protocol="direct", device="cpu"
    )
    assert alone.samplings == ("scanner",)
    both = evaluate(
        photograph, model=[tiny, trained], factors=2, protocol="direct", device="cpu"
    )
    assert both.samplings == ("reduced", "scanner")
    for method in ("bicubic", "tiny", "points"):
        figures = {both.mean(2, method, kind).psnr for kind in both.samplings}
        assert len(figures) == 2, "every method is scored in each way"
    assert both.mean(2, "points", "scanner").psnr == alone.mean(2, "points").psnr
    text = both.to_text()
    assert "x2  reduced" in text
    assert "x2  scanner" in text
    given = evaluate(
        photograph,
        model=[tiny, trained],
        factors=2,
        protocol="direct",
        sampling="camera",
        device="cpu",
    )
    assert given.samplings == ("camera",)


def test_what_a_file_says_in_unknown_words_is_no_sampling(tiny: Model) -> None:
    assert tiny.sampling == "reduced"
    assert Model(tiny.network, "odd", metadata={"sampling": "x"}).sampling == "reduced"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"sampling": "confocal", "protocol": "direct"},
            "choose reduced, gaussian",
        ),
        ({"noise": -1, "protocol": "direct"}, "electrons that white stands for"),
        ({"noise": float("nan"), "protocol": "direct"}, "noise is nan"),
        (
            {"sampling": "scanner", "protocol": "A"},
            "leave sampling out, or score with protocol",
        ),
        ({"noise": "weak", "protocol": "A"}, "leave noise out, or score with protocol"),
    ],
)
def test_what_cannot_be_taken_is_refused_with_a_reason(
    options: Any, words: str, photograph: NDArray[Any], tiny: Model
) -> None:
    with pytest.raises(InputError, match=words):
        evaluate(photograph, model=tiny, factors=2, device="cpu", **options)


def test_an_image_too_small_for_a_scanner_is_refused(tiny: Model) -> None:
    image = np.zeros((11, 40), "uint8")
    evaluate(image, model=tiny, factors=2, protocol="direct", device="cpu")
    with pytest.raises(InputError, match=r"halved .* at least 12 x 12"):
        evaluate(
            image,
            model=tiny,
            factors=2,
            protocol="direct",
            sampling="scanner",
            device="cpu",
        )


def test_protocol_a_takes_images_in_one_way_whatever_models_are_made_for() -> None:
    assert acquisitions_for("A", ["scanner", "camera"], None, None) == [of("reduced")]
