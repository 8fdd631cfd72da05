"""Registered pairs, and pairs that are not."""

import numpy as np
import pytest
from small_training import picture, pixels_of, prepared, tiny

from napari_vdsr.errors import InputError, VdsrWarning
from napari_vdsr.imaging.resample import resize
from napari_vdsr.training import Pairs, prepare, recipe, train


def pair(seed: int, factor: int = 2) -> tuple[np.ndarray, np.ndarray]:
    high = picture(seed, (64, 72))
    low = resize(high, (64 // factor, 72 // factor)).round().clip(0, 255)
    return low.astype(np.uint8), high


def test_pairs_are_enlarged_to_the_grid_of_the_truth() -> None:
    low, high = pair(0)
    (plane,) = pixels_of(prepared(Pairs([low], [high])))
    assert plane.shape == (2, 64, 72)
    np.testing.assert_allclose(plane[0], resize(low, high.shape) / 255, atol=1e-6)
    np.testing.assert_allclose(plane[1], high / 255, atol=1e-6)


def test_a_network_can_be_trained_on_pairs() -> None:
    lows, highs = zip(*(pair(seed) for seed in range(4)), strict=True)
    model = train(Pairs(list(lows), list(highs)), config=tiny(), device="cpu")
    assert "pairs" in model.history.scores[-1].psnr


def test_pairs_are_used_as_they_are_whatever_the_recipe_samples() -> None:
    lows, highs = zip(*(pair(seed) for seed in range(4)), strict=True)
    config = tiny(patch=48, sampling="scanner", steps=2)  # 96 pixels, of one image
    with pytest.warns(VdsrWarning, match="sampling of the settings"):
        model = train(Pairs(list(lows), list(highs)), config=config, device="cpu")
    assert "pairs" in model.history.scores[-1].psnr


@pytest.mark.parametrize(
    ("low", "high", "reason"),
    [
        (picture(0, (32, 36)), picture(0, (64, 50)), "are no pair"),
        (picture(0, (64, 72)), picture(0, (32, 36)), "are no pair"),
        (pair(0)[0], np.roll(pair(0)[1], (9, -6), (0, 1)), "shifted by 9, -6"),
    ],
)
def test_pairs_that_do_not_fit_are_named_and_left_out(
    low: np.ndarray, high: np.ndarray, reason: str
) -> None:
    good = pair(1)
    with pytest.warns(VdsrWarning, match=f"1 of 2 images.*image 2: .*{reason}"):
        made = prepare(
            Pairs([good[0], low], [good[1], high]), tiny(validation_share=0.0)
        )
    assert made.images.images == 1


def test_large_pairs_are_not_cut() -> None:
    high = np.tile(picture(0, (64, 72)), (10, 20))
    low = resize(high, (320, 720)).round().clip(0, 255).astype(np.uint8)
    (plane,) = pixels_of(prepared(Pairs(low, high)))
    assert plane.shape == (2, 640, 1440)


def test_there_must_be_as_many_of_each() -> None:
    low, high = pair(0)
    with pytest.raises(InputError, match="2 planes of low and 1 of high"):
        prepare(Pairs(np.stack([low, low]), high), tiny())
    with pytest.raises(InputError, match="2 images of low and 1 of high"):
        prepare(Pairs([low, low], [high]), tiny())


def test_pairs_are_validated_on_pairs() -> None:
    low, high = pair(0)
    with pytest.raises(InputError, match="validate pairs on pairs"):
        prepare(Pairs([low], [high]), tiny(), validation=high)


def test_an_image_is_no_pair_with_itself() -> None:
    low, _ = pair(0)
    with pytest.raises(InputError, match="as the image of low and as that of high"):
        prepare(Pairs([low], [low]), tiny())


def test_settings_that_pairs_have_no_use_for_are_said() -> None:
    low, high = pair(0)
    config = recipe("microscope", patch=16, validation_share=0.0, factors=(2.0,))
    with pytest.warns(VdsrWarning, match="sampling, spot, noise of the settings"):
        prepare(Pairs([low], [high]), config)
    assert not prepare(
        Pairs([low], [high]), tiny(validation_share=0.0), warn=False
    ).remarks
