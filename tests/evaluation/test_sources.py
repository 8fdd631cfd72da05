"""Images from files, folders, layers and arrays."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_vdsr import evaluate
from napari_vdsr.errors import InputError
from napari_vdsr.evaluation.sources import as_source, named
from napari_vdsr.files import Picture, write_image
from napari_vdsr.zoo import Model


class LayerLike:
    """What is used of a napari layer."""

    name = "cells"
    scale = (1.0, 1.0)
    rgb = False
    multiscale = False

    def __init__(self, data):
        self.data = data


def test_a_folder_gives_its_images_by_name(
    tmp_path: Path, photograph: NDArray[Any], ramp: NDArray[Any], tiny: Model
) -> None:
    (tmp_path / "day 1").mkdir()
    write_image(tmp_path / "day 1" / "grey.tif", Picture(photograph, "YX"))
    write_image(tmp_path / "colour.png", Picture(ramp, "YXS", rgb=True))
    scores = evaluate(tmp_path, model=tiny, factors=2, device="cpu")
    images = sorted({row.image for row in scores.rows})
    assert images == ["colour.png", "day 1/grey.tif"]


def test_axes_of_a_file_are_brought_into_order(
    tmp_path: Path, photograph: NDArray[Any]
) -> None:
    stack = np.stack([photograph, photograph // 2, photograph // 3])
    write_image(tmp_path / "stack.tif", Picture(stack, "ZYX"))
    source = as_source(tmp_path / "stack.tif", "stack")
    assert not source.rgb
    np.testing.assert_array_equal(source.array, stack)


def test_alpha_is_left_behind(tmp_path: Path, ramp: NDArray[Any]) -> None:
    image = np.concatenate([ramp, ramp[..., :1]], axis=-1)
    write_image(tmp_path / "a.png", Picture(image, "YXS", rgb=True))
    np.testing.assert_array_equal(as_source(tmp_path / "a.png", "a").array, ramp)


def test_layers_are_taken_with_name_colours_and_finest_level(
    photograph: NDArray[Any], ramp: NDArray[Any]
) -> None:
    layer = LayerLike(photograph)
    assert [name for name, _ in named(layer)] == ["cells"]
    np.testing.assert_array_equal(as_source(layer, "cells").array, photograph)
    layer.data, layer.multiscale = [photograph, photograph[::2, ::2]], True
    np.testing.assert_array_equal(as_source(layer, "cells").array, photograph)
    colour = LayerLike(ramp)
    colour.rgb = True
    assert as_source(colour, "cells").rgb


def test_arrays_are_numbered_and_mappings_keep_their_names(
    photograph: NDArray[Any],
) -> None:
    assert [name for name, _ in named([photograph, photograph])] == [
        "image 1",
        "image 2",
    ]
    assert [name for name, _ in named({"a": photograph})] == ["a"]
    assert [name for name, _ in named(photograph)] == ["image 1"]


def test_what_is_no_image_is_refused() -> None:
    with pytest.raises(InputError, match="given as NoneType"):
        list(named(None))
    with pytest.raises(InputError, match="mask"):
        as_source(np.zeros((3, 3), bool), "mask")


def test_an_empty_name_is_not_the_current_folder() -> None:
    with pytest.raises(InputError, match="images is an empty name"):
        list(named(""))
    with pytest.raises(InputError, match="the image is an empty name"):
        as_source("", "image")
