"""PSNR: closed forms, other libraries, and what it refuses."""

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from scipy.sparse import csr_array, csr_matrix
from similar import ssim
from skimage.metrics import peak_signal_noise_ratio

from napari_vdsr.errors import InputError, VdsrWarning
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


def test_a_range_far_beyond_faint_floats_is_told_of() -> None:
    """It adds decibels: 60 for values up to 0.001."""
    a, b = (1e-3 * image for image in random_pair("float32"))
    with pytest.warns(VdsrWarning, match=r"no value is above 0.000999.*: give data_ra"):
        faint = psnr(a, b)
    assert faint.data_range.value == 1
    with pytest.warns(VdsrWarning, match="give data_range"):
        ssim(a, b)
    own = psnr(a, b, data_range=1e-3)  # nothing to tell
    assert faint.mean - own.mean == pytest.approx(60)
    psnr(100 * a, 100 * b)


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


@pytest.mark.filterwarnings("ignore::napari_vdsr.errors.VdsrWarning")
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


@pytest.mark.filterwarnings("ignore::napari_vdsr.errors.VdsrWarning")
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


def test_the_mean_is_infinite_only_if_all_planes_are_equal() -> None:
    truth = np.zeros((3, 8, 8), np.uint8)
    image = truth.copy()
    image[0] += 5
    image[1] += 50
    report = psnr(truth, image)
    assert report.mean == pytest.approx((34.151 + 14.151) / 2, abs=1e-3)
    assert report.to_text().startswith(
        "PSNR 24.15 dB, the mean of the 2 planes that differ"
    )
    assert "identical: 1 of 3 planes" in report.to_text()


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
        (np.zeros((4, 4)), [[1, 2], [3]], {}, "the image, a list, is no array"),
        (np.zeros((4, 4)), csr_matrix(np.eye(4)), {}, "csr_matrix is sparse"),
        (np.zeros((4, 4)), csr_array(np.eye(4)), {}, "csr_array is sparse"),
        (np.zeros((4, 4)), np.ma.masked_less(np.ones((4, 4)), 2), {}, "with NaN"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_a_way_out(
    a: NDArray[Any], b: NDArray[Any], options: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        psnr(a, b, **options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"luminance": "no"}, "luminance is 'no': it can be True, False or 'auto'"),
        ({"luminance": 0}, "luminance is 0: it can be"),
        ({"luminance": None}, "luminance is None: it can be"),
        ({"rgb": "yes"}, "rgb is 'yes': it can be True, False or None"),
        ({"rgb": 1}, "rgb is 1: it can be"),
        ({"border": "2"}, "border is '2': give a whole number"),
        ({"border": 1.5}, "border is 1.5: give a whole number"),
        ({"border": True}, "border is True: give a whole number"),
        ({"border": None}, "border is None: give a whole number"),
        ({"data_range": "255"}, "data_range is '255': give a positive number"),
        ({"data_range": True}, "data_range is True: give a positive number"),
        ({"data_range": [1]}, "data_range is \\[1\\]: give a positive number"),
        ({"data_range": 1j}, "data_range is 1j: give a positive number"),
    ],
)
@pytest.mark.parametrize("measure", [psnr, ssim])
def test_arguments_of_the_wrong_kind_are_named(
    options: dict[str, Any], words: str, measure: Callable[..., object]
) -> None:
    image = np.zeros((12, 12, 3), "uint8")
    with pytest.raises(InputError, match=words):
        measure(image, image, **({"rgb": True} | options))


def test_numbers_of_numpy_are_numbers() -> None:
    black = np.zeros((8, 8, 3), "uint8")
    report = psnr(
        black,
        black + 51,
        rgb=np.bool_(True),
        luminance=np.bool_(False),
        border=np.int64(1),
        data_range=np.float32(255),
    )
    assert report.mean == pytest.approx(20 * math.log10(5))
    assert report.border == 1


@pytest.mark.parametrize("scale", [1e-300, 1e-170, 1e-5, 1.0, 1e6, 1e200, 1e300])
def test_decibels_do_not_depend_on_the_unit(scale: float) -> None:
    rng = np.random.default_rng(5)
    a, noise = 100 * rng.random((2, 9, 9))
    b = a + noise / 100
    expected = psnr(a, b, data_range=100, fit=True)
    found = psnr(a * scale, b * scale, data_range=100 * scale, fit=True)
    assert found.mean == pytest.approx(expected.mean, abs=1e-6)
    assert found.of_mean_error == pytest.approx(expected.mean, abs=1e-6)
    assert found.fitted.mean == pytest.approx(expected.fitted.mean, abs=1e-6)
    assert found.identical == 0


def test_a_tiny_difference_is_a_difference() -> None:
    a = np.eye(4)
    b = a.copy()
    b[0, 1] = 1e-200
    assert psnr(a, b).mean == pytest.approx(4000 + 20 * math.log10(4))
    assert psnr(a, b).identical == 0


@pytest.mark.parametrize(
    ("dtype", "offset"), [("int64", 2**60), ("int64", -(2**60)), ("uint64", 2**63 + 9)]
)
def test_large_integers_keep_their_differences(dtype: str, offset: int) -> None:
    a = np.arange(64, dtype=dtype).reshape(8, 8)
    far = (a.astype(object) + offset).astype(dtype)
    report = psnr(far, far + np.ones((), dtype), fit=True)
    assert report.data_range.value == 63
    assert report.mean == pytest.approx(20 * math.log10(63))
    assert report.fitted.mean > 200
    assert psnr(far, far).mean == math.inf


@pytest.mark.parametrize("factor", [1 / 255, 1 / 4, 4, 257])
def test_scales_that_differ_several_fold_are_said(factor: float) -> None:
    a, b = random_pair("float64")
    a, b = 200 * a, 200 * b
    with pytest.warns(VdsrWarning, match="bring both to one scale"):
        psnr(a, b * factor)


def test_other_contrast_a_hot_pixel_and_a_constant_are_no_other_scale() -> None:
    a, _ = random_pair("uint8")
    psnr(a.astype("float64"), a * 0.5)
    psnr(a.astype("float64"), 100 + a * 0.1)
    hot = a.astype("uint16")
    hot[0, 0] = 60000
    psnr(hot, a.astype("uint16"))
    psnr(a, np.full_like(a, 7))
