"""PSNR: closed forms, other libraries, and what it refuses."""

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from skimage.metrics import peak_signal_noise_ratio

from napari_vdsr.errors import InputError
from napari_vdsr.evaluation.psnr import psnr

DTYPES = [
    "uint8",
    "uint16",
    "int16",
    "int32",
    "uint64",
    "float16",
    "float32",
    "float64",
]


def random_pair(dtype, shape=(40, 50), seed=0):
    rng = np.random.default_rng(seed)
    top = 1 if dtype.startswith("float") else 200
    pair = rng.uniform(0, top, (2, *shape)).astype(dtype)
    return pair[0], pair[1]


@pytest.mark.parametrize("dtype", DTYPES)
def test_it_agrees_with_scikit_image(dtype: str) -> None:
    a, b = random_pair(dtype)
    report = psnr(a, b)
    expected = peak_signal_noise_ratio(
        a.astype(float), b.astype(float), data_range=report.data_range.value
    )
    assert report.mean == pytest.approx(expected, abs=1e-9)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", DTYPES)
def test_it_agrees_with_torchmetrics(dtype: str) -> None:
    torch = pytest.importorskip("torch")
    image = pytest.importorskip("torchmetrics.functional.image")
    a, b = random_pair(dtype, seed=1)
    report = psnr(a, b)
    expected = image.peak_signal_noise_ratio(
        torch.from_numpy(b.astype("float64")),
        torch.from_numpy(a.astype("float64")),
        data_range=report.data_range.value,
    )
    assert report.mean == pytest.approx(expected.item(), abs=1e-4)


def test_a_known_error_has_a_known_psnr() -> None:
    black = np.zeros((8, 8), "uint8")
    assert psnr(black, black + 255).mean == 0
    assert psnr(black, black + 51).mean == pytest.approx(20 * math.log10(5))
    half = np.zeros((8, 8))
    half[:4] = 0.1
    assert psnr(np.zeros((8, 8)), half).mean == pytest.approx(10 * math.log10(200))


def test_integers_do_not_wrap() -> None:
    low, high = np.zeros((4, 4), "uint8"), np.full((4, 4), 200, "uint8")
    assert psnr(low, high).mean == psnr(high, low).mean


pairs = st.sampled_from(["uint8", "int16", "float64"]).flatmap(
    lambda dtype: hnp.arrays(
        dtype,
        (2, 5, 6),
        elements=st.floats(-50, 50)
        if dtype == "float64"
        else hnp.from_dtype(np.dtype(dtype)),
    )
)


# The warning depends on which image is the reference; the figure does not.
@pytest.mark.filterwarnings("ignore::napari_vdsr.errors.VdsrWarning")
@given(pairs)
def test_with_a_given_range_it_is_symmetric(pair: NDArray[Any]) -> None:
    a, b = pair
    assert psnr(a, b, data_range=255).values == psnr(b, a, data_range=255).values


@given(pairs, st.floats(0.01, 50), st.floats(-100, 100))
def test_the_fitted_psnr_does_not_see_contrast_and_offset(
    pair: NDArray[Any], scale: float, offset: float
) -> None:
    a, b = pair.astype("float64")
    if np.ptp(a) < 1e-3 or np.ptp(b) < 1e-3:
        return
    one = psnr(a, b, fit=True).fitted
    other = psnr(a, scale * b + offset, fit=True).fitted
    assert other.errors[0] == pytest.approx(one.errors[0], rel=1e-6, abs=1e-9)


@given(pairs)
def test_the_fitted_psnr_is_never_below_the_plain_one(pair: NDArray[Any]) -> None:
    a, b = pair.astype("float64")
    if np.ptp(a) == 0:
        return
    report = psnr(a, b, fit=True)
    assert report.fitted.errors[0] <= report.errors[0] * (1 + 1e-9) + 1e-12


def test_a_constant_image_is_fitted_by_the_mean() -> None:
    # Its mean, in floating point, is not quite its value.
    reference = np.full((5, 6), 3.18011884)
    reference[0, 0] = 0
    report = psnr(reference, np.full((5, 6), 3.18011884), fit=True)
    assert report.fitted.errors[0] == pytest.approx(reference.var())


def test_without_fit_there_is_no_fitted_psnr() -> None:
    a, b = random_pair("uint8")
    assert psnr(a, b).fitted is None


