"""From the names that others give to layers to ours.

Names differ from one code base to the next, so the order is read off their numbers and
off the shapes; that the layers fit together is checked when the network is built.
"""

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from napari_vdsr.errors import ModelError

_PARAMETER = re.compile(r"(?:(.+)\.)?(weight|bias)")
_MOST_TENSORS = 1_000
_LONGEST_NAME = 200
_CHANNELS = (1, 3)  # of an image


def is_counter(name: str, shape: tuple[int, ...]) -> bool:
    """Whether a tensor is no weight, but counts steps or updates of a mean."""
    return not shape or (shape == (1,) and not name.endswith(("weight", "bias")))


def renamed(state: Mapping[str, Any]) -> dict[str, Any]:
    """Name the layers ``conv0``, ``conv1`` and so on, in the order in which they run.

    Examples
    --------
    >>> import numpy as np
    >>> first, last = np.zeros((8, 1, 3, 3)), np.zeros((1, 8, 3, 3))
    >>> sorted(renamed({"module.out.weight": last, "module.in.weight": first}))
    ['conv0.weight', 'conv1.weight']
    """
    if len(state) > _MOST_TENSORS or max(map(len, state), default=0) > _LONGEST_NAME:
        raise ModelError(f"{len(state)} tensors are not those of a VDSR or an SRCNN")
    state = {
        name: values
        for name, values in state.items()
        if not is_counter(name, tuple(values.shape))
    }
    parts = {name: _PARAMETER.fullmatch(name) for name in state}
    shapes = {
        match[1]: tuple(state[name].shape)
        for name, match in parts.items()
        if match and match[1] and match[2] == "weight"
    }
    places = {layer: place for place, layer in enumerate(_order(shapes) or ())}
    new = {
        name: f"conv{places[match[1]]}.{match[2]}"
        for name, match in parts.items()
        if match and match[1] in places
    }
    if not new or len(new) < len(state):
        shown = ", ".join(sorted(state)[:8])
        more = f", … ({len(state)})" if len(state) > 8 else ""
        raise ModelError(
            f"unknown layout of layers: {shown}{more}. Expected the weights and biases "
            "of convolutions that run one after another, numbered in that order; the "
            "first and the last may have names of their own"
        )
    return {new[name]: values for name, values in state.items()}


def _order(shapes: Mapping[str, tuple[int, ...]]) -> list[str] | None:
    """Names of the layers in the order in which they run, None if that is unclear."""
    if any(len(shape) != 4 for shape in shapes.values()):
        return None
    numbered = _numbered(list(shapes))
    if numbered is not None:
        return numbered
    first = [name for name, shape in shapes.items() if shape[1] in _CHANNELS]
    last = [name for name, shape in shapes.items() if shape[0] in _CHANNELS]
    if len(first) != 1 or len(last) != 1 or first == last:
        return None
    middle = _numbered([name for name in shapes if name not in (*first, *last)])
    return None if middle is None else [*first, *middle, *last]


def _numbered(names: list[str]) -> list[str] | None:
    """Names in the order of their numbers, if they differ in nothing else.

    Where a name has several numbers, each is the same in all or grows in all.
    """
    numbers = {name: tuple(map(int, re.findall(r"\d{1,4}", name))) for name in names}
    if len({re.sub(r"\d{1,4}", "#", name) for name in names}) > 1:
        return None
    ordered = sorted(names, key=numbers.__getitem__)
    for column in zip(*(numbers[name] for name in ordered), strict=True):
        grows = all(one < other for one, other in pairwise(column))
        if len(set(column)) > 1 and not grows:
            return None
    unique = len(set(numbers.values())) == len(names)
    return ordered if unique else None
