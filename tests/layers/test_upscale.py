"""A layer in, a layer out: pixels, looks, provenance, refusals."""

import subprocess
import sys
from typing import Any

import dask.array as da
import numpy as np
import pytest
from napari.layers import Image, Labels, Points

import napari_vdsr
from napari_vdsr.errors import InputError
from napari_vdsr.layers import upscale_layer
from napari_vdsr.zoo import Model

RNG = np.random.default_rng(0)


def noise(*shape: int, dtype: str = "uint16") -> np.ndarray[Any, Any]:
    return RNG.integers(0, 4000, shape).astype(dtype)


def test_the_public_function_takes_layers(tiny: Model) -> None:
    source = Image(noise(12, 14), name="cells")
    result = napari_vdsr.upscale(source, 2, model=tiny, device="cpu")
    assert isinstance(result, Image)
    assert result.name == "cells ×2 tiny"
    expected = napari_vdsr.upscale(source.data, 2, model=tiny, device="cpu")
    assert np.array_equal(result.data, expected)


def test_everything_about_the_looks_is_carried_over(tiny: Model) -> None:
    """Output loses pixel size and units (cellpose-napari#37, napari-n2v#36)."""
    source = Image(
        noise(3, 12, 14),
        contrast_limits=(100, 900),
        colormap="magenta",
        gamma=0.6,
        blending="additive",
        opacity=0.7,
        units=("second", "um", "um"),
        axis_labels=("t", "y", "x"),
        metadata={"stain": "DAPI"},
        interpolation2d="linear",
    )
    result = upscale_layer(source, 2, model=tiny, device="cpu")
    for name in (
        "contrast_limits gamma blending opacity units axis_labels interpolation2d"
    ).split():
        assert getattr(result, name) == getattr(source, name), name
    assert result.colormap.name == "magenta"
    assert result.metadata["stain"] == "DAPI"


def test_the_source_layer_stays_as_it_was(tiny: Model) -> None:
    source = Image(noise(12, 14), metadata={"a": 1}, scale=(2, 3))
    before = source.data.copy()
    upscale_layer(source, 3, model=tiny, device="cpu")
    assert np.array_equal(source.data, before)
    assert source.metadata == {"a": 1}
    assert source.scale.tolist() == [2, 3]


def test_the_result_says_how_it_came_about(tiny: Model) -> None:
    source = Image(noise(11, 13), name="cells", scale=(0.5, 0.5), rotate=30)
    result = upscale_layer(source, 1.5, model=tiny, device="cpu")
    told = result.metadata["napari-vdsr"]
    assert told["version"] == napari_vdsr.__version__
    assert told["model"] == "tiny"
    assert told["factor"] == [17 / 11, 20 / 13]
    assert (told["device"], told["precision"]) == ("cpu", "float32")
    assert told["source"]["name"] == "cells"
    assert told["source"]["scale"] == [0.5, 0.5]
    assert np.allclose(told["source"]["rotate"], source.rotate)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32", "float64"])
def test_the_dtype_stays(tiny: Model, dtype: str) -> None:
    """16 bit lost (chaiNNer#1934)."""
    result = upscale_layer(
        Image(noise(9, 9).astype(dtype)), 2, model=tiny, device="cpu"
    )
    assert result.data.dtype == dtype


def test_a_region_has_the_values_of_the_whole(tiny: Model) -> None:
    source = Image(noise(2, 24, 30))
    whole = upscale_layer(source, 3, model=tiny, device="cpu")
    part = upscale_layer(
        source,
        3,
        model=tiny,
        device="cpu",
        region=(slice(1, 2), slice(5, 20), slice(0, 11)),
    )
    assert np.array_equal(part.data, whole.data[1:2, 15:60, 0:33])


def test_colour_layers_stay_in_colour(tiny: Model) -> None:
    """RGB or channel axis guessed wrong (stardist-napari#7)."""
    source = Image(noise(4, 10, 12, 3, dtype="uint8"), rgb=True)
    result = upscale_layer(source, 2, model=tiny, device="cpu")
    assert result.rgb
    assert result.data.shape == (4, 20, 24, 3)


def test_three_columns_are_no_colours(tiny: Model) -> None:
    """RGB or channel axis guessed wrong (stardist-napari#7)."""
    source = Image(noise(5, 10, 3), rgb=False)
    assert upscale_layer(source, 2, model=tiny, device="cpu").data.shape == (5, 20, 6)


def test_labelled_axes_are_found_wherever_they_are(tiny: Model) -> None:
    source = Image(noise(10, 12, 2), axis_labels=("y", "x", "z"), rgb=False)
    result = upscale_layer(source, 2, model=tiny, device="cpu")
    assert result.data.shape == (20, 24, 2)
    expected = napari_vdsr.upscale(source.data[..., 1], 2, model=tiny, device="cpu")
    assert np.array_equal(result.data[..., 1], expected)


