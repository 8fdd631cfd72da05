"""Lazy and multiscale layers give lazy multiscale layers, where they lie."""

from collections import Counter
from collections.abc import Callable
from itertools import product
from typing import Any

import dask.array as da
import numpy as np
import pytest
from napari.layers import Image

import napari_vdsr
from napari_vdsr.imaging import resample
from napari_vdsr.imaging.geometry import Axes
from napari_vdsr.imaging.resample import resize
from napari_vdsr.layers import plan_layer, upscale_layer
from napari_vdsr.lazy import blocks, upscale, upscale_levels
from napari_vdsr.lazy.upscale import levels_below
from napari_vdsr.zoo import Model

RNG = np.random.default_rng(0)


@pytest.fixture
def small_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Treat images of a few pixels as large ones are treated."""
    monkeypatch.setattr(blocks, "BLOCK", 16)
    monkeypatch.setattr(resample, "COARSEST", 32)


def noise(*shape: int, dtype: str = "uint16") -> np.ndarray[Any, Any]:
    return RNG.integers(0, 4000, shape).astype(dtype)


def lazy_layer(image: np.ndarray[Any, Any], **options: Any) -> Image:
    chunks = tuple(min(size, 20) for size in image.shape)
    options.setdefault("contrast_limits", (0, 4000))
    return Image(da.from_array(image, chunks), **options)


def assert_alike(lazy: Any, eager: np.ndarray[Any, Any]) -> None:
    """Equal but for ties, which other tiles may round the other way."""
    lazy = np.asarray(lazy)
    assert lazy.dtype == eager.dtype
    difference = np.abs(lazy.astype(int) - eager.astype(int))
    assert difference.max() <= 1
    assert difference.mean() < 1e-3


def corners(layer: Image, level: int = 0) -> np.ndarray[Any, Any]:
    """World positions of the outer corners, as a level of the layer has them."""
    sizes = np.array(layer.data[level].shape[: layer.ndim])
    # napari stretches every level over the extent of the finest.
    zoom = np.array(layer.data[0].shape[: layer.ndim]) / sizes
    points = product(*[(-0.5, size - 0.5) for size in sizes])
    return np.array(
        [layer.data_to_world((np.array(p) + 0.5) * zoom - 0.5) for p in points]
    )


def world_corners(layer: Image) -> np.ndarray[Any, Any]:
    sizes = (layer.data[0] if layer.multiscale else layer.data).shape[: layer.ndim]
    points = product(*[(-0.5, size - 0.5) for size in sizes])
    return np.array([layer.data_to_world(point) for point in points])


@pytest.mark.usefixtures("small_screen")
def test_the_result_is_multiscale_and_lies_on_its_source(tiny: Model) -> None:
    image = noise(2, 90, 75)
    source = lazy_layer(
        image,
        scale=(3, 0.5, 0.25),
        translate=(1, 2, 3),
        contrast_limits=(5, 900),
        units=("second", "um", "um"),
        axis_labels=("t", "y", "x"),
        metadata={"stain": "DAPI"},
    )
    result = napari_vdsr.upscale(source, 2.5, model=tiny, device="cpu")
    assert result.multiscale
    shapes = [level.shape for level in result.data]
    assert shapes == [(2, 225, 188), (2, 90, 75), (2, 45, 38), (2, 23, 19)]
    for level in range(4):
        assert np.abs(corners(result, level) - world_corners(source)).max() < 1e-9
    assert result.contrast_limits == [5, 900]
    assert result.units == source.units
    assert result.axis_labels == source.axis_labels
    told = result.metadata
    assert told["stain"] == "DAPI"
    assert told["napari-vdsr"]["factor"] == [225 / 90, 188 / 75]
    eager = napari_vdsr.upscale(image, 2.5, model=tiny, device="cpu")
    assert_alike(result.data[0], eager)
    np.testing.assert_array_equal(result.data[1], image)


@pytest.mark.usefixtures("small_screen")
@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((40, 30, 3), {"rgb": True}),
        ((2, 40, 30, 4), {"rgb": True}),
        ((5, 40, 3), {"rgb": False}),
        ((40, 30, 2), {"axis_labels": ("y", "x", "z"), "rgb": False}),
        ((40, 3, 30), {"axis_labels": ("x", "c", "y"), "rgb": False}),
        ((1, 1, 40, 30), {}),
        ((2, 1, 2, 20, 41), {}),
    ],
    ids=["rgb", "rgba", "columns", "yxz", "xcy", "singletons", "five"],
)
def test_axes_and_colours_are_as_in_eager_layers(
    tiny: Model, shape: tuple[int, ...], options: dict[str, Any]
) -> None:
    image = noise(*shape, dtype="uint8" if options.get("rgb") else "uint16")
    eager = upscale_layer(Image(image, **options), (2, 3), model=tiny, device="cpu")
    lazy = upscale_layer(lazy_layer(image, **options), (2, 3), model=tiny, device="cpu")
    assert lazy.rgb == eager.rgb
    assert_alike(lazy.data[0], eager.data)
    np.testing.assert_array_equal(lazy.scale, eager.scale)
    np.testing.assert_array_equal(lazy.translate, eager.translate)


def test_levels_of_a_multiscale_source_are_kept(tiny: Model) -> None:
    levels = [noise(2, 64, 48), noise(2, 32, 24), noise(2, 16, 12)]
    for data in (levels, [da.from_array(level, 16) for level in levels]):
        source = Image(
            data, multiscale=True, contrast_limits=(0, 4000), scale=(1, 2, 2)
        )
        result = upscale_layer(source, 2, model=tiny, device="cpu")
        assert len(result.data) == 4
        for mine, theirs in zip(result.data[1:], levels, strict=True):
            np.testing.assert_array_equal(mine, theirs)
        coarse = upscale_layer(source, 2, model=tiny, device="cpu", level=1)
        assert [level.shape for level in coarse.data] == [
            (2, 64, 48),
            (2, 32, 24),
            (2, 16, 12),
        ]
        assert np.abs(world_corners(coarse) - world_corners(source)).max() < 1e-9


def test_factor_one_keeps_the_levels_apart(tiny: Model) -> None:
    image = noise(40, 30)
    result = upscale_layer(lazy_layer(image), 1, model=tiny, device="cpu")
    assert [level.shape for level in result.data] == [(40, 30)]
    np.testing.assert_array_equal(result.data[0], image)


@pytest.mark.usefixtures("small_screen")
@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint64", "float16", "float64"])
def test_coarser_levels_are_means_of_what_they_cover(dtype: str) -> None:
    image = noise(3, 96, 65, dtype=dtype)
    axes = Axes(1, 2, None)
    for source in (da.from_array(image, (2, 10, 14)), image):
        _, half, quarter = levels_below([source], axes, (3, 192, 130))
        assert (half.dtype, half.shape) == (image.dtype, (3, 48, 33))
        assert quarter.shape == (3, 24, 17)
        # Columns: 33 pixels over 65, of 65 / 33 pixels each.
        edges = np.arange(34) * 65 / 33
        cover = np.clip(
            np.minimum(edges[1:, None], np.arange(1, 66))
            - np.maximum(edges[:-1, None], np.arange(65)),
            0,
            None,
        )
        rows = image.astype(np.float64).reshape(3, 48, 2, 65).mean(axis=2)
        expected = rows @ cover.T / (65 / 33)
        tolerance = {"f": 1e-3 * image.max()}.get(image.dtype.kind, 0.51)
        assert np.abs(half.compute().astype(float) - expected).max() <= tolerance


@pytest.mark.usefixtures("small_screen")
@pytest.mark.parametrize(
    ("factor", "sizes"), [(2, []), (3, [45]), (4, [60]), ((1, 8), [120, 60])]
)
def test_levels_between_are_interpolated(factor: Any, sizes: list[int]) -> None:
    """A viewer is not to compute many times the pixels that it shows."""
    image = np.add.outer(np.arange(20.0), np.arange(30.0))
    shape = plan_layer(Image(image), factor).shape
    between = levels_below([da.from_array(image, (7, 11))], Axes(0, 1, None), shape)[
        :-1
    ]
    assert [level.shape[1] for level in between] == sizes
    for level in between:
        expected = resize(image, level.shape, "bilinear")
        np.testing.assert_allclose(level, expected, atol=1e-12)


@pytest.mark.usefixtures("small_screen")
def test_gaps_do_not_grow_in_coarser_levels() -> None:
    image = np.ones((64, 64), np.float32)
    image[10:12, 20:22] = np.nan
    image[30, 30] = np.nan
    _, half = levels_below([da.from_array(image, 16)], Axes(0, 1, None), (128, 128))
    assert np.argwhere(np.isnan(half.compute())).tolist() == [[5, 10]]
    assert np.nanmin(half) == np.nanmax(half) == 1


@pytest.mark.usefixtures("small_screen")
def test_a_script_gets_levels_for_a_viewer(tiny: Model) -> None:
    image = noise(70, 60, 3, dtype="uint8")
    levels = upscale_levels(
        da.from_array(image, (20, 20, 3)), 2, model=tiny, device="cpu", rgb=True
    )
    assert [level.shape for level in levels] == [
        (140, 120, 3),
        (70, 60, 3),
        (35, 30, 3),
        (18, 15, 3),
    ]
    assert all(isinstance(level, da.Array) for level in levels)
    assert Image(levels, multiscale=True, rgb=True).rgb
    narrow = da.from_array(noise(5, 10, 2))  # four columns are no colours either
    levels = upscale_levels(narrow, 2, model=tiny, device="cpu")
    assert [level.shape for level in levels] == [(5, 20, 4), (5, 10, 2)]


class Counted:
    """A lazy source and what is computed of it and of its result."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.counts: Counter[str] = Counter()
        chunks = ((1,) * 3, (512,) * 8, (512,) * 8)
        self.array = da.map_blocks(
            self._read, chunks=chunks, dtype=np.uint16, meta=np.empty((0, 0, 0), "u2")
        )
        enlarge = upscale.enlarge_block

        def counted(*arguments: Any) -> Any:
            self.counts["enlarged"] += 1
            return enlarge(*arguments)

        monkeypatch.setattr(upscale, "enlarge_block", counted)

    def _read(self, block_info: Any = None) -> np.ndarray[Any, Any]:
        self.counts["read"] += 1
        return np.full((1, 512, 512), 7, np.uint16)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    return Counted(monkeypatch)


