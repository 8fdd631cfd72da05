"""The script that says how fast training is."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest
import torch

from napari_vdsr.training import learner

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "train_speed.py"


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_training_is_compared_with_the_limit_of_the_precision_that_it_uses(
    precision: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = importlib.util.spec_from_file_location("train_speed", SCRIPT)
    assert spec is not None and spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    limit, kinds = script.matrix_limit, []

    def noted(device: torch.device, kind: torch.dtype) -> float:
        kinds.append(kind)
        return float(limit(device, kind))

    monkeypatch.setattr(script, "matrix_limit", noted)
    monkeypatch.setattr(learner, "computes_bfloat16", lambda: precision == "bfloat16")
    words = "throughput --device cpu --depth 2 --batch 1 --patch 16 --steps 1"
    monkeypatch.setattr(sys, "argv", ["train_speed.py", *words.split()])
    script.main()
    assert json.loads(capsys.readouterr().out)["precision"] == precision
    assert kinds == [getattr(torch, precision)]
