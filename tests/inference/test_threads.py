"""Threads follow what the process may use."""

import os
from pathlib import Path

import pytest
import torch

from napari_vdsr.inference import device


def test_a_quota_limits_the_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quota = tmp_path / "cpu.max"
    monkeypatch.setattr(device, "_QUOTA", quota)
    cores = device.usable_threads()
    assert 1 <= cores <= (os.cpu_count() or 1)
    for text, expected in [("max 100000", cores), ("50000 100000", 1), ("", cores)]:
        quota.write_text(text)
        assert device.usable_threads() == expected


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="Linux only")
def test_the_processors_given_to_the_process_are_counted() -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert device.usable_threads() == 1
    finally:
        os.sched_setaffinity(0, before)


def test_workers_beside_one_another_share_the_cores() -> None:
    cores, before = device.usable_threads(), torch.get_num_threads()
    try:
        device.limit_threads(1)
        assert device.usable_threads() == torch.get_num_threads() == 1
        device.limit_threads(10_000)
        assert device.usable_threads() == torch.get_num_threads() == cores
    finally:
        device.limit_threads(None)
        torch.set_num_threads(before)
    assert device.usable_threads() == cores