def test_axes_may_be_named_in_any_order(tiny: Model) -> None:
    source = Image(noise(12, 10))
    swapped = upscale_layer(source, (2, 3), model=tiny, device="cpu", axes="XY")
    assert swapped.data.shape == (36, 20)
    plain = upscale_layer(
        Image(np.ascontiguousarray(source.data.T)), (2, 3), model=tiny, device="cpu"
    )
    assert np.array_equal(swapped.data, plain.data.T)


def test_singleton_axes_stay(tiny: Model) -> None:
    """Singleton dimensions (napari-omero#89, napari-n2v#59)."""
    source = Image(noise(1, 1, 8, 9))
    result = upscale_layer(source, 2, model=tiny, device="cpu")
    assert result.data.shape == (1, 1, 16, 18)


def test_a_lazy_layer_is_read_where_it_is_needed(tiny: Model) -> None:
    """Dask and multiscale sources (napari-omero#89, napari-n2v#59)."""
    read: list[Any] = []

    def block(block_info: Any = None) -> np.ndarray[Any, Any]:
        read.append(block_info[None]["chunk-location"])
        return np.full((1, 32, 32), 7, np.uint16)

    stack = da.map_blocks(
        block, chunks=((1,) * 5, (32,) * 4, (32,) * 4), dtype=np.uint16
    )
    source = Image([stack, stack[:, ::2, ::2]], multiscale=True, contrast_limits=(0, 9))
    read.clear()
    region = (slice(3, 4), slice(64, 90), slice(64, 90))
    result = upscale_layer(source, 2, model=tiny, device="cpu", region=region)
    assert result.data.shape == (1, 52, 52)
    assert {location[0] for location in read} == {3}
    assert len(set(read)) < 10


def test_factor_one_is_a_copy(tiny: Model) -> None:
    source = Image(noise(8, 9))
    result = upscale_layer(source, 1, model=tiny, device="cpu")
    assert np.array_equal(result.data, source.data)
    assert not np.shares_memory(result.data, source.data)


def test_progress_counts_to_the_number_of_pixels(tiny: Model, progress: Any) -> None:
    layer = Image(noise(3, 9, 9))
    upscale_layer(layer, 2, model=tiny, device="cpu", progress=progress)
    assert progress.done == progress.total == 3 * 18 * 18


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (Labels(np.zeros((5, 5), int), name="nuclei"), "Labels layer"),
        (Points(np.zeros((1, 2))), "Points layer"),
        (Image(np.zeros((5, 5), bool)), "dtype bool"),
    ],
    ids=["labels", "points", "mask"],
)
def test_what_holds_no_intensities_is_refused(layer: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        upscale_layer(layer)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"factor": 9}, "factor is 9"),
        ({"axes": "ZYX"}, "axes are 'ZYX'"),
        ({"rgb": True}, "no colour layer"),
        ({"level": 1}, "level is 1"),
        ({"region": (slice(0, 3),)}, "give one slice for each of 2 axes"),
        ({"region": (slice(3, 3), slice(0, 2))}, "holds no pixels"),
        ({"pixel_size": 3}, "target pixel size is 3"),
    ],
)
def test_wrong_arguments_are_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        upscale_layer(Image(noise(8, 8)), **options)


def test_infinite_pixels_are_counted(tiny: Model) -> None:
    pixels = np.zeros((9, 9), np.float32)
    pixels[2, 3] = np.inf
    with pytest.raises(InputError, match="1 of 81 pixels are infinite"):
        upscale_layer(Image(pixels, contrast_limits=(0, 1)), model=tiny, device="cpu")


def test_scripts_need_no_qt() -> None:
    """Scripted use drags in Qt (napari-simpleitk-image-processing#15)."""
    code = """
import sys
import numpy as np
from napari.layers import Image
before = set(sys.modules)  # napari 0.7 loads some of Qt itself
import napari_vdsr
napari_vdsr.upscale(Image(np.eye(6)), 2, device="cpu")
new = set(sys.modules) - before
print([name for name in new if name.split(".")[0] in ("PyQt6", "qtpy")])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]"


def test_sliders_of_the_result_reach_as_far_as_those_of_the_source() -> None:
    """The range collapsed to the contrast limits (napari#570)."""
    layer = Image(np.arange(64, dtype=np.uint16).reshape(8, 8))
    layer.contrast_limits_range = (0, 1000)
    layer.contrast_limits = (10, 20)
    made = upscale_layer(layer, 2, device="cpu")
    assert list(made.contrast_limits) == [10, 20]
    assert list(made.contrast_limits_range) == [0, 1000]
