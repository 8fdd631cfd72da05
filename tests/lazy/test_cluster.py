"""The same graph on a cluster of two processes, with an accident."""

import os
import pickle
import signal
import time
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import torch
from streaming_helpers import arrivals, count_arrivals

import napari_vdsr
from napari_vdsr.inference import upscaler
from napari_vdsr.inference.device import usable_threads
from napari_vdsr.inference.upscaler import forget_upscalers
from napari_vdsr.lazy.cluster import own_device
from napari_vdsr.network import VDSR
from napari_vdsr.zoo import Model

distributed = pytest.importorskip("distributed")

# dask of 2025 warns where one process computes beside a cluster, as is meant here.
pytestmark = pytest.mark.filterwarnings("ignore:Running on a single-machine scheduler")

RNG = np.random.default_rng(0)


@pytest.fixture
def image() -> np.ndarray[Any, Any]:
    return RNG.integers(0, 4000, (3, 90, 80)).astype(np.uint16)


def test_two_processes_give_what_one_gives(
    client: Any, tiny: Model, small_blocks: int, image: np.ndarray[Any, Any]
) -> None:
    client.run(forget_upscalers)
    chunked = da.from_array(image, (1, 16, 16))
    lazy = napari_vdsr.upscale(chunked, 2, model=tiny, device="cpu")
    alone = lazy.compute(scheduler="sync")
    together, seen = client.gather([client.compute(lazy), client.submit(os.getpid)])
    np.testing.assert_array_equal(together, alone)
    assert seen != os.getpid()
    # Both have worked, each with its own upscaler and the threads that are its.
    allowed = client.nthreads()
    for address, (made, threads) in client.run(_what_is_ready).items():
        assert (made, threads) == (1, allowed[address])


def _what_is_ready() -> tuple[int, int]:
    from napari_vdsr.inference.device import usable_threads

    return len(upscaler._kept), usable_threads()


def test_workers_in_this_process_do_not_limit_it(
    tiny: Model, small_blocks: int, image: np.ndarray[Any, Any]
) -> None:
    before = usable_threads(), torch.get_num_threads()
    lazy = napari_vdsr.upscale(da.from_array(image, (1, 45, 80)), model=tiny)
    with (
        distributed.LocalCluster(
            n_workers=1,
            threads_per_worker=1,
            processes=False,
            dashboard_address="127.0.0.1:0",
        ) as machine,
        distributed.Client(machine),
    ):
        lazy.compute()
    assert (usable_threads(), torch.get_num_threads()) == before


def test_the_model_is_not_sent_with_every_block(
    client: Any, tiny: Model, small_blocks: int, image: np.ndarray[Any, Any]
) -> None:
    client.run(count_arrivals)
    stack = da.from_array(image, (1, 8, 8))
    lazy = napari_vdsr.upscale(stack, 2, model=tiny, device="cpu", tile=64)
    assert lazy.npartitions > 300
    client.compute(lazy).result()
    # Once as a rule; again where dask moved the task that brings it.
    assert all(1 <= count < 10 for count in client.run(arrivals).values())
    weights = len(pickle.dumps(tiny))
    assert len(pickle.dumps(lazy.dask)) < 2 * weights + image.nbytes + 30_000


def last_one_waits(block: Any, go: Path, block_info: Any = None) -> Any:
    """Hold the last block back until a file is there."""
    last = [number - 1 for number in block_info[0]["num-chunks"]]
    while list(block_info[0]["chunk-location"]) == last and not go.exists():
        time.sleep(0.01)
    return block


def test_a_worker_that_dies_costs_only_its_blocks(
    client: Any,
    tiny: Model,
    small_blocks: int,
    image: np.ndarray[Any, Any],
    tmp_path: Path,
) -> None:
    chunked = da.from_array(image[:1], (1, 16, 16))
    alone = napari_vdsr.upscale(chunked, 3, model=tiny, device="cpu").compute(
        scheduler="sync"
    )
    go = tmp_path / "go"
    held = chunked.map_blocks(last_one_waits, go, meta=np.empty((0, 0, 0), np.uint16))
    pids = client.run(os.getpid)
    kept = client.persist(napari_vdsr.upscale(held, 3, model=tiny, device="cpu"))
    futures = distributed.futures_of(kept)
    while not any(future.done() for future in futures):
        time.sleep(0.01)
    os.kill(next(iter(pids.values())), signal.SIGKILL)
    assert not all(future.done() for future in futures)
    go.touch()
    np.testing.assert_array_equal(kept.compute(), alone)
    # It was started again, and only one of the two was.
    client.wait_for_workers(2, timeout=300)
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
    # Whether a device is there is for the workers to say, at the first block.
    lazy = napari_vdsr.upscale(da.zeros((9, 9)), 2, model=tiny, device="cuda:7")
    with pytest.raises(napari_vdsr.errors.InputError, match="device is 'cuda:7'"):
        lazy.compute()


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"device": "abacus"}, "^device is 'abacus': choose auto, cpu, cuda"),
        ({"device": "cuda:x"}, "^device is 'cuda:x'"),
        ({"precision": "int4"}, "^precision is 'int4': choose auto, float32"),
        ({"device": "cpu", "precision": "float16"}, "^precision float16 is not for"),
        ({"tile": -3}, "^tile is -3: give pixels"),
        ({"tile": "1 kB"}, "^tile is '1 kB'"),
        ({"tile": "0.01 MB"}, "^tile is '0.01 MB': this model needs at least"),
        ({"intensity_range": (1, 0)}, r"^intensity_range is \(1, 0\): give black"),
        ({"intensity_range": 5}, "^intensity_range is 5: give"),
        ({"intensity_range": (0, 1, 2)}, "^intensity_range is"),
    ],
)
def test_what_no_machine_could_do_is_refused_at_once_as_in_one_process(
    options: dict[str, Any], words: str, known: bool, request: pytest.FixtureRequest
) -> None:
    if known:
        request.getfixturevalue("client")
    model = Model(VDSR(depth=2, features=4, bias=True, first_padding="zeros"), "b")
    given = {"intensity_range": (0, 1), **options}
    with pytest.raises(napari_vdsr.errors.InputError, match=words):
        napari_vdsr.upscale(da.zeros((9, 9)), 2, model=model, **given)


def test_a_model_that_is_none_is_refused_at_once(client: Any) -> None:
    with pytest.raises(napari_vdsr.errors.ModelError, match="no-such-model"):
        napari_vdsr.upscale(da.zeros((9, 9)), 2, model="no-such-model")


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
