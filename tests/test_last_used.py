"""What is made once is kept, and a child process begins anew."""

import os
import threading
from typing import Any

import pytest

from napari_vdsr.last_used import LastUsed


def test_the_values_of_the_last_used_keys_are_kept() -> None:
    made: list[int] = []
    kept: LastUsed[int, int] = LastUsed(2)

    def make(key: int) -> int:
        made.append(key)
        return 10 * key

    def get(key: int) -> int:
        return kept.get(key, lambda: make(key))

    assert [get(key) for key in (1, 2, 1, 3, 1, 2)] == [10, 20, 10, 30, 10, 20]
    assert made == [1, 2, 3, 2]
    kept.forget()
    assert len(kept) == 0
    get(1)
    assert made == [1, 2, 3, 2, 1]


def test_what_is_not_to_be_kept_is_made_anew() -> None:
    kept: LastUsed[int, int] = LastUsed(2)
    numbers = iter((5, 6))
    for number in (5, 6):
        assert kept.get(1, lambda: next(numbers), keep=lambda: False) == number
    assert len(kept) == 0


class _WaitsInAChild:
    """Waits for ever when a child process frees it, as a network of OpenVINO does."""

    def __init__(self) -> None:
        self._process = os.getpid()

    def __del__(self) -> None:
        if os.getpid() != self._process:
            threading.Event().wait()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_process_neither_waits_for_its_parent_nor_frees_what_it_kept(
    child_code: Any,
) -> None:
    kept: LastUsed[int, object] = LastUsed(2)
    kept.get(1, _WaitsInAChild)
    code = child_code(
        lambda wait: kept.get(2, wait), lambda: int(kept.get(1, lambda: 7) == 7)
    )
    assert code == 1
