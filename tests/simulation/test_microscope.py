"""The simulated microscope as a whole: image, truth, noise, and where they lie."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import napari_vdsr
from napari_vdsr import simulate
from napari_vdsr.errors import InputError, VdsrWarning
from napari_vdsr.imaging.resample import resize
from napari_vdsr.simulation.microscope import (
    INSTRUMENTS,
    WHITE,
    sampled,
    through_optics,
)
from napari_vdsr.simulation.scenes import PER_FINE, SCENES, draw

ROUNDED = 0.5 + 1e-3  # counts of the image are whole, those of the truth float32
SMALL = (24, 31)

scenes = st.sampled_from(tuple(SCENES))
instruments = st.sampled_from(INSTRUMENTS)
sizes = st.tuples(st.integers(1, 24), st.integers(1, 24))
factors = st.integers(1, 8)


@given(scenes, instruments, sizes, factors, st.integers(0, 2**32))
def test_the_truth_is_what_the_instrument_gives_on_finer_pixels(
    scene: Any, sampling: Any, shape: tuple[int, int], factor: int, seed: int
) -> None:
    seen = simulate(
        scene, shape=shape, factor=factor, sampling=sampling, psf=1.5, seed=seed
    )
    fine = (shape[0] * factor, shape[1] * factor)
    source = (fine[0] * PER_FINE, fine[1] * PER_FINE)
    objects = draw(scene, source, np.random.SeedSequence(seed).spawn(1)[0], 0)
    direct = sampled(through_optics(objects, 1.5, 0), fine, sampling)
    expected = seen.offset + WHITE * direct / direct.max()
    np.testing.assert_allclose(seen.truth, expected, rtol=1e-6)
    assert seen.image.shape == shape
    assert (seen.image.dtype, seen.truth.dtype) == (np.uint16, np.float32)


@given(scenes, sizes, factors, st.integers(0, 2**32))
def test_without_noise_a_camera_gives_the_means_of_the_truth(
    scene: Any, shape: tuple[int, int], factor: int, seed: int
) -> None:
    seen = simulate(
        scene,
        shape=shape,
        factor=factor,
        sampling="camera",
        photons=math.inf,
        seed=seed,
    )
    parts = seen.truth.astype(float).reshape(shape[0], factor, shape[1], factor)
    assert np.abs(seen.image - parts.mean((1, 3))).max() <= ROUNDED


@given(scenes, sizes, st.sampled_from((1, 3, 5, 7)), st.integers(0, 2**32))
def test_without_noise_a_scanner_gives_the_truth_at_its_centres(
    scene: Any, shape: tuple[int, int], factor: int, seed: int
) -> None:
    seen = simulate(scene, shape=shape, factor=factor, photons=math.inf, seed=seed)
    centres = seen.truth[factor // 2 :: factor, factor // 2 :: factor]
    assert np.abs(seen.image - centres.astype(float)).max() <= ROUNDED


@pytest.mark.parametrize(("photons", "read_noise"), [(30, 0), (200, 4), (20, 8)])
def test_the_noise_follows_gain_offset_and_read_noise(
    photons: float, read_noise: float
) -> None:
    options: dict[str, Any] = {"factor": 1, "psf": 3.0, "sampling": "camera"}
    seen = simulate(
        "nuclei", shape=(512, 512), photons=photons, read_noise=read_noise, **options
    )
    signal = seen.truth.astype(float)  # factor 1: the image without its noise
    assert signal.max() == pytest.approx(seen.offset + photons / seen.gain)
    error = seen.image - signal
    variance = (signal - seen.offset) / seen.gain + (read_noise / seen.gain) ** 2
    for low, high in ((0, 0.1), (0.2, 0.4), (0.5, 1)):
        part = (signal - seen.offset) / WHITE
        chosen = (part >= low) & (part < high)
        assert chosen.sum() > 3000
        standard = error[chosen] / np.sqrt(variance[chosen])
        assert abs(standard.mean()) < 5 / math.sqrt(chosen.sum())
        assert standard.var() == pytest.approx(1, rel=0.1)


@given(st.integers(0, 2**64))
def test_the_seed_decides_objects_and_noise(seed: int) -> None:
    first, again, other = (
        simulate(shape=SMALL, seed=s) for s in (seed, seed, seed + 1)
    )
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.truth, again.truth)
    assert not np.array_equal(first.image, other.image)
    assert not np.array_equal(first.truth, other.truth)


def test_other_instruments_look_at_the_same_objects() -> None:
    dim, bright = (
        simulate(shape=(64, 64), photons=photons, read_noise=0)
        for photons in (10, 1000)
    )
    np.testing.assert_array_equal(dim.truth, bright.truth)
    camera = simulate(shape=(64, 64), sampling="camera", read_noise=0)
    likeness = np.corrcoef(dim.truth.ravel(), camera.truth.ravel())[0, 1]
    assert likeness > 0.95
    scores = [
        napari_vdsr.psnr(each.truth, resize(each.image, each.truth.shape)).mean
        for each in (dim, bright)
    ]
    assert scores[1] > scores[0] + 3


@given(sizes, factors, st.floats(0.01, 10), st.booleans())
def test_image_and_truth_cover_the_same_area(
    shape: tuple[int, int], factor: int, pixel_size: float, stack: bool
) -> None:
    sizes = (2, 1, 2, *shape) if stack else shape
    seen = simulate(shape=sizes, factor=factor, pixel_size=pixel_size)
    for axis in range(len(sizes)):
        edges = [
            [place + scale * (edge - 0.5) for edge in (0, count)]
            for count, scale, place in (
                (seen.image.shape[axis], seen.scale[axis], 0),
                (
                    seen.truth.shape[axis],
                    seen.truth_scale[axis],
                    seen.truth_translate[axis],
                ),
            )
        ]
        np.testing.assert_allclose(*edges, rtol=1e-12)
    assert seen.scale[-1] == pixel_size


def test_a_stack_drifts_in_time_and_is_sharp_in_the_middle_of_z() -> None:
    shape = (2, 3, 5, 40, 48)
    names = ("puncta", "filaments", "puncta")
    seen = simulate(names, shape=shape, factor=3, photons=1000)
    assert seen.image.shape == shape
    assert seen.truth.shape == (2, 3, 5, 120, 144)
    light = seen.truth - seen.offset
    for channel in range(3):
        assert light[:, channel].max() == pytest.approx(WHITE)
        totals = light[0, channel].sum((-1, -2))
        assert totals.argmax() == 2
        assert totals[0] < 0.6 * totals[2]
        detail = light[0, channel].std((-1, -2)) / light[0, channel].mean((-1, -2))
        assert detail.argmax() == 2
        assert not np.array_equal(light[0, channel], light[1, channel])
    assert not np.array_equal(light[:, 0], light[:, 2])  # objects of their own


def test_every_plane_has_its_own_noise() -> None:
    seen = simulate("nuclei", shape=(1, 1, 2, 64, 64), factor=1, photons=500)
    error = (seen.image - seen.truth)[0, 0].reshape(2, -1)  # both planes are alike
    assert abs(np.corrcoef(error)[0, 1]) < 0.1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scene": "cats"}, "scene is 'cats': choose filaments, puncta, nuclei"),
        ({"scene": None}, "scene is None"),
        ({"scene": ["nuclei", "puncta"]}, "2 scenes for 1 channels"),
        ({"shape": (1, 2, 1, 8, 8)}, "1 scenes for 2 channels"),
        ({"shape": (8,)}, r"shape is \(8,\): give \(Y, X\) or \(T, C, Z, Y, X\)"),
        ({"shape": (0, 8)}, "whole numbers from 1"),
        ({"shape": (8.0, 8)}, "whole numbers from 1"),
        ({"shape": 8}, "shape is 8"),
        ({"sampling": "reduced"}, "sampling is 'reduced': choose scanner, camera"),
        ({"factor": 2.5}, "factor is 2.5: give a whole number from 1 to 8"),
        ({"factor": 9}, "factor is 9"),
        ({"factor": 0}, "factor is 0"),
        ({"factor": True}, "factor is True"),
        ({"psf": 0}, "psf is 0: give a number above 0, 50 at most"),
        ({"psf": 51.0}, "psf is 51.0"),
        ({"psf": math.nan}, "psf is nan"),
        ({"psf": "wide"}, "psf is 'wide'"),
        ({"photons": 0}, "photons is 0: .*math.inf for no noise"),
        ({"photons": -1}, "photons is -1"),
        ({"photons": 1e16}, "photons is 1e[+]16"),
        ({"read_noise": -0.1}, "read_noise is -0.1: .*0 for none"),
        ({"read_noise": 200, "photons": 100}, "no more than the photons"),
        ({"read_noise": math.inf, "photons": math.inf}, "read_noise is inf"),
        ({"pixel_size": 0}, "pixel_size is 0"),
        ({"pixel_size": math.inf}, "pixel_size is inf"),
        ({"seed": -1}, "seed is -1: give a whole number from 0"),
        ({"seed": 0.5}, "seed is 0.5"),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        simulate(**{"shape": SMALL, **options})


@pytest.mark.parametrize(
    "shape", [(10**7, 10**7), (10**12, 1), (10**6, 2, 10**6, 9, 9)]
)
def test_more_than_the_memory_is_refused_before_anything_is_drawn(
    shape: tuple[int, ...],
) -> None:
    names = ("filaments",) * (2 if len(shape) == 5 else 1)
    with pytest.raises(InputError, match=r"GB of memory.*give a smaller shape"):
        simulate(names, shape=shape, factor=8)


def test_numbers_of_numpy_do_not_overflow() -> None:
    shape = (np.uint8(100), np.uint8(90))
    found = simulate(shape=shape, factor=np.int8(2), seed=np.int64(1))  # type: ignore[arg-type]
    expected = simulate(shape=(100, 90), factor=2, seed=1)
    np.testing.assert_array_equal(found.image, expected.image)
    np.testing.assert_array_equal(found.truth, expected.truth)


def test_pixels_that_saturate_are_told() -> None:
    """The image had half of the light of its truth, and nobody was told."""
    with pytest.warns(VdsrWarning, match="saturate at 65535 counts, as one electron"):
        cells = simulate("puncta", shape=(128, 128), photons=0.05, read_noise=0, seed=1)
    assert (cells.image == 65535).any()
    assert 1 / cells.gain == pytest.approx(80_000)
