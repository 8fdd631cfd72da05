"""The script that says how fast training is."""

import json
import sys

import pytest
import torch
import train_speed as script

from napari_vdsr.training import learner


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_training_is_compared_with_the_limit_of_the_precision_that_it_uses(
    precision: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
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
