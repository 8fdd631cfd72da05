"""SSIM: the published formula, and other libraries."""

import numpy as np
import pytest
import torch
from similar import ssim
from skimage.metrics import structural_similarity

from napari_vdsr.errors import InputError, VdsrWarning
from napari_vdsr.evaluation.data_range import range_of
from napari_vdsr.evaluation.planes import scaled_luminance


def random_pair(dtype, shape=(32, 40)):
    rng = np.random.default_rng(5)
    top = 1 if dtype.startswith("float") else 200
    pair = rng.uniform(0, top, (2, *shape))
    pair[1] = 0.7 * pair[0] + 0.3 * pair[1]
    return pair.astype(dtype)


def plain_ssim(a, b, peak):
    """Wang et al. written out: Gaussian 11 x 11, valid windows only."""
    tap = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    window = np.outer(tap, tap) / tap.sum() ** 2

    def mean(image):
        views = np.lib.stride_tricks.sliding_window_view(image, (11, 11))
        return np.einsum("yxij,ij->yx", views, window)

    ma, mb = mean(a), mean(b)
    va, vb, cov = mean(a * a) - ma**2, mean(b * b) - mb**2, mean(a * b) - ma * mb
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    values = (2 * ma * mb + c1) * (2 * cov + c2)
    return (values / ((ma**2 + mb**2 + c1) * (va + vb + c2))).mean()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
def test_it_is_the_published_formula(dtype: str) -> None:
    a, b = random_pair(dtype)
    peak = range_of(a).value
    expected = plain_ssim(a.astype(float), b.astype(float), peak)
    assert ssim(a, b) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("shape", [(11, 11), (32, 40), (24, 20, 3)])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
def test_it_agrees_with_scikit_image(dtype: str, shape: tuple[int, ...]) -> None:
    a, b = random_pair(dtype, shape)
    colour = len(shape) == 3
    found = ssim(a, b, rgb=colour, luminance=False)
    expected = structural_similarity(
        a.astype(float),
        b.astype(float),
        data_range=range_of(a).value,
        gaussian_weights=True,
        use_sample_covariance=False,
        channel_axis=-1 if colour else None,
    )
    assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float64"])
def test_it_agrees_with_torchmetrics(dtype: str) -> None:
    image = pytest.importorskip("torchmetrics.functional.image")
    a, b = random_pair(dtype)
    full = image.structural_similarity_index_measure(
        torch.from_numpy(b.astype("float64"))[None, None],
        torch.from_numpy(a.astype("float64"))[None, None],
        data_range=range_of(a).value,
        sigma=1.5,
        return_full_image=True,
    )[1]
    # Its mean has another border than its map: take the valid part of the map.
    valid = full[0, 0] if full.shape[-1] == 30 else full[0, 0, 5:-5, 5:-5]
    assert ssim(a, b) == pytest.approx(valid.mean().item(), abs=1e-6)


def test_it_is_symmetric_and_1_for_identical_images() -> None:
    a, b = random_pair("uint8")
    assert ssim(a, b) == pytest.approx(ssim(b, a))
    assert ssim(a, a) == 1


def test_planes_are_scored_one_by_one() -> None:
    a, b = random_pair("uint8", (2, 32, 40))
    each = [ssim(a[plane], b[plane], data_range=255) for plane in range(2)]
    assert ssim(a, b, data_range=255) == pytest.approx(sum(each) / 2, abs=1e-12)


def test_colours_are_scored_by_luminance_or_all() -> None:
    a, b = random_pair("uint8", (20, 20, 3))
    grey = [scaled_luminance(image, 255.0) for image in (a, b)]
    assert ssim(a, b, rgb=True) == pytest.approx(ssim(*grey, data_range=255))
    channels = [ssim(a[..., i], b[..., i]) for i in range(3)]
    together = ssim(a, b, rgb=True, luminance=False)
    assert together == pytest.approx(np.mean(channels))


@pytest.mark.parametrize(
    ("shape", "border", "words"),
    [((10, 40), 0, "11 x 11"), ((16, 40), 3, "11 x 11")],
)
def test_too_few_pixels_are_refused(
    shape: tuple[int, ...], border: int, words: str
) -> None:
    image = np.zeros(shape, "uint8")
    with pytest.raises(InputError, match=words):
        ssim(image, image, border=border)


def test_nan_is_refused() -> None:
    a, b = random_pair("float64")
    b[0, 0] = np.nan
    with pytest.raises(InputError, match="NaN"):
        ssim(a, b)


def test_a_constant_image_is_refused_in_words_that_fit_every_caller() -> None:
    flat = np.full((16, 16), 7, "uint16")
    with pytest.raises(InputError, match="choose an image that is not constant"):
        ssim(flat, flat)


@pytest.mark.parametrize("scale", [1e-170, 1e-3, 1e200, 1e300])
def test_the_scale_of_values_changes_no_similarity(scale: float) -> None:
    reference = np.random.default_rng(0).random((20, 24)) + 1
    image = reference + 0.1 * np.random.default_rng(1).random((20, 24))
    expected = ssim(reference, image, data_range=1.0)
    scaled = ssim(reference * scale, image * scale, data_range=scale)
    assert scaled == pytest.approx(expected)


def test_one_enormous_pixel_costs_the_similarity_around_it_and_no_more() -> None:
    reference = np.random.default_rng(0).random((20, 40))
    image = reference.copy()
    image[5, 5] = 1e200
    assert 0 < ssim(reference, image, data_range=1.0) < 1


def test_a_range_that_the_values_exceed_is_doubted() -> None:
    a, b = random_pair("uint16")
    with pytest.warns(VdsrWarning, match="data_range"):
        ssim(a, b, data_range=10)


@pytest.mark.parametrize(
    ("dtype", "offset"),
    [("uint32", 2**31), ("int64", 2**62), ("uint64", 2**63), ("float64", 1e9)],
)
def test_a_large_offset_leaves_the_structure(dtype: str, offset: float) -> None:
    """A square of it swallowed the variances: SSIM was -6e15."""
    a, b = (100 * plane for plane in random_pair("uint16"))
    offset = np.array(offset, dtype)
    large = [image.astype(dtype) + offset for image in (a, b)]
    # Means that are equal beside the offset leave contrast and structure.
    a, b = a.astype(float), b.astype(float)
    tap = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    window = np.outer(tap, tap) / tap.sum() ** 2
    one, two = (
        np.lib.stride_tricks.sliding_window_view(image, (11, 11)) for image in (a, b)
    )

    def mean(views):
        return (views * window).sum((-1, -2))

    c2 = (0.03 * range_of(large[0]).value) ** 2
    away = [view - mean(view)[..., None, None] for view in (one, two)]
    covariance = mean(away[0] * away[1])
    variances = mean(away[0] ** 2) + mean(away[1] ** 2)
    expected = ((2 * covariance + c2) / (variances + c2)).mean()
    assert ssim(*large) == pytest.approx(expected, abs=1e-6)
