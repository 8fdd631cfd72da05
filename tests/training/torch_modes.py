"""What a device would do otherwise than the CPU, seen on the CPU."""

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Journal(TorchDispatchMode):
    """Notes operations of some names, such as those that the host would wait for."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        self._names = names
        self.noted: list[str] = []

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        name = str(function).split(".")[1]
        if name in self._names:
            self.noted.append(name)
        return function(*args, **(kwargs or {}))


class NoFloat64(TorchDispatchMode):
    """Refuses float64 where devices do not know it."""

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        result = function(*args, **(kwargs or {}))
        for each in tree_leaves(result):
            if isinstance(each, Tensor) and each.device.type in ("mps", "xpu"):
                assert each.dtype is not torch.float64, function
        return result
