"""Degradations: the same for a patch as for the whole image, noise in real units."""

import numpy as np
import pytest
import torch
from small_training import picture, tiny

from napari_vdsr.imaging.resample import resize
from napari_vdsr.training import CameraNoise
from napari_vdsr.training.degrade import add_noise, crop_axis, degrade, whole_axis

LIMITS = torch.tensor([[0.0, 255.0]])


def as_tensor(shape: tuple[int, int]) -> torch.Tensor:
    return torch.from_numpy(picture(shape=shape) / 255.0)[None, None]


@pytest.mark.parametrize("factor", [2.0, 3.0, 4.0])
@pytest.mark.parametrize("kernel", ["bicubic", "bilinear"])
@pytest.mark.parametrize("blur", [0.0, 1.2])
def test_a_patch_is_the_same_region_of_the_whole(
    factor: float, kernel: str, blur: float
) -> None:
    config = tiny(kernel=kernel, blur=blur)
    image = as_tensor((144, 144))
    generator = torch.Generator()
    whole = whole_axis(144, factor, config.kernel, blur)
    low, truth = degrade(image, (whole, whole), config, LIMITS, generator)
    part = crop_axis(24, factor, config.kernel, blur)
    first = 60 - part.before
    square = slice(first, first + part.size)
    crop = image[..., square, square]
    patch, patch_truth = degrade(crop, (part, part), config, LIMITS, generator)
    torch.testing.assert_close(patch_truth, truth[..., 60:84, 60:84])
    torch.testing.assert_close(patch, low[..., 60:84, 60:84], atol=1e-12, rtol=0)


@pytest.mark.parametrize("factor", [1.5, 2.0, 2.7])
def test_whole_images_are_resized_by_the_rule_of_the_package(factor: float) -> None:
    axis = whole_axis(60, factor, "bicubic", 0.0)
    image = as_tensor((60, 60))[..., : axis.size, : axis.size]
    low, _ = degrade(image, (axis, axis), tiny(), LIMITS, torch.Generator())
    reduced = resize(image.numpy(), (len(axis.reduce),) * 2)
    expected = resize(reduced, (axis.size, axis.size))
    np.testing.assert_allclose(low.numpy(), expected, atol=1e-12)


def test_noise_has_the_variance_of_the_camera() -> None:
    noise = CameraNoise(gain=0.5, offset=100.0, read_noise=3.0)
    axis = whole_axis(512, 2.0, "bicubic", 0.0)
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
