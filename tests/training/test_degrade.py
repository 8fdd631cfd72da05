"""Degradations: the same for a patch as for the whole image, noise in real units."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter1d
from small_training import picture, tiny

from napari_vdsr.imaging.resample import SAMPLINGS, Sampling, resize
from napari_vdsr.training import BlindNoise, CameraNoise, Spot, TrainingConfig
from napari_vdsr.training.degrade import (
    Axis,
    Degradation,
    add_noise,
    crop_axis,
    degrade,
    gaussian_matrix,
    whole_axis,
)

LIMITS = torch.tensor([[0.0, 255.0]])


def as_tensor(shape: tuple[int, int]) -> torch.Tensor:
    return torch.from_numpy(picture(shape=shape) / 255.0)[None, None]


def both(axis: Axis, image: torch.Tensor, config: TrainingConfig) -> list[np.ndarray]:
    """Degrade without noise: what the network gets, and the truth."""
    pair = degrade(image, (axis, axis), config, LIMITS, torch.Generator())
    return [values[0, 0].numpy() for values in pair]


@pytest.mark.parametrize("factor", [1.5, 2.0, 3.0, 4.0])
@pytest.mark.parametrize("kernel", ["bicubic", "bilinear"])
@pytest.mark.parametrize(
    ("sampling", "blur", "spot"),
    [("reduced", 0, 0), ("reduced", 1.2, 0), ("camera", 0, 0.9), ("scanner", 0, 0.9)],
)
def test_a_patch_is_the_same_region_of_the_whole(
    factor: float, kernel: str, sampling: Sampling, blur: float, spot: float
) -> None:
    config = tiny(
        kernel=kernel,
        sampling=sampling,
        blur=blur,
        spot=Spot((spot, spot), share=1.0) if spot else None,
    )
    kind = Degradation.of(config, sampling)
    per = config.footprint // config.patch
    image = as_tensor((240, 240))
    whole = whole_axis(240, factor, kind)
    part = crop_axis(24, factor, kind)
    fine = 36  # where a coarse pixel begins, whatever the factor
    first = fine * per - part.before
    square = slice(first, first + part.size)
    low, truth = both(whole, image, config)
    patch, patch_truth = both(part, image[..., square, square], config)
    region = slice(fine, fine + 24)
    # A Gaussian never ends, so patches feel a spot from beyond their source a little.
    close = 1e-4 if spot else 1e-12
    np.testing.assert_allclose(patch_truth, truth[region, region], atol=close)
    np.testing.assert_allclose(patch, low[region, region], atol=close)


@pytest.mark.parametrize("factor", [1.5, 2.0, 2.7])
def test_whole_images_are_resized_by_the_rule_of_the_package(factor: float) -> None:
    axis = whole_axis(60, factor, Degradation.of(tiny(), "reduced"))
    image = as_tensor((60, 60))[..., : axis.size, : axis.size]
    low, truth = both(axis, image, tiny())
    reduced = resize(image[0, 0].numpy(), (len(axis.reduce),) * 2)
    expected = resize(reduced, (axis.size, axis.size))
    np.testing.assert_allclose(low, expected, atol=1e-12)
    np.testing.assert_array_equal(truth, image[0, 0])


@pytest.mark.parametrize("sampling", ["camera", "scanner"])
@pytest.mark.parametrize("factor", [2, 3, 4])
def test_instruments_take_their_image_of_the_truth(
    sampling: Sampling, factor: int
) -> None:
    config = tiny(sampling=sampling)
    axis = whole_axis(48, factor, Degradation.of(config, sampling))
    image = as_tensor((48, 48))
    low, truth = both(axis, image, config)
    source = image[0, 0].numpy()
    fine = source.reshape(24, 2, 24, 2).mean((1, 3))
    np.testing.assert_allclose(truth, fine, atol=1e-12)
    count = 24 // factor
    if sampling == "camera":
        coarse = fine.reshape(count, factor, count, factor).mean((1, 3))
    else:
        at = 2 * factor * np.arange(count) + factor - 1
        rows = source[at] + source[at + 1]
        coarse = (rows[:, at] + rows[:, at + 1]) / 4
    np.testing.assert_allclose(low, resize(coarse, (24, 24)), atol=1e-12)


def test_truth_and_small_image_share_the_spot() -> None:
    config = tiny(sampling="scanner", spot=Spot((0.5, 0.5), share=1.0))
    axis = whole_axis(96, 2.0, Degradation.of(config, "scanner"))
    image = as_tensor((96, 96))
    low, truth = both(axis, image, config)
    blur = gaussian_matrix(96, torch.tensor(0.5 * 4, dtype=torch.float64))
    seen = blur @ image @ blur.mT
    expected = both(axis, seen, tiny(sampling="scanner"))
    np.testing.assert_allclose(low, expected[0], atol=1e-6)
    np.testing.assert_allclose(truth, expected[1], atol=1e-6)


def test_the_spot_is_drawn_for_each_patch() -> None:
    config = tiny(sampling="scanner", spot=Spot((0.2, 0.9), share=0.7))
    axis = crop_axis(8, 2.0, Degradation.of(config, "scanner"))
    points = torch.zeros(2000, 1, axis.size, axis.size)
    points[..., axis.before + 8, axis.before + 8] = 1
    generator = torch.Generator().manual_seed(0)
    _, truth = degrade(points, (axis, axis), config, LIMITS, generator)
    peaks = truth.amax((1, 2, 3))
    untouched = (peaks == 0.25).float().mean().item()  # a quarter of a 2 x 2 mean
    assert untouched == pytest.approx(0.3, abs=0.04)
    assert peaks[peaks < 0.25].std() > 0.01


@pytest.mark.parametrize("size", [5, 40])
def test_a_gaussian_of_no_width_changes_nothing(size: int) -> None:
    matrix = gaussian_matrix(size, torch.tensor([0.0, 1.5]))
    assert torch.equal(matrix[0], torch.eye(size))
    torch.testing.assert_close(matrix[1].sum(1), torch.ones(size))
    impulse = matrix[1][size // 2]
    assert impulse.argmax() == size // 2


def test_a_gaussian_mirrors_at_the_borders() -> None:
    signal = np.random.default_rng(0).random(20)
    made = gaussian_matrix(20, torch.tensor(1.5, dtype=torch.float64)).numpy() @ signal
    expected = gaussian_filter1d(signal, 1.5, mode="reflect", truncate=12)
    np.testing.assert_allclose(made, expected, rtol=1e-9)


def test_noise_has_the_variance_of_the_camera() -> None:
    noise = CameraNoise(gain=0.5, offset=100.0, read_noise=3.0)
    axis = whole_axis(512, 2.0, Degradation.of(tiny(), "reduced"))
    # 900 counts are 400 electrons above the offset.
    flat = torch.full((1, 1, 512, 512), 0.9)
    limits = torch.tensor([[0.0, 1000.0]])
    generator = torch.Generator().manual_seed(0)
    seen = add_noise(flat[..., :256, :256], noise, limits, generator) * 1000
    assert seen.mean().item() == pytest.approx(900, abs=1)
    electrons = seen.std().item() * noise.gain
    assert electrons == pytest.approx((400 + 3.0**2) ** 0.5, rel=0.02)
    low, truth = degrade(flat, (axis, axis), tiny(noise=noise), limits, generator)
    assert torch.equal(truth, flat)
    assert low.std() > 0.01


def test_pictures_without_counts_take_electrons_at_white() -> None:
    generator = torch.Generator().manual_seed(0)
    flat = torch.full((1, 1, 256, 256), 0.25)
    seen = add_noise(flat, CameraNoise(white=400.0), LIMITS, generator)
    assert seen.std().item() * 400 == pytest.approx(10, rel=0.02)
    black = torch.zeros(1, 1, 8, 8)
    assert torch.equal(
        add_noise(black, CameraNoise(white=400.0), LIMITS, generator), black
    )


def blind(noise: BlindNoise, level: float = 0.25, images: int = 1) -> torch.Tensor:
    """Noise alone, on flat images."""
    flat = torch.full((images, 1, 128, 128), level)
    generator = torch.Generator().manual_seed(0)
    return add_noise(flat, noise, LIMITS.repeat(images, 1), generator) - flat


@pytest.mark.parametrize("level", [0.0, 0.1, 0.9])
def test_blind_noise_grows_with_the_signal(level: float) -> None:
    noise = BlindNoise((400.0, 400.0), (3.0, 3.0), (0.0, 0.0), clean=0.0)
    added = blind(noise, level, images=4) * 400
    assert added.mean().item() == pytest.approx(0, abs=0.3)
    assert added.var().item() == pytest.approx(400 * level + 9, rel=0.05)


def test_blind_noise_leaves_what_is_below_black() -> None:
    noise = BlindNoise((400.0, 400.0), (3.0, 3.0), (0.0, 0.0), clean=0.0)
    assert blind(noise, -0.1, images=4).mean().item() == pytest.approx(0, abs=1e-4)


def test_blind_noise_is_drawn_for_each_patch() -> None:
    noise = BlindNoise((10.0, 1000.0), (0.0, 0.0), (0.0, 0.0), clean=0.25)
    spread = blind(noise, images=400).std((1, 2, 3))
    assert (spread == 0).float().mean().item() == pytest.approx(0.25, abs=0.06)
    white = 0.25 / spread[spread > 0] ** 2
    assert white.min() > 9
    assert white.max() < 1100
    # Each octave is as likely as any other: the median is the geometric mean.
    assert white.log10().median().item() == pytest.approx(2, abs=0.15)


def test_light_and_read_noise_are_drawn_independently() -> None:
    noise = BlindNoise((10.0, 1000.0), (1.0, 3.0), (0.0, 0.0), clean=0.0)
    dark, lit = (blind(noise, level, images=300).var((1, 2, 3)) for level in (0.0, 0.9))
    white = 0.9 / (lit - dark)
    read = dark.sqrt() * white
    together = torch.corrcoef(torch.stack([white.log(), read.log()]))[0, 1]
    assert abs(together.item()) < 0.2


@pytest.mark.parametrize("rho", [0.0, 0.2, 0.5])
def test_blind_noise_may_be_correlated(rho: float) -> None:
    noise = BlindNoise((100.0, 100.0), (0.0, 0.0), (rho, rho), clean=0.0)
    added = blind(noise, images=8)
    assert added.var().item() == pytest.approx(0.0025, rel=0.05)
    for one, other in (
        (added[..., 1:], added[..., :-1]),
        (added[..., 1:, :], added[..., :-1, :]),
    ):
        found = (one * other).mean() / added.var()
        assert found.item() == pytest.approx(rho, abs=0.03)


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_constant_images_stay_constant(sampling: Sampling) -> None:
    config = tiny(sampling=sampling, spot=Spot())
    axis = crop_axis(16, 2.7, Degradation.of(config, sampling))
    flat = torch.full((3, 1, axis.size, axis.size), 0.4)
    for values in degrade(
        flat, (axis, axis), config, LIMITS, torch.Generator().manual_seed(0)
    ):
        torch.testing.assert_close(values, torch.full_like(values, 0.4))
