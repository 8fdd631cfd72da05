"""The commands of docs/big-data.md that need a cluster."""

import shlex
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import zarr
from pages import ROOT, blocks
from streaming_helpers import noise, plain_zarr, tiny_model

from napari_vdsr.cli import main
from napari_vdsr.lazy import cluster as module
from napari_vdsr.lazy.cluster import Cluster


def test_the_commands_of_the_page_make_the_same_on_workers(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []
    monkeypatch.setattr(
        module, "started", lambda count: nullcontext(started.append(count) or cluster)
    )
    monkeypatch.chdir(tmp_path)
    plain_zarr(tmp_path / "slide.zarr", noise((20, 30), "uint8"), names="yx")
    tiny_model().save(tmp_path / "tiny.safetensors")
    tiny = ["--model", "tiny.safetensors"]
    address = cluster._client.scheduler.address
    assert main(["upscale", "slide.zarr", "alone.zarr", *tiny]) == 0
    workers, scheduler = blocks(ROOT / "docs" / "big-data.md", "ci: cluster")
    for line in (workers, scheduler):
        words = shlex.split(line.replace("tcp://10.0.0.1:8786", address))
        assert main([*words[1:], *tiny, "--overwrite"]) == 0
        made, alone = (
            zarr.open_array(str(tmp_path / name / "0"))[:]
            for name in ("slide-x2.zarr", "alone.zarr")
        )
        np.testing.assert_array_equal(made, alone)
    assert started == [2]
