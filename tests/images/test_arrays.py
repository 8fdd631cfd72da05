"""Whatever holds pixels is taken, or refused in the same words, at every door."""

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import dask.array as da
import numpy as np
import pytest
import torch
from napari.layers import Image, Labels, Points, Vectors
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch._subclasses import FakeTensorMode

from napari_vdsr import describe_image, evaluate, psnr, train, upscale
from napari_vdsr.errors import InputError, VdsrError
from napari_vdsr.images.find import named
from napari_vdsr.images.open_any import opened
from napari_vdsr.network import VDSR
from napari_vdsr.training import recipe
from napari_vdsr.zoo import Model

PIXELS = np.random.default_rng(0).integers(0, 4000, (48, 64)).astype(np.float32)
TENSOR = torch.from_numpy(PIXELS)
TINY = Model(VDSR(2, features=2).requires_grad_(False), "tiny")
SHORT = recipe("quick", steps=1, depth=2, patch=16, batch=2, factors=(2.0,))

DOORS: dict[str, Callable[[Any], object]] = {
    "upscale": lambda image: upscale(image, 2, model=TINY, device="cpu"),
    "psnr": lambda image: psnr(PIXELS, image),
    "evaluate": lambda image: evaluate([image], model=TINY, factors=[2], device="cpu"),
    "train": lambda image: train([image], config=SHORT, device="cpu"),
    "describe_image": lambda image: describe_image(image),
}

STATES: dict[str, Callable[[], Any]] = {
    "plain": lambda: TENSOR,
    "gradient": lambda: TENSOR.clone().requires_grad_(),
    "parameter": lambda: torch.nn.Parameter(TENSOR.clone()),
    "transposed": lambda: TENSOR.t().contiguous().t(),
    "bfloat16": lambda: TENSOR.bfloat16(),
    "imaginary": lambda: torch.complex(TENSOR, -TENSOR).conj().imag,
    "uint16": lambda: torch.from_numpy(PIXELS.astype(np.uint16)),
}


def whole(image: Any) -> NDArray[Any]:
    with opened(image) as stack:
        return stack.whole()


@pytest.mark.parametrize("state", STATES)
def test_tensors_are_images_in_every_state(state: str) -> None:
    tensor = STATES[state]()
    expected = PIXELS
    if state == "bfloat16":
        expected = TENSOR.bfloat16().float().numpy()
    np.testing.assert_array_equal(whole(tensor), expected)
    assert psnr(expected, tensor).mean == np.inf
    made = upscale(tensor, 2, model=TINY, device="cpu")
    assert made.dtype == tensor.dtype
    assert describe_image(tensor).summary == describe_image(expected).summary


@pytest.mark.parametrize("door", DOORS)
def test_every_door_takes_a_tensor_that_has_a_gradient(door: str) -> None:
    DOORS[door](STATES["gradient"]())


@pytest.mark.parametrize("state", ["plain", "transposed", "uint16"])
def test_layers_may_hold_tensors(state: str) -> None:
    layer = Image(STATES[state](), name="cells")
    plain = Image(whole(STATES[state]()), name="cells")
    made = upscale(layer, 2, model=TINY, device="cpu").data
    expected = upscale(plain, 2, model=TINY, device="cpu").data
    np.testing.assert_array_equal(made, expected)
    assert made.dtype == expected.dtype
    np.testing.assert_array_equal(whole(layer), PIXELS)
    assert psnr(layer, plain).mean == np.inf


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "meta": (lambda: TENSOR.to("meta"), "on the device meta: it has no values"),
    "sparse": (lambda: TENSOR.to_sparse(), "sparse_coo tensors .* use to_dense"),
    "float8": (lambda: TENSOR.to(torch.float8_e4m3fn), "dtype float8_e4m3fn"),
    "complex": (lambda: torch.complex(TENSOR, TENSOR).conj(), "take the real part"),
    "masked": (lambda: np.ma.masked_greater(PIXELS, 9), "masks are not known here"),
    "masks in a list": (
        lambda: [np.ma.masked_greater(PIXELS, 9)] * 2,
        "masks are not known here",
    ),
    "fake": (
        lambda: FakeTensorMode().from_tensor(TENSOR),
        "this tensor has no values that can be read",
    ),
    "scipy": (lambda: csr_array(PIXELS), "csr_array is sparse, and images are dense"),
    "dates": (lambda: PIXELS.astype("M8[s]"), "dtype datetime64"),
    "words": (lambda: PIXELS.astype("U4"), "only integers and floating-point numbers"),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("kind", REFUSED)
def test_every_door_refuses_in_the_same_words(kind: str, door: str) -> None:
    make, words = REFUSED[kind]
    with pytest.raises(InputError, match=words):
        DOORS[door](make())


