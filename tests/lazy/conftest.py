"""A network small enough for many blocks, and blocks small enough for many."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from napari_vdsr.lazy import blocks
from napari_vdsr.lazy.cluster import Cluster, started
from napari_vdsr.network.stack import VDSR
from napari_vdsr.zoo import Model


@pytest.fixture(scope="session")
def tiny() -> Model:
    """Give an affine-equivariant model of three layers."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Model(VDSR(depth=3, features=6), "tiny")


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> int:
    """Cut images of a few pixels as large ones are cut."""
    monkeypatch.setattr(blocks, "BLOCK", 12)
    return 12


@pytest.fixture(scope="package")
def cluster() -> Iterator[Cluster]:
    """Give two worker processes on this machine, started once: that takes seconds."""
    pytest.importorskip("distributed")
    with started(2) as cluster:
        yield cluster


@pytest.fixture
def client(cluster: Cluster) -> Iterator[Any]:
    """Give a client of them that dask uses by itself."""
    from distributed import Client

    with Client(cluster._client.scheduler.address) as client:
        yield client
