"""The sampling check, on images whose verdict is known."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter
from skimage import data

from napari_vdsr import describe_image
from napari_vdsr.errors import InputError
from napari_vdsr.evaluation.sampling import check_sampling
from napari_vdsr.imaging.intensities import FULL_RANGE
from napari_vdsr.imaging.resample import resize

PHOTOGRAPHS = {
    "camera": data.camera()[:400, :400],
    "coins": data.coins(),
    "brick": data.brick()[:300, :300],
}


def enlarged(image, factor):
    return resize(image, tuple(factor * size for size in image.shape)).round()


def noisy(image, share):
    return image + np.random.default_rng(0).normal(
        0, share * np.ptp(image), image.shape
    )


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_sharp_photographs_are_fine(name: str) -> None:
    assert check_sampling(PHOTOGRAPHS[name]).verdict == "fine"


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_enlarged_and_blurred_photographs_are_oversampled(name: str) -> None:
    image = PHOTOGRAPHS[name][:200, :200].astype(float)
    assert check_sampling(enlarged(image, 3)).verdict == "oversampled"
    assert check_sampling(gaussian_filter(image, 2)).verdict == "oversampled"


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_photographs_with_noise_are_noisy(name: str) -> None:
    assert check_sampling(noisy(PHOTOGRAPHS[name], 0.1)).verdict == "noisy"


def test_a_microscope_image_without_fine_detail_is_oversampled() -> None:
    assert check_sampling(data.cell()).verdict == "oversampled"


@pytest.mark.needs_shared
def test_microscope_images_are_judged_as_they_were_chosen(shared: Path) -> None:
    # Reduced until they hold energy near Nyquist; two keep some even when enlarged.
    verdicts = {"as is": [], "enlarged": [], "blurred": [], "noisy": []}
    for path in sorted((shared / "data" / "images" / "microscopy").iterdir()):
        image = np.asarray(Image.open(path), dtype=float)[:256, :256]
        image = image if image.ndim == 2 else image[..., :3] @ np.array(FULL_RANGE)
        for kind, changed in {
            "as is": image,
            "enlarged": enlarged(image[:128, :128], 3),
            "blurred": gaussian_filter(image, 1.5),
            "noisy": noisy(image, 0.1),
        }.items():
            verdicts[kind].append(check_sampling(changed).verdict)
    assert set(verdicts["as is"]) == {"fine"}
    assert set(verdicts["blurred"]) == {"oversampled"}
    assert set(verdicts["noisy"]) == {"noisy"}
    assert verdicts["enlarged"].count("oversampled") >= 26


def test_the_noise_is_estimated_in_units_of_the_image() -> None:
    rng = np.random.default_rng(1)
    smooth = gaussian_filter(rng.normal(size=(300, 300)), 6) * 4000 + 3000
    report = check_sampling(smooth + rng.normal(0, 25, smooth.shape))
    assert report.noise == pytest.approx(25, rel=0.05)


@pytest.mark.parametrize(
    "shape", [(512, 512), (900, 1100), (1600, 1600), (3, 600, 600)]
)
def test_the_noise_does_not_depend_on_how_many_parts_are_looked_at(
    shape: tuple[int, ...],
) -> None:
    """It was 18 % too high in large images: a median of means taken for one."""
    rng = np.random.default_rng(3)
    fine = np.tile(PHOTOGRAPHS["camera"].astype(np.float32), (4, 4))
    image = 1000 + 0.1 * fine[: shape[-2], : shape[-1]] + rng.normal(0, 7, shape)
    report = check_sampling(image)
    assert report.noise == pytest.approx(7, rel=0.03)
    assert report.noise_share == pytest.approx(0.98, abs=0.02)


def test_white_noise_has_a_flat_spectrum() -> None:
    report = check_sampling(np.random.default_rng(2).normal(size=(256, 256)))
    assert report.verdict == "noisy"
    assert np.array(report.power[2:]) == pytest.approx(1, rel=0.25)


def test_scale_and_offset_change_no_verdict() -> None:
    image = PHOTOGRAPHS["camera"]
    one, other = check_sampling(image), check_sampling(image * 16.0 + 1000)
    assert other.detail == pytest.approx(one.detail)
    assert other.noise == pytest.approx(16 * one.noise)


def test_an_empty_image_holds_nothing_to_enlarge() -> None:
    report = check_sampling(np.full((40, 40), 7, "uint16"))
    assert (report.verdict, report.noise) == ("oversampled", 0)


def test_large_images_stacks_and_colours_are_taken() -> None:
    tall = np.tile(PHOTOGRAPHS["coins"], (3, 3))
    assert check_sampling(tall).verdict == "fine"
    assert check_sampling(np.stack([PHOTOGRAPHS["brick"]] * 5)).verdict == "fine"
    colour = np.stack([PHOTOGRAPHS["brick"]] * 3, axis=-1)
    assert check_sampling(colour, rgb=True).verdict == "fine"


def test_the_report_speaks_plainly_and_never_of_psnr() -> None:
    for image in (PHOTOGRAPHS["camera"], noisy(PHOTOGRAPHS["camera"], 0.1)):
        report = check_sampling(image)
        words = report.to_text() + json.dumps(report.to_json(), allow_nan=False)
        assert "psnr" not in words.lower()
        assert report.advice in words
    assert "grain" in report.advice


def test_a_few_missing_pixels_change_little() -> None:
    image = PHOTOGRAPHS["camera"][:100, :120].astype(float)
    gappy = image.copy()
    gappy[50, 60] = np.nan
    one, other = check_sampling(image), check_sampling(gappy)
    assert other.verdict == one.verdict
    assert other.detail == pytest.approx(one.detail, rel=0.05)
    gappy[:10] = np.nan
    with pytest.raises(InputError, match="NaN"):
        check_sampling(gappy)


def test_the_noise_is_that_of_the_description() -> None:
    image = noisy(PHOTOGRAPHS["camera"], 0.02)
    described, report = describe_image(image), check_sampling(image)
    assert report == described.sampling
    share = f"{100 * report.noise_of_range:.2g} %"
    assert f"Noise {share} of the range" in described.summary
    assert f"{share} of the range" in report.to_text()


@pytest.mark.parametrize("image", [np.zeros((20, 90)), np.full((40, 40), np.nan)])
def test_images_that_say_nothing_are_refused(image: NDArray[Any]) -> None:
    with pytest.raises(InputError):
        check_sampling(image)
