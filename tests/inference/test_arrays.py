"""Arrays of every kind through `upscale_array`."""

import tracemalloc
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import napari_vdsr
from napari_vdsr.api import upscale as upscale_array
from napari_vdsr.errors import Cancelled, InputError, VdsrWarning
from napari_vdsr.imaging.intensities import FULL_RANGE
from napari_vdsr.imaging.resample import Kernel, resize
from napari_vdsr.network import SRCNN
from napari_vdsr.zoo import Model

CPU: dict[str, Any] = {"device": "cpu"}


def picture(*shape: int, dtype: str = "float64") -> Any:
    """Give an image of random intensities from 0 to 1."""
    return np.random.default_rng(sum(shape)).random(shape).astype(dtype)


def test_leading_axes_are_planes(model: Model) -> None:
    stack = picture(2, 3, 9, 8)
    result = upscale_array(stack, 2, model=model, **CPU)
    assert result.shape == (2, 3, 18, 16)
    np.testing.assert_allclose(
        result[1, 2], upscale_array(stack[1, 2], 2, model=model, **CPU), atol=1e-6
    )


def test_named_axes_are_enlarged_where_they_stand(model: Model) -> None:
    stack = picture(9, 4, 8)
    result = upscale_array(stack, 2, model=model, axes="XZY", **CPU)
    assert result.shape == (18, 4, 16)
    plane = upscale_array(stack[:, 1].T, 2, model=model, **CPU)
    np.testing.assert_allclose(result[:, 1].T, plane, atol=1e-6)


@pytest.mark.filterwarnings("ignore:factor:napari_vdsr.errors.VdsrWarning")
@given(
    st.permutations("TCZYXS"),
    st.lists(st.integers(1, 2), min_size=3, max_size=3),
    st.sampled_from([3, 4]),
    st.tuples(st.floats(1, 5), st.floats(1, 5)),
)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_order_of_axes_gives_the_same_pixels(
    model: Model, axes: list[str], others: list[int], colours: int, factor: Any
) -> None:
    """RGB or channel axis guessed wrong (stardist-napari#7), singleton axes."""
    image = (255 * picture(*others, 9, 7, colours)).astype(np.uint8)
    expected = upscale_array(image, factor, model=model, axes="TCZYXS", **CPU)
    order = ["TCZYXS".index(name) for name in axes]
    result = upscale_array(
        image.transpose(order), factor, model=model, axes="".join(axes), **CPU
    )
    np.testing.assert_array_equal(result, expected.transpose(order))


def test_colours_share_the_residual_of_their_luminance(model: Model) -> None:
    image = picture(12, 11, 4)
    result = upscale_array(image, 2, model=model, rgb=True, **CPU)
    bicubic = np.moveaxis(resize(np.moveaxis(image, -1, 0), (24, 22)), 0, -1)
    added = result - bicubic
    luminance = image[..., :3] @ np.array(FULL_RANGE)
    expected = upscale_array(luminance, 2, model=model, **CPU) - resize(
        luminance, (24, 22)
    )
    for channel in range(3):
        np.testing.assert_allclose(added[..., channel], expected, atol=1e-5)
    np.testing.assert_allclose(added[..., 3], 0, atol=1e-12)


def test_a_colour_model_takes_colours_and_grey(colour_model: Model) -> None:
    image = picture(12, 11, 3)
    result = upscale_array(image, 2, model=colour_model, rgb=True, **CPU)
    bicubic = np.moveaxis(resize(np.moveaxis(image, -1, 0), (24, 22)), 0, -1)
    x = torch.from_numpy(np.moveaxis(bicubic, -1, 0).copy())[None].float()
    residual = colour_model.network.residual(x)[0, 0].numpy()
    np.testing.assert_allclose(
        result - bicubic, residual[..., None].repeat(3, 2), atol=1e-5
    )
    assert upscale_array(image[..., 0], 2, model=colour_model, **CPU).shape == (24, 22)


def test_srcnn_makes_the_image_itself(srcnn: Model) -> None:
    image = picture(12, 11)
    result = upscale_array(image, 3, model=srcnn, tile=10, **CPU)
    x = torch.from_numpy(resize(image, (36, 33)))[None, None].float()
    np.testing.assert_allclose(result, srcnn.network(x)[0, 0].numpy(), atol=1e-5)


@pytest.mark.parametrize("tile", [7, 64])
def test_a_model_with_biases_sees_its_own_scale(paper_model: Model, tile: int) -> None:
    image = (picture(14, 15) * 255).astype("uint8")
    result = upscale_array(image, 2, model=paper_model, tile=tile, **CPU)
    x = torch.from_numpy(resize(image, (28, 30)) / 255)[None, None].float()
    expected = 255 * paper_model.network(x)[0, 0].numpy()
    assert np.abs(result - np.clip(expected, 0, 255)).max() <= 0.501
    counts = image.astype("uint16") * 16
    with pytest.raises(InputError, match="intensity range"):
        upscale_array(counts, 2, model=paper_model, **CPU)
    scaled = upscale_array(
        counts, 2, model=paper_model, intensity_range=(0, 255 * 16), **CPU
    )
    assert np.abs(scaled / 16 - np.clip(expected, 0, None)).max() <= 0.04


