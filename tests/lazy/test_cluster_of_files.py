"""Chunks as tasks of real worker processes on this machine."""

import json
import os
import signal
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from streaming_helpers import (
    arrivals,
    as_if_stopped,
    count_arrivals,
    files_of,
    noise,
    plain_zarr,
    stream,
    tiny_model,
    tiny_network,
)

from napari_vdsr.errors import FileError, InputError, VdsrError
from napari_vdsr.files import open_image
from napari_vdsr.files.ome_zarr_writer import part_of
from napari_vdsr.files.opening import OpenImage
from napari_vdsr.lazy.cluster import Cluster, connected
from napari_vdsr.options import RunOptions
from napari_vdsr.zoo import Model


@pytest.fixture(scope="module")
def model() -> Model:
    return tiny_model()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give four planes of six chunks, as floats so that no bit is rounded away."""
    folder = tmp_path_factory.mktemp("source")
    return plain_zarr(folder / "in.zarr", noise((4, 380, 550), "float32"), names="zyx")


@pytest.fixture(scope="module")
def alone(source: Path, model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the result of one process."""
    target = tmp_path_factory.mktemp("alone") / "out.zarr"
    stream(source, target, model, axes="ZYX")
    return target


def test_two_processes_make_what_one_makes(
    cluster: Cluster, source: Path, alone: Path, model: Model, tmp_path: Path
) -> None:
    target = tmp_path / "out.zarr"
    counts = stream(source, target, model, axes="ZYX", cluster=cluster)
    assert counts.missing == 4 * (6 + 2 + 1)
    assert files_of(target) == files_of(alone)
    workers = cluster._client.run(lambda: os.getpid())
    assert len(set(workers.values())) == 2


def test_the_weights_are_not_sent_with_every_chunk(
    cluster: Cluster, source: Path, tmp_path: Path
) -> None:
    cluster._client.run(count_arrivals)
    other = Model(tiny_network(4), "other")  # that no worker has seen
    for number in range(2):
        target = tmp_path / f"{number}.zarr"
        stream(source, target, other, axes="ZYX", cluster=cluster)
    # With 72 chunks. Once as a rule; again where dask moved the task that brings them,
    # or dropped a copy when hardly a chunk of a level was left. Where chunks are quick,
    # dask may give all of them to one worker.
    counts = cluster._client.run(arrivals).values()
    assert 1 <= max(counts) < 10


def test_workers_go_on_where_another_run_ended_and_mend_what_is_damaged(
    cluster: Cluster, source: Path, alone: Path, model: Model, tmp_path: Path
) -> None:
    target = tmp_path / "out.zarr"
    stream(source, target, model, axes="ZYX")
    as_if_stopped(target)
    chunk = part_of(target) / "0" / "c" / "2" / "1" / "0"
    chunk.write_bytes(chunk.read_bytes()[:-3])
    (part_of(target) / "1" / "c" / "0" / "0" / "0").unlink()
    counts = stream(source, target, model, axes="ZYX", cluster=cluster)
    assert (counts.missing, counts.damaged) == (1, 1)
    assert files_of(target) == files_of(alone)


def test_an_error_in_a_worker_is_the_users_error(
    cluster: Cluster, model: Model, tmp_path: Path
) -> None:
    image = noise((300, 300), "float32")
    image[5, 5] = np.inf
    source = plain_zarr(tmp_path / "in.zarr", image)
    before = failures(cluster)
    with pytest.raises(InputError, match="infinite"):
        stream(source, tmp_path / "out.zarr", model, axes="YX", cluster=cluster)
    assert not (tmp_path / "out.zarr").exists()
    assert failures(cluster) == before


def failures(cluster: Cluster) -> int:
    """How many tasks that failed workers have logged, with tracebacks."""
    logs = cluster._client.get_worker_logs().values()
    return sum("Compute Failed" in line for log in logs for _, line in log)


def test_workers_are_asked_before_any_work(cluster: Cluster, model: Model) -> None:
    before = failures(cluster)
    options = RunOptions(model, device="cpu")
    agreed = cluster.agree_on_precision(options, Path(__file__))
    assert agreed == replace(options, precision="float32")
    with pytest.raises(FileError, match=r"does not see /nowhere.*share"):
        cluster.agree_on_precision(options, Path("/nowhere"))
    with pytest.raises(InputError, match=r"worker tcp://.*: device is 'cuda:9'"):
        cluster.agree_on_precision(replace(options, device="cuda:9"))
    assert failures(cluster) == before


