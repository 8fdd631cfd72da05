"""The same graph on a cluster of two processes, with an accident."""

import os
import pickle
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest

import napari_vdsr
from napari_vdsr.lazy import worker
from napari_vdsr.lazy.worker import Recipe, own_device
from napari_vdsr.zoo import Model

distributed = pytest.importorskip("distributed")

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """Give a client of two worker processes on this machine, one thread each."""
    cluster = distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
    )
    with cluster, distributed.Client(cluster) as client:
        yield client


@pytest.fixture
def image() -> np.ndarray[Any, Any]:
    return RNG.integers(0, 4000, (3, 90, 80)).astype(np.uint16)


def test_two_processes_give_what_one_gives(
    client: Any, tiny: Model, small_blocks: int, image: np.ndarray[Any, Any]
) -> None:
    chunked = da.from_array(image, (1, 16, 16))
    lazy = napari_vdsr.upscale(chunked, 2, model=tiny, device="cpu")
    alone = lazy.compute(scheduler="sync")
    together, seen = client.gather([client.compute(lazy), client.submit(os.getpid)])
    np.testing.assert_array_equal(together, alone)
    assert seen != os.getpid()
    # Both have worked, each with its own upscaler and the one thread that is its.
    for made, threads in client.run(_what_is_ready).values():
        assert (made, threads) == (1, 1)


def _what_is_ready() -> tuple[int, int]:
    from napari_vdsr.inference.threads import usable_threads

    return len(worker._ready), usable_threads()


def test_the_model_reaches_every_worker_once(
    client: Any, tiny: Model, small_blocks: int, image: np.ndarray[Any, Any]
) -> None:
    client.run(_count_arrivals)
    stack = da.from_array(image, (1, 8, 8))
    lazy = napari_vdsr.upscale(stack, 2, model=tiny, device="cpu", tile=64)
    assert lazy.npartitions > 300
    client.compute(lazy).result()
    assert list(client.run(_arrivals).values()) == [1, 1]
    weights = len(pickle.dumps(tiny))
    assert len(pickle.dumps(lazy.dask)) < 2 * weights + image.nbytes + 30_000


def _count_arrivals() -> None:
    worker._arrivals = 0

    def arrive(self: Recipe, state: dict[str, Any]) -> None:
        worker._arrivals += 1
        self.__dict__.update(state)

    Recipe.__setstate__ = arrive


def _arrivals() -> int:
    return worker._arrivals


def test_a_worker_that_dies_costs_only_its_blocks(
    client: Any, tiny: Model, small_blocks: int, image: np.ndarray[Any, Any]
) -> None:
    chunked = da.from_array(image, (1, 8, 8))
    lazy = napari_vdsr.upscale(chunked, 3, model=tiny, device="cpu")
    alone = lazy.compute(scheduler="sync")
    pids = client.run(os.getpid)
    kept = client.persist(lazy)
    futures = distributed.futures_of(kept)
    while not any(future.done() for future in futures):
        time.sleep(0.01)
    os.kill(next(iter(pids.values())), signal.SIGKILL)
    assert not all(future.done() for future in futures)
    np.testing.assert_array_equal(kept.compute(), alone)
    # It was started again, and only one of the two was.
    client.wait_for_workers(2)
    assert len({*pids.values()} & {*client.run(os.getpid).values()}) == 1


def test_zarr_is_read_by_the_workers_and_written_by_them(
    client: Any, tiny: Model, tmp_path: Path, image: np.ndarray[Any, Any]
) -> None:
    zarr = pytest.importorskip("zarr")
    source = zarr.create_array(
        tmp_path / "in.zarr", shape=image.shape, chunks=(1, 40, 40), dtype=image.dtype
    )
    source[:] = image
    lazy = napari_vdsr.upscale(source, 2, model=tiny, device="cpu")
    lazy.to_zarr(str(tmp_path / "out.zarr"))
    eager = napari_vdsr.upscale(image, 2, model=tiny, device="cpu")
    written = zarr.open(tmp_path / "out.zarr")[:]
    difference = np.abs(written.astype(int) - eager.astype(int))
    assert difference.max() <= 1  # other tiles may round a tie the other way
    assert difference.mean() < 1e-3


def test_errors_of_workers_are_told(client: Any, tiny: Model) -> None:
    image = np.full((20, 20), np.inf, np.float32)
    lazy = napari_vdsr.upscale(da.from_array(image), 2, model=tiny, device="cpu")
    with pytest.raises(napari_vdsr.errors.InputError, match="400 of 400 pixels"):
        lazy.compute()
    # Whether a device is there is for the workers to say.
    lazy = napari_vdsr.upscale(da.zeros((9, 9)), 2, model=tiny, device="cuda:7")
    with pytest.raises(napari_vdsr.errors.InputError, match="device is 'cuda:7'"):
        lazy.compute()


@pytest.mark.parametrize(
    ("name", "device"),
    [
        (0, "cuda:0"),
        (1, "cuda:1"),
        ("node-3", "cuda:1"),
        ("tcp://10.0.0.1:40311", "cuda:0"),
    ],
)
def test_each_worker_takes_a_device_of_its_own(name: object, device: str) -> None:
    assert own_device(name, ["cuda:0", "cuda:1", "cpu"]) == device
    assert own_device(name, ["cpu"]) == "cpu"
