"""What is taken for a progress bar."""

from typing import Any

import numpy as np
import pytest
from tqdm import tqdm

import napari_vdsr
from napari_vdsr.errors import InputError, check_progress


@pytest.mark.parametrize("progress", [True, False, 1, "yes", print, tqdm])
def test_what_is_no_progress_bar_is_named(progress: Any) -> None:
    image = np.zeros((9, 9), "uint8")
    calls = (
        lambda: napari_vdsr.upscale(image, progress=progress),
        lambda: napari_vdsr.evaluate(image, factors=2, progress=progress),
        lambda: napari_vdsr.load_model("vdsr5", progress=progress),
        lambda: napari_vdsr.train(image, progress=progress),
    )
    for call in calls:
        with pytest.raises(InputError, match="give a tqdm-like object") as caught:
            call()
        assert f"progress is {progress!r}" in str(caught.value)


def test_bars_are_taken() -> None:
    check_progress(None)
    with tqdm(disable=True) as bar:
        check_progress(bar)