def test_the_command_works_on_a_cluster_by_its_address(
    cluster: Cluster,
    source: Path,
    alone: Path,
    model: Model,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from napari_vdsr.cli import main

    model.save(tmp_path / "tiny.safetensors")
    target = tmp_path / "out.zarr"
    address = cluster._client.scheduler.address
    command = ["upscale", source, target, "--scheduler", address, "--json"]
    command += ["--model", tmp_path / "tiny.safetensors", "--device", "cpu"]
    assert main([str(word) for word in command]) == 0
    (result,) = json.loads(capsys.readouterr().out)["results"]
    assert result["chunks"] == {"found": 0, "remade": 0, "made": 4 * (6 + 2 + 1)}
    assert result["precision"] == "float32"
    np.testing.assert_array_equal(
        zarr.open_array(str(target / "0"), mode="r")[...],
        zarr.open_array(str(alone / "0"), mode="r")[...],
    )
    command[2] = tmp_path / "b.tif"
    assert main([str(word) for word in command]) == 2
    assert "workers write OME-Zarr only" in capsys.readouterr().err
    command[2], command[-1] = tmp_path / "b.zarr", "cuda:7"
    assert main([str(word) for word in command]) == 2
    said = capsys.readouterr().err
    assert "device is 'cuda:7': this machine has auto" in said
    assert "Traceback" not in said


def test_an_address_without_a_scheduler_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from napari_vdsr.lazy import cluster as module

    monkeypatch.setattr(module, "_PATIENCE", 1)
    with pytest.raises(
        VdsrError, match=r"no scheduler answers at tcp://127\.0\.0\.1:9"
    ):
        with connected("tcp://127.0.0.1:9"):
            pass
    with pytest.raises(VdsrError, match="no scheduler answers at nonsense"):
        with connected("nonsense://x"):
            pass


def open_and_die_once(source: Path, mark: Path) -> OpenImage:
    """Open an image which kills the first process that reads its third plane."""
    image = open_image(source)
    real = image.pixels

    class Deadly:
        shape, dtype = real.shape, real.dtype

        def __getitem__(self, key: Any) -> Any:
            if key[0] == 2 and not mark.exists():
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return real[key]

    return OpenImage(image.picture, Deadly(), image.identity, image.read, image.close)


def test_a_worker_that_dies_half_way_costs_only_its_chunks(
    cluster: Cluster, source: Path, alone: Path, model: Model, tmp_path: Path
) -> None:
    target, mark = tmp_path / "out.zarr", tmp_path / "killed"
    before = set(cluster._client.run(lambda: os.getpid()).values())
    counts = stream(
        source,
        target,
        model,
        axes="ZYX",
        cluster=cluster,
        opener=partial(open_and_die_once, source, mark),
    )
    assert mark.exists()
    cluster._client.wait_for_workers(2, timeout=300)
    after = set(cluster._client.run(lambda: os.getpid()).values())
    assert len(before - after) == 1, "one of the workers was killed"
    # Done again is at most what the dead one held and had not told.
    assert counts.missing + counts.good == 4 * (6 + 2 + 1)
    assert counts.damaged == 0
    assert files_of(target) == files_of(alone)
    assert zarr.open_array(str(target / "0")).shape == (4, 760, 1100)


@pytest.mark.parametrize("address", ["", "10.0.0.1", "tcp://10.0.0.1", "foo://a:1"])
def test_what_can_be_no_address_is_refused_at_once(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("distributed.Client", lambda *_, **__: pytest.fail("asked"))
    with (
        pytest.raises(VdsrError, match="no scheduler answers at"),
        connected(address),
    ):
        pass


def test_nobody_waits_for_ever_for_workers_or_a_scheduler_that_are_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from distributed import Client, LocalCluster

    from napari_vdsr.lazy import cluster as module

    monkeypatch.setattr(module, "_PATIENCE", 0.5)
    machine = LocalCluster(
        n_workers=1,
        processes=False,
        dashboard_address="127.0.0.1:0",
        silence_logs="CRITICAL",
    )
    with machine, Client(machine, set_as_default=False) as client:
        cluster = Cluster(client)
        waiting = [client.submit(time.sleep, 0.01)]
        assert [future for future, _ in cluster._finished(waiting)] == waiting
        machine.scale(0)
        machine.sync(machine._correct_state)
        with pytest.raises(VdsrError, match="has no workers any more"):
            list(cluster._finished([client.submit(time.sleep, 0.02)]))
        monkeypatch.setattr(client, "scheduler", None)
        client.scheduler = type("Gone", (), {"address": "tcp://a:1", "identity": None})
        with pytest.raises(VdsrError, match="the scheduler tcp://a:1 is gone"):
            cluster._check_alive()
        monkeypatch.undo()