@pytest.mark.parametrize(
    "wrong",
    [(1, 0), (0, 0), (0, np.nan), (-np.inf, 1), 255, (1,), ("0", "255"), "01"],
)
def test_a_wrong_intensity_range_is_refused(paper_model: Model, wrong: Any) -> None:
    with pytest.raises(InputError, match="intensity_range is"):
        upscale_array(picture(4, 4), model=paper_model, intensity_range=wrong, **CPU)


def test_factor_one_is_a_copy(model: Model) -> None:
    image = picture(5, 6)
    result = upscale_array(image, 1, model=model, **CPU)
    assert np.array_equal(result, image)
    assert not np.shares_memory(result, image)


def test_a_pair_of_factors_and_a_pixel_size_mean_the_same(model: Model) -> None:
    image = picture(8, 9)
    pair = upscale_array(image, (2, 3), model=model, **CPU)
    assert pair.shape == (16, 27)
    size = upscale_array(image, pixel_size=(1 / 2, 1 / 3), model=model, **CPU)
    np.testing.assert_array_equal(size, pair)
    with pytest.raises(InputError, match="give one of the two"):
        upscale_array(image, 3, pixel_size=0.5, model=model, **CPU)


def test_two_passes_are_announced(model: Model) -> None:
    with pytest.warns(VdsrWarning, match="two passes"):
        result = upscale_array(picture(4, 4), 6, model=model, **CPU)
    assert result.shape == (24, 24)


def test_infinities_are_counted_and_refused(model: Model) -> None:
    image = picture(6, 5)
    image[2, 3:] = np.inf
    with pytest.raises(InputError, match="2 of 30 pixels are infinite"):
        upscale_array(image, model=model, **CPU)


@pytest.mark.parametrize("order", ["C", "F"])
def test_memory_layout_and_byte_order_do_not_matter(model: Model, order: Any) -> None:
    image = (picture(9, 8) * 60000).astype("uint16")
    expected = upscale_array(image, 2, model=model, **CPU)
    swapped = np.asarray(image.astype(">u2"), order=order)
    result = upscale_array(swapped, 2, model=model, **CPU)
    assert result.dtype == np.dtype(">u2")
    np.testing.assert_array_equal(result, expected)
    np.testing.assert_array_equal(
        upscale_array(image[::-1, ::-1], 2, model=model, **CPU).shape, (18, 16)
    )


def test_the_source_is_left_as_it_is(model: Model) -> None:
    image = picture(9, 8)
    image.setflags(write=False)
    before = image.copy()
    upscale_array(image, 2, model=model, **CPU)
    np.testing.assert_array_equal(image, before)


def test_progress_counts_every_output_pixel(model: Model, progress: Any) -> None:
    image = picture(2, 20, 20)
    upscale_array(image, 2, model=model, tile=16, progress=progress, **CPU)
    assert progress.total == progress.done == 2 * 40 * 40
    assert progress.updates > 4


def test_progress_counts_what_is_only_copied(model: Model, progress: Any) -> None:
    upscale_array(picture(2, 20, 20), 1, model=model, progress=progress, **CPU)
    assert progress.total == progress.done == 2 * 20 * 20


def test_cancelling_stops_at_the_next_tile(model: Model, progress: Any) -> None:
    progress.last = 2
    image = picture(40, 40)
    with pytest.raises(Cancelled):
        upscale_array(image, 2, model=model, tile=16, progress=progress, **CPU)
    assert progress.updates == 2


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_a_larger_image_takes_no_more_than_its_result(model: Model, dtype: str) -> None:
    beside = []
    for edge in (200, 600):
        image = picture(edge, edge, dtype=dtype)
        tracemalloc.start()
        result = upscale_array(image, 2, model=model, tile=128, **CPU)
        beside.append(tracemalloc.get_traced_memory()[1] - result.nbytes)
        tracemalloc.stop()
    assert beside[1] < beside[0] + image.nbytes / 4


@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8, torch.bfloat16])
def test_a_tensor_gives_a_tensor_of_its_dtype(model: Model, dtype: torch.dtype) -> None:
    image = (torch.rand(3, 7, 5) * 200).to(dtype)
    result = napari_vdsr.upscale(image, 2, model=model, device="cpu")
    assert isinstance(result, torch.Tensor)
    assert result.dtype == dtype
    assert result.shape == (3, 14, 10)
    expected = upscale_array(image.float().numpy(), 2, model=model, **CPU)
    bound = {torch.uint8: 0.51, torch.bfloat16: 1.5}.get(dtype, 1e-3)
    clipped = expected.clip(0, 255) if dtype is torch.uint8 else expected
    assert np.abs(result.float().numpy() - clipped).max() <= bound


