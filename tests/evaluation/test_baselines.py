"""What a model has to beat: interpolation, and the best that blurring can do."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.interpolate import make_interp_spline
from scipy.ndimage import gaussian_filter

from napari_vdsr import evaluate
from napari_vdsr.errors import Cancelled
from napari_vdsr.evaluation.evaluate import compare, evaluate_pairs, outcomes_of
from napari_vdsr.evaluation.methods import BEST_LINEAR, SPLINE, best_sigma, splined
from napari_vdsr.evaluation.protocols import ScoringPair, pair_of
from napari_vdsr.images.stack import Stack
from napari_vdsr.imaging.resample import resize
from napari_vdsr.zoo import Model


def pair(image: NDArray[Any], factor: int, sampling: Any, noise: Any) -> ScoringPair:
    from napari_vdsr.evaluation.acquisition import Acquisition

    way = Acquisition(sampling, noise)
    return pair_of(Stack(image, image.ndim == 3), factor, "direct", way)


@given(st.sampled_from([(8, 16), (9, 27), (10, 35), (7, 25)]))
def test_a_spline_lies_where_the_geometry_of_the_package_says(
    sizes: tuple[int, int],
) -> None:
    size, new = sizes
    values = np.random.default_rng(size).random(size)
    # The same signal, mirrored far beyond both of its edges.
    mirrored = np.concatenate([values[::-1], values, values[::-1]])
    spline = make_interp_spline(np.arange(-size, 2 * size), mirrored, k=3)
    expected = spline((np.arange(new) + 0.5) * size / new - 0.5)
    found = splined(np.tile(values, (4, 1)), (4, new), rgb=False)
    np.testing.assert_allclose(found, np.tile(expected, (4, 1)), atol=1e-3)


@given(st.floats(-50, 50), st.floats(0.1, 9))
def test_a_spline_follows_offset_and_contrast(offset: float, gain: float) -> None:
    image = np.random.default_rng(0).random((2, 6, 7, 3))
    plain = splined(image, (12, 21), rgb=True)
    assert plain.shape == (2, 12, 21, 3)
    changed = splined(gain * image + offset, (12, 21), rgb=True)
    np.testing.assert_allclose(changed, gain * plain + offset, atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 99),
    st.sampled_from([2, 3]),
    st.sampled_from(["reduced", "camera", "scanner"]),
    st.sampled_from([None, 50, 900]),
    st.booleans(),
)
def test_the_best_linear_is_never_below_the_spline(
    seed: int, factor: int, sampling: str, noise: float | None, rgb: bool
) -> None:
    image = np.random.default_rng(seed).random((48, 48, 3) if rgb else (48, 48))
    image = gaussian_filter(image, (seed % 4, seed % 4, 0)[: image.ndim])
    spline, best = outcomes_of(
        pair(image, factor, sampling, noise), [SPLINE, BEST_LINEAR]
    )
    assert best.psnr.mean >= spline.psnr.mean - 1e-9


@pytest.mark.parametrize("noise", [900, 100, 15])
def test_the_best_linear_is_the_best_of_all_sigmas(
    noise: float, photograph: NDArray[Any]
) -> None:
    one = pair(photograph, 2, "camera", noise)
    found = outcomes_of(one, [BEST_LINEAR])[0].psnr.mean

    def by_hand(sigma: float) -> float:
        low = gaussian_filter(one.lr.astype(float), sigma, mode="reflect")
        result = splined(low, one.shape, rgb=False)[2:-2, 2:-2]
        error = np.mean((result - one.hr[2:-2, 2:-2]) ** 2)
        return float(10 * np.log10(255**2 / error))

    best = max(by_hand(sigma) for sigma in np.arange(0.02, 5, 0.02))
    assert found == pytest.approx(best, abs=0.002)


@given(st.floats(0, 4))
def test_the_least_of_any_valley_is_found(bottom: float) -> None:
    assert best_sigma(lambda sigma: (sigma - bottom) ** 2) == pytest.approx(
        bottom, abs=0.02
    )


def test_each_plane_and_colour_is_interpolated_alone(
    ramp: NDArray[Any], tiny: Model
) -> None:
    stack = np.stack([ramp, ramp[::-1]])
    both = compare(stack, 2, model=tiny, rgb=True, noise=500)
    first = compare(ramp, 2, model=tiny, rgb=True, noise=500)
    for of_both, alone in zip(both.outcomes[1:3], first.outcomes[1:3], strict=True):
        np.testing.assert_allclose(of_both.image[0], alone.image)


def test_of_real_pairs_the_best_is_by_the_fitted_psnr(
    photograph: NDArray[Any], tiny: Model
) -> None:
    rng = np.random.default_rng(0)
    low = 0.5 * resize(photograph, (24, 28)) + 40 + 5 * rng.standard_normal((24, 28))
    scores = evaluate_pairs(photograph[:60, :70], low, model=tiny)
    spline, best = (
        scores.mean(scores.factors[0], name).fitted_psnr
        for name in (SPLINE.name, BEST_LINEAR.name)
    )
    assert best > spline + 0.1


def test_flat_images_have_an_infinite_psnr_everywhere(tiny: Model) -> None:
    scores = evaluate(np.full((24, 24), 9, "uint8"), model=tiny, factors=2)
    assert {mean.psnr for mean in scores.means} == {np.inf}
    assert "+nan" not in scores.to_text()


def test_the_search_can_be_cancelled(photograph: NDArray[Any]) -> None:
    class Bar:
        calls = 0

        def reset(self, total: float | None = None) -> None: ...

        def update(self, n: float = 1) -> None:
            self.calls += 1
            if self.calls == 3:
                raise Cancelled

    with pytest.raises(Cancelled):
        outcomes_of(pair(photograph, 2, "camera", 900), [BEST_LINEAR], Bar())


def test_the_report_says_that_the_best_linear_needs_the_truth(
    photograph: NDArray[Any], tiny: Model
) -> None:
    text = evaluate(photograph, model=tiny, factors=2, device="cpu").to_text()
    assert "which nobody has for a new image" in text
    assert "gain over spline" in text