@pytest.mark.parametrize("door", DOORS)
def test_an_array_that_cannot_be_read_is_an_error_of_words(door: str) -> None:
    class Lost:
        shape, dtype, ndim = (48, 64), np.dtype("u2"), 2

        def __array__(self, *_: Any, **__: Any) -> NDArray[Any]:
            raise RuntimeError("the device is lost")

        def __getitem__(self, _: Any) -> Any:
            raise RuntimeError("the device is lost")

    if door == "describe_image":  # which tells of it
        assert "the device is lost" in describe_image(Lost()).summary
        return
    with pytest.raises(VdsrError, match="the device is lost"):
        DOORS[door](Lost())


def test_what_numpy_reads_as_one_image_is_no_list_of_images() -> None:
    class Interface:
        __array_interface__ = PIXELS.__array_interface__

    for image in (memoryview(PIXELS), Interface(), TENSOR):
        assert [each.name for each in named(image).images] == ["image 1"]
        np.testing.assert_array_equal(whole(named([image]).images[0].image), PIXELS)
    found = named([PIXELS, {"a": PIXELS, "b": PIXELS}]).images
    assert [each.name for each in found] == ["image 1", "a", "b"]
    with pytest.raises(InputError, match=r"dtype \|S3"):
        evaluate([b"abc"])


@pytest.fixture
def data_array(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give what xarray's class is to the package: xarray itself is large."""

    class DataArray(np.lib.mixins.NDArrayOperatorsMixin):
        def __init__(self, data: Any, dims: tuple[str, ...]) -> None:
            self.data, self.dims = data, dims
            self.shape, self.dtype, self.ndim = data.shape, data.dtype, data.ndim
            self.size = data.size

        def __array__(self, dtype: Any = None, copy: Any = None) -> NDArray[Any]:
            return np.asarray(self.data, dtype)

        def __getitem__(self, key: Any) -> Any:
            return self.data[key]

    module = ModuleType("xarray")
    module.DataArray = DataArray  # type: ignore[attr-defined]
    module.Variable = type("Variable", (), {})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "xarray", module)
    return DataArray


def test_dimensions_of_xarray_are_honoured_in_layers(data_array: Any) -> None:
    stack = np.stack([PIXELS, PIXELS[::-1], PIXELS[:, ::-1]])
    moved = np.ascontiguousarray(stack.transpose(2, 0, 1))
    plain = data_array(moved, ("x", "t", "y"))
    labelled = Image(moved, rgb=False, axis_labels=plain.dims)  # as napari does
    labelled.data = plain
    for image in (plain, labelled):
        np.testing.assert_array_equal(whole(image), stack)
        made = upscale(image, 2, model=TINY, device="cpu")
        assert getattr(made, "data", made).shape == (128, 3, 96)


def test_a_dimension_called_rgb_holds_colours(data_array: Any) -> None:
    colours = np.stack([PIXELS, PIXELS / 2, PIXELS / 3])
    called = upscale(
        data_array(colours, ("rgb", "y", "x")), 2, model=TINY, device="cpu"
    )
    expected = upscale(colours, 2, axes="SYX", model=TINY, device="cpu")
    np.testing.assert_array_equal(called, expected)


def test_masks_within_xarray_are_refused(data_array: Any) -> None:
    masked = data_array(np.ma.masked_greater(PIXELS, 9), ("y", "x"))
    layer = Image(PIXELS, name="cells")
    layer.data = masked
    for image in (masked, layer):
        for door in DOORS.values():
            with pytest.raises(InputError, match="masks are not known here"):
                door(image)


LAYERS = {
    "Labels": lambda: Labels(np.zeros((48, 64), np.uint8), name="cells"),
    "Points": lambda: Points(np.zeros((3, 2)), name="cells"),
    "Vectors": lambda: Vectors(np.zeros((2, 2, 2)), name="cells"),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("kind", LAYERS)
def test_layers_that_are_no_images_are_named(kind: str, door: str) -> None:
    with pytest.raises(InputError, match=f"'cells' is a {kind} layer and holds"):
        DOORS[door](LAYERS[kind]())
    with pytest.raises(InputError, match=f"'cells' is a {kind} layer and holds"):
        psnr(LAYERS[kind](), LAYERS[kind]())


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    "lie", [lambda block: block[:4], lambda block: block.astype(np.float64)]
)
def test_chunks_that_are_not_what_they_promise_are_refused(
    lie: Callable[[Any], Any], door: str
) -> None:
    image = da.from_array(PIXELS, chunks=16)
    wrong = image.map_blocks(lie, dtype=image.dtype, meta=image._meta)
    words = "but the image says float32 of shape"
    if door == "describe_image":  # which tells of it
        assert words in describe_image(wrong).summary
        return
    with pytest.raises(VdsrError, match=words):
        np.asarray(DOORS[door](wrong))