@pytest.mark.parametrize(
    ("image", "options", "said"),
    [
        (np.zeros((4, 4), bool), {}, "dtype bool"),
        (np.zeros((4, 4), complex), {}, "dtype complex128"),
        (np.zeros((4, 4), object), {}, "dtype object"),
        (np.zeros((0, 4)), {}, "holds no pixel"),
        (np.zeros(4), {}, "at least two dimensions"),
        (np.zeros((4, 5, 3)), {}, "rgb=True"),
        (np.zeros((4, 4)), {"factor": 0}, "factor is 0"),
        (np.zeros((4, 4)), {"factor": np.array([2, 9])}, "factor is 9"),
        (np.zeros(4), {"model": "unknown"}, "at least two dimensions"),
        (np.zeros((4, 4)), {"factor": 9}, "from 1 to 8"),
        (np.zeros((4, 4)), {"tile": 0}, "tile is 0"),
        (np.zeros((4, 4)), {"tile": "1 MB"}, "needs at least"),
        (np.zeros((4, 4)), {"tile": "much"}, "tile is 'much'"),
        (np.zeros((4, 4)), {"device": "tpu"}, "device is 'tpu'"),
        (np.zeros((4, 4)), {"precision": "int8"}, "precision is 'int8'"),
        (np.zeros((4, 4)), {"precision": "float16"}, "not for the CPU"),
        (np.zeros((4, 4)), {"axes": "ZX"}, "name each once"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason(
    image: Any, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError) as caught:
        napari_vdsr.upscale(image, **{"device": "cpu", **options})
    assert said in str(caught.value)


@pytest.mark.parametrize("dtype", [np.longlong, np.ulonglong, np.longdouble])
def test_second_names_of_a_dtype_are_taken_too(model: Model, dtype: Any) -> None:
    image = (np.arange(20).reshape(4, 5) + 10).astype(dtype)
    result = upscale_array(image, 2, model=model, **CPU)
    expected = upscale_array(image.astype(np.float64), 2, model=model, **CPU)
    assert result.dtype == image.dtype
    assert np.abs(result.astype(float) - expected).max() <= 0.5


@pytest.mark.parametrize("kernel", ["bicubic", "bilinear"])
def test_images_are_enlarged_as_they_were_for_the_training(
    model: Model, kernel: Kernel
) -> None:
    nothing = deepcopy(model.network)
    for parameter in nothing.parameters():
        parameter.zero_()
    plain = Model(nothing, "plain", sha256=kernel, metadata={"kernel": kernel})
    image = picture(11, 14, dtype="float32")
    enlarged = upscale_array(image, 2, model=plain, tile=24, **CPU)
    np.testing.assert_allclose(enlarged, resize(image, (22, 28), kernel), atol=1e-6)


@pytest.mark.parametrize(
    ("thing", "message"),
    [
        ("cells.tif", "cells.tif is a path: read it first"),
        (Path("cells.tif"), "cells.tif is a path: read it first"),
        (None, "the image is None"),
        (np.ma.masked_less(np.ones((4, 4)), 2), "mark what is missing with NaN"),
    ],
)
def test_what_is_no_image_is_refused_with_a_way_out(thing: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        napari_vdsr.upscale(thing, 2, **CPU)


def test_a_group_of_zarr_arrays_is_no_image(tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr")
    group = zarr.create_group(str(tmp_path / "a.zarr"))
    with pytest.raises(InputError, match=r"such as group\['0'\]"):
        napari_vdsr.upscale(group, 2, **CPU)


def test_a_model_of_one_factor_says_so_at_another() -> None:
    image = picture(8, 9, dtype="float32")
    with pytest.warns(VdsrWarning, match="is made for factor 3, and not for 2"):
        napari_vdsr.upscale(image, 2, model="srcnn-915-x3", **CPU)
    napari_vdsr.upscale(image, 3, model="srcnn-915-x3", **CPU)
    napari_vdsr.upscale(image, 1, model="srcnn-915-x3", **CPU)


@pytest.mark.parametrize(
    ("told", "served", "others"),
    [("1.5, 3", [1.5, 1.6, 3, 2.8], [2.2, 4]), ("3", [3, 2.9, (2, 3)], [2, 4])],
)
def test_factors_that_a_model_is_made_for_need_not_be_whole(
    told: str, served: list[Any], others: list[Any]
) -> None:
    model = Model(SRCNN((3, 1, 3), (4, 2)), "any", metadata={"factors": told})
    for factor in [*served, *others]:
        pair = factor if isinstance(factor, tuple) else (factor, factor)
        assert model.serves(pair) == (factor in served)
