"""Luminance against the figures of BT.601."""

import numpy as np
import pytest

from napari_vdsr.imaging.intensities import FULL_RANGE, studio_luminance


def test_black_white_and_primaries_have_their_standard_luminance() -> None:
    colours = np.array([[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0]])
    np.testing.assert_allclose(
        studio_luminance(colours), [16, 235, 81.481, 144.553], atol=1e-9
    )


def test_full_range_weights_sum_to_one() -> None:
    assert sum(FULL_RANGE) == pytest.approx(1)
