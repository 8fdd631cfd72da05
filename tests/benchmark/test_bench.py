"""The benchmark measures what it says, on a small scale."""

import json
from importlib import import_module

import numpy as np
import pytest
import torch

from napari_vdsr.benchmark import bench
from napari_vdsr.benchmark.bench import Bench, Row
from napari_vdsr.benchmark.measure import cost_of_each
from napari_vdsr.benchmark.ways import in_double, sample, usual_way
from napari_vdsr.zoo import load_model

CPU = torch.device("cpu")
bench_module = import_module("napari_vdsr.benchmark.bench")  # not the function


def test_one_run_compares_every_engine_with_the_usual_way() -> None:
    pytest.importorskip("openvino")
    result = bench(["cpu"], largest=64, repeats=1)
    sizes = [row for row in result.rows if row.study == "size"]
    assert {row.engine for row in sizes} == {"torch", "openvino"}
    assert all(row.usual_seconds and row.edge == 64 for row in sizes)
    assert {row.depth for row in result.rows if row.study == "depth"} == {5, 10, 15}
    alone = [row for row in result.rows if row.study == "network"]
    assert {row.engine for row in alone} == {"torch", "openvino"}
    exact = [error for name, error in result.agreement.items() if "float32" in name]
    assert len(exact) == 2
    assert max(exact) < 1e-5  # half precision, where there is any, is not as near
    assert json.loads(json.dumps(result.to_json()))["rows"][0]["device"] == "cpu"
    assert "Growth with image size" in result.to_text()


def test_both_ways_make_the_same_image_but_for_the_borders() -> None:
    model, image = load_model("vdsr20"), sample(40)
    usual = usual_way(image, model.network, CPU).astype(float)
    exact = in_double(image, model)
    inner = slice(30, 50)
    # torch's kernel for enlarging is another one (a = -0.75), hence the tolerance.
    difference = np.abs(usual - exact)[inner, inner]
    assert np.sqrt(np.mean(difference**2)) < 0.05 * np.ptp(exact)


def test_the_memory_of_a_call_is_seen() -> None:
    costs = cost_of_each(
        {"much": lambda: np.ones(25_000_000).sum(), "none": lambda: None}, CPU, 2
    )
    assert costs["much"].memory > 150e6
    assert costs["none"].memory < 50e6
    assert len(costs["much"].seconds) == 2


def test_figures_follow_from_what_was_measured() -> None:
    row = Row("size", "cpu", "float32", "torch", 20, 1000, 1, 2.0, 5.0, 1, 2, 0.5)
    assert row.megapixels_per_second == 0.5
    assert row.ratio == 2.5
    text = Bench({"processor": "some"}, rows=[row]).to_text()
    assert "0.500" in text
    assert "2.50" in text


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        MemoryError(),
        RuntimeError("cuDNN error: CUDNN_STATUS_NOT_SUPPORTED"),
    ],
    ids=repr,
)
def test_what_cannot_be_done_at_once_is_measured_our_way_alone(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large image would have ended the measurement of everything else."""

    def fails(*arguments: object) -> None:
        raise error

    monkeypatch.setattr(bench_module, "usual_way", fails)
    ways = bench_module._ways(load_model("vdsr5"), CPU, torch.float32)
    rows = bench_module._rows("size", ways, 64, 1e9, 1, usual=True)
    assert {row.engine for row in rows} == ways.keys()
    assert all(row.usual_seconds is None for row in rows)
