"""Scenes: drawn by seed, periodic, drifting, of light that is never negative."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_vdsr.simulation.scenes import PER_FINE, SCENES, SPEED, Scene, draw

SHAPE = (256, 320)
scenes = pytest.mark.parametrize("scene", SCENES)


def drawn(
    scene: Scene, seed: int = 0, time: int = 0, shape: tuple[int, int] = SHAPE
) -> np.ndarray:
    return draw(scene, shape, np.random.SeedSequence(seed), time)


@given(
    st.sampled_from(tuple(SCENES)),
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.integers(0, 2**32),
    st.integers(0, 5),
)
def test_any_size_holds_light_and_none_is_negative(
    scene: Scene, shape: tuple[int, int], seed: int, time: int
) -> None:
    light = drawn(scene, seed, time, shape)
    assert light.shape == shape
    assert np.isfinite(light).all()
    assert light.min() >= 0
    assert light.max() > 0


@scenes
def test_the_seed_decides(scene: Scene) -> None:
    np.testing.assert_array_equal(drawn(scene, 3), drawn(scene, 3))
    assert not np.array_equal(drawn(scene, 3), drawn(scene, 4))


@scenes
def test_what_leaves_at_one_border_enters_at_the_other(scene: Scene) -> None:
    first, far = drawn(scene), drawn(scene, time=300)  # drifted farther than the field
    assert SPEED * PER_FINE * 300 > max(SHAPE)
    assert far.sum() == pytest.approx(first.sum(), rel=0.01)


@scenes
def test_objects_drift_slowly(scene: Scene) -> None:
    first, second, late = (drawn(scene, time=time) for time in (0, 1, 20))
    blurred = [np.abs(np.fft.rfft2(each))[:10, :10] for each in (first, second)]
    # Over one frame only what is as fine as the drift changes.
    np.testing.assert_allclose(*blurred, atol=0.1 * blurred[0].max())

    def likeness(other: np.ndarray) -> float:
        return float(np.corrcoef(first.ravel(), other.ravel())[0, 1])

    assert 1 > likeness(second) > likeness(late)