def test_a_viewer_computes_what_is_in_view(
    tiny: Model, counted: Counted, make_napari_viewer: Callable[..., Any]
) -> None:
    viewer = make_napari_viewer()
    coarse = [counted.array[:, ::4, ::4], counted.array[:, ::16, ::16]]
    source = Image(
        [counted.array, *coarse], multiscale=True, contrast_limits=(0, 9), name="cells"
    )
    counted.counts.clear()
    result = upscale_layer(source, 2, model=tiny, device="cpu")
    assert not counted.counts
    viewer.add_layer(result)
    # A thumbnail and the whole, from the coarsest level: one plane of the source.
    assert counted.counts["enlarged"] == 0
    assert counted.counts["read"] <= 64
    camera = getattr(viewer, "scene", viewer).camera  # as of napari 0.9
    camera.zoom = 2
    camera.center = (4096, 4096)
    viewer.window._qt_viewer.canvas.on_draw(None)
    assert result.data_level == 0
    assert 0 < counted.counts["enlarged"] <= 9  # of 3 × 256
    seen = result._slice.image.raw
    assert max(seen.shape) <= 1024
    assert (seen == 7).all()


def test_other_axes_may_be_shown(
    tiny: Model, counted: Counted, make_napari_viewer: Callable[..., Any]
) -> None:
    """Rolled and transposed views change nothing about Y and X of the layer."""
    viewer = make_napari_viewer()
    image = noise(6, 40, 30)
    source = viewer.add_layer(lazy_layer(image))
    viewer.dims.order = (1, 2, 0)
    result = viewer.add_layer(upscale_layer(source, 2, model=tiny, device="cpu"))
    assert result.data[0].shape == (6, 80, 60)
    viewer.dims.transpose()
    viewer.dims.roll()
    result = viewer.add_layer(upscale_layer(source, 2, model=tiny, device="cpu"))
    assert result.data[0].shape == (6, 80, 60)
    eager = napari_vdsr.upscale(image, 2, model=tiny, device="cpu")
    assert_alike(result.data[0], eager)
