"""Keeping what takes long to make, for as long as it is used."""

import os
from collections import OrderedDict
from collections.abc import Callable
from threading import RLock
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class LastUsed(Generic[K, V]):
    """Makes the value of each key once; keeps those of the `most` last used keys.

    Several threads may use one: what one of them makes, others wait for.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._of_the_parent: list[object] = []
        self._values: OrderedDict[K, V] = OrderedDict()
        self._lock = RLock()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._after_fork)

    def get(
        self, key: K, make: Callable[[], V], keep: Callable[[], bool] = lambda: True
    ) -> V:
        """The value of a key; a new one is kept if `keep` says so once it is made."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
            value = make()
            if keep():
                self._values[key] = value
            if len(self._values) > self._most:
                self._values.popitem(last=False)
            return value

    def forget(self) -> None:
        """Let go of all values."""
        with self._lock:
            self._values.clear()

    def __len__(self) -> int:
        return len(self._values)

    def _after_fork(self) -> None:
        """Begin anew in a child process: another thread may have held the lock.

        What the parent kept is not freed: a network of OpenVINO would wait for threads
        that the child does not have.
        """
        self._lock = RLock()
        self._of_the_parent.append(self._values)
        self._values = OrderedDict()
