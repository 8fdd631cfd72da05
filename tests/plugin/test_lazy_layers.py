"""The panel with layers that are larger than memory."""

from typing import Any

import dask.array as da
import numpy as np
import pytest
from napari.layers import Image

from napari_vdsr.inference import upscaler
from napari_vdsr.lazy import upscale
from napari_vdsr.plugin.scores.layers import check_memory, take_snapshot
from napari_vdsr.plugin.settings import FieldError


def add_lazy(viewer: Any, **options: Any) -> Image:
    """Add a stack that nobody could hold, and a level that napari can show."""
    fine, coarse = (
        da.full((40, size, size), 7, dtype="uint16", chunks=(1, 4096, 4096))
        for size in (65536, 1024)
    )
    return viewer.add_image(
        [fine, coarse], multiscale=True, contrast_limits=(0, 9), name="huge", **options
    )


def test_run_adds_a_lazy_layer_at_once(
    viewer: Any, open_panel: Any, run: Any, settle: Any, monkeypatch: Any
) -> None:
    """GUI freezes, out of memory (napari-ndev#114, napari-omero#89)."""
    enlarged = []
    monkeypatch.setattr(upscale, "enlarge_block", lambda *block: enlarged.append(block))
    source = add_lazy(viewer, scale=(2, 0.5, 0.5))
    panel = open_panel()
    said = settle(panel)
    assert said == (
        "Result 40 planes of 131072 × 131072 px · computed as you look, tile by tile"
    )
    run(panel)
    result = viewer.layers["huge ×2 tiny"]
    assert result.multiscale
    assert result.data[0].shape == (40, 131072, 131072)
    assert result.data[1].shape == source.data[0].shape
    assert result.scale.tolist() == [2, 0.25, 0.25]
    assert result.contrast_limits == source.contrast_limits
    assert not enlarged
    assert settle(panel).startswith("Added. Save to… writes all of it to a file.\n")
    assert upscaler._kept
    panel.controls.release.click()
    assert not upscaler._kept


def test_parts_of_a_lazy_layer_are_made_at_once(
    viewer: Any, open_panel: Any, run: Any, settle: Any
) -> None:
    add_lazy(viewer)
    viewer.add_shapes([np.array([[9, 8], [9, 27], [28, 27], [28, 8]])], name="box")
    panel = open_panel(area="rectangles", bicubic=True)
    viewer.layers.selection = {viewer.layers["huge"]}
    viewer.dims.set_point(0, 3)
    assert "Result 40 planes of 40 × 40 px" in settle(panel)
    run(panel)
    result = viewer.layers["huge (part) ×2 tiny"]
    assert isinstance(result.data, np.ndarray)
    assert (result.data == 7).all()
    assert "huge (part) ×2 tiny bicubic" in viewer.layers


def test_what_is_left_out_is_said(
    viewer: Any, open_panel: Any, run: Any, settle: Any
) -> None:
    image = np.zeros((60, 40), np.uint16)
    viewer.add_image(da.from_array(image, 20), name="lazy", contrast_limits=(0, 9))
    viewer.add_image(image, name="eager", contrast_limits=(0, 9))
    viewer.layers.select_all()
    panel = open_panel(bicubic=True)
    said = settle(panel)
    assert said.startswith("2 results · 19 kB")
    assert "1 of them computed as you look" in said
    assert "Layers beside it are for parts only." in said
    run(panel)
    assert viewer.layers["lazy ×2 tiny"].multiscale
    assert "eager ×2 tiny bicubic" in viewer.layers
    assert "lazy ×2 tiny bicubic" not in viewer.layers


def test_a_range_is_asked_for_before_run(
    viewer: Any, open_panel: Any, settle: Any
) -> None:
    image = da.zeros((60, 40), dtype="float32", chunks=20)
    viewer.add_image(image, name="lazy", contrast_limits=(0, 1))
    panel = open_panel(model="biased")
    assert "has to know black and white of 'lazy'" in settle(panel)


def test_what_needs_all_of_a_layer_that_no_memory_holds_is_refused(
    viewer: Any,
) -> None:
    image = take_snapshot(add_lazy(viewer))
    with pytest.raises(FieldError, match=r"'huge' has 344 GB, .* take a part"):
        check_memory(image)
