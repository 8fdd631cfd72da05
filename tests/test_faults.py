"""The faults of `benchmarks/faults.py` that need no processes of their own."""

import faults
import pytest

QUICK = ("memory", "mutants", "weights")


def test_every_promise_that_can_be_tried_here_is_kept() -> None:
    names = [name for name in faults.FAULTS if name.startswith(QUICK)]
    assert len(names) == 7
    with faults.a_trial(seed=0, mutants=40) as trial:
        broken = [
            name + said for name, said, kept in faults.rows(names, 1, trial) if not kept
        ]
    assert not broken


def test_a_broken_promise_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: object) -> str:
        raise AssertionError("an image was lost")

    monkeypatch.setitem(faults.FAULTS, "memory", fails)
    with faults.a_trial(seed=0, mutants=1) as trial:
        ((_, said, kept),) = faults.rows(["memory"], 1, trial)
    assert "**broken**" in said and "an image was lost" in said
    assert not kept
