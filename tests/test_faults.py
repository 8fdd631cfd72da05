"""The faults of `benchmarks/faults.py` that need no processes of their own."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "faults.py"
QUICK = ("memory", "mutants", "weights")


@pytest.fixture(scope="module")
def faults() -> Any:
    spec = importlib.util.spec_from_file_location("faults", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_promise_that_can_be_tried_here_is_kept(faults: Any) -> None:
    names = [name for name in faults.FAULTS if name.startswith(QUICK)]
    assert len(names) == 7
    with faults.a_trial(seed=0, mutants=40) as trial:
        broken = [
            name + said for name, said, kept in faults.rows(names, 1, trial) if not kept
        ]
    assert not broken


def test_a_broken_promise_is_said(faults: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: object) -> str:
        raise AssertionError("an image was lost")

    monkeypatch.setitem(faults.FAULTS, "memory", fails)
    with faults.a_trial(seed=0, mutants=1) as trial:
        ((_, said, kept),) = faults.rows(["memory"], 1, trial)
    assert "**broken**" in said and "an image was lost" in said
    assert not kept
