"""The script for GPUs runs on a CPU as well, with small images."""

import json
import sys
from pathlib import Path

import gpu
import pytest


def test_numbers_speed_and_training_are_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "figures.json"
    words = ["gpu.py", "--device", "cpu", "--small", "--json", str(path)]
    monkeypatch.setattr(sys, "argv", words)
    gpu.main()
    figures = json.loads(path.read_text())
    failed = {name for name, value in figures.items() if "failed" in str(value)}
    assert all("Triton" in name or "cuDNN" in name for name in failed), failed
    assert figures["of 3 runs, those that differ from the first"] == 0
    assert figures["two trainings of one seed end with the same bits"] is True
    assert "steps/s" in figures["trainer, patches drawn alike"]
    assert "MPix/s" in figures["host to host, 128 x 128, tile auto"]