def test_identical_images_are_infinite_and_say_so() -> None:
    a, _ = random_pair("uint8")
    report = psnr(a, a)
    assert report.mean == math.inf
    assert "identical: 1 of 1 planes, whose PSNR is infinite" in report.to_text()
    assert json.loads(json.dumps(report.to_json(), allow_nan=False))["mean"] is None


def test_a_stack_is_scored_plane_by_plane() -> None:
    a = np.zeros((2, 3, 8, 8), "uint8")
    b = a + np.arange(1, 7, dtype="uint8").reshape(2, 3, 1, 1)
    report = psnr(a, b)
    assert report.stack == (2, 3)
    assert report.values == pytest.approx(
        [20 * math.log10(255 / n) for n in range(1, 7)]
    )
    assert (report.minimum, report.maximum) == (report.values[5], report.values[0])
    assert report.mean == pytest.approx(np.mean(report.values))
    assert report.of_mean_error == pytest.approx(10 * math.log10(255**2 / (91 / 6)))
    assert report.of_mean_error < report.mean
    assert "of the mean error" in report.to_text()


def test_the_border_is_cut_off() -> None:
    a = np.zeros((10, 12), "uint8")
    b = np.full_like(a, 99)
    b[2:-2, 2:-2] = 1
    assert psnr(a, b, border=2).mean == pytest.approx(20 * math.log10(255))
    assert psnr(a, b, border=1).mean < 20


def test_nan_is_passed_over_and_counted() -> None:
    a, b = random_pair("float64")
    holed = b.copy()
    holed[3, 4:6] = np.nan
    report = psnr(a, holed)
    assert report.left_out == 2
    error = (a - b) ** 2
    assert report.errors[0] == pytest.approx(error[~np.isnan(holed)].mean())
    assert "left out: 2" in report.to_text()


def test_colours_are_compared_by_luminance_unless_asked_otherwise() -> None:
    black = np.zeros((6, 6, 3), "uint8")
    blue = black.copy()
    blue[..., 2] = 100
    luminance = psnr(black, blue, rgb=True)
    assert luminance.channels == "luminance (BT.601, studio swing)"
    assert luminance.mean == pytest.approx(20 * math.log10(255 / (24.966 * 100 / 255)))
    channels = psnr(black, blue, rgb=True, luminance=False)
    assert channels.mean == pytest.approx(20 * math.log10(255 / (100 / math.sqrt(3))))


def test_luminance_is_the_same_on_any_scale() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.uniform(size=(2, 9, 9, 3))
    unit = psnr(a, b, rgb=True).mean
    scaled = psnr(255 * a, 255 * b, rgb=True, data_range=255).mean
    assert unit == pytest.approx(scaled)


def test_alpha_is_passed_over() -> None:
    a = np.zeros((6, 6, 4), "uint8")
    b = a.copy()
    b[..., 3] = 255
    assert psnr(a, b, rgb=True).mean == math.inf


def test_an_axis_of_three_is_never_guessed_to_be_colour() -> None:
    image = np.zeros((6, 6, 3), "uint8")
    with pytest.raises(InputError, match="say rgb=True or rgb=False"):
        psnr(image, image)
    assert psnr(image, image, rgb=False).stack == (6,)


@pytest.mark.parametrize(
    ("a", "b", "options", "words"),
    [
        (np.zeros((4, 4)), np.zeros((4, 5)), {}, "common part"),
        (np.zeros((4, 4)), np.zeros((8, 8)), {}, "resize"),
        (np.zeros((4, 4), bool), np.zeros((4, 4), bool), {}, "bool"),
        (np.zeros((4, 4), complex), np.zeros((4, 4)), {}, "complex"),
        (np.zeros((0, 4)), np.zeros((0, 4)), {}, "shape"),
        (np.zeros(4), np.zeros(4), {}, "shape"),
        (np.zeros((4, 4)), np.zeros((4, 4)), {"border": 2}, "0 to 1"),
        (np.zeros((4, 4)), np.zeros((4, 4)), {"border": -1}, "border"),
        (np.zeros((4, 4)), np.zeros((4, 4)), {"luminance": True}, "no colours"),
        (np.zeros((4, 4)), np.full((4, 4), np.inf), {}, "infinite"),
        (np.zeros((4, 4)), np.full((4, 4), np.nan), {}, "no pixel"),
        (np.full((4, 4), 7.0), np.zeros((4, 4)), {}, "give data_range"),
        (np.zeros((4, 4)), np.ma.masked_less(np.ones((4, 4)), 2), {}, "with NaN"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_a_way_out(
    a: NDArray[Any], b: NDArray[Any], options: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        psnr(a, b, **options)
