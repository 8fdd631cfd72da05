"""From the names that others give to layers to ours.

The order of the layers follows from the layout alone; that they fit together is
checked when the network is built.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple, TypeVar

from napari_vdsr.errors import ModelError

T = TypeVar("T")


class Layout(NamedTuple):
    """How a code base names its layers; ``#`` stands for a number."""

    first: str
    middle: str
    last: str


_LAYOUTS = (
    Layout("", "conv#", ""),
    Layout("", "#", ""),
    Layout("", "#.conv", ""),
    Layout("", "#.0", ""),
    Layout("", "layer#", ""),
    Layout("input", "residual_layer.#.conv", "output"),
    Layout("head", "body.#", "tail"),
    Layout("head.#", "body.#", "tail.#"),
    Layout("conv_first", "body.#", "conv_last"),
    Layout("conv1.0", "trunk.#.conv", "conv2"),
    Layout("features.#", "map.#", "reconstruction"),
)

_PARAMETER = re.compile(r"(?:(.+)\.)?(weight|bias)")


def renamed(state: Mapping[str, T]) -> dict[str, T]:
    """Name the layers ``conv0``, ``conv1`` and so on, in the order they run.

    Parameters
    ----------
    state : mapping of str to tensors
        Weights and biases by the names of another code base, with or without
        prefixes such as ``module.`` that all of them share.

    Returns
    -------
    dict of str to tensors
        The same tensors under ``conv0.weight``, ``conv0.bias`` and so on.

    Raises
    ------
    ModelError
        When the layout is not known; the message lists what was found.

    Examples
    --------
    >>> sorted(renamed({"module.body.0.weight": 1, "module.body.2.weight": 2}))
    ['conv0.weight', 'conv1.weight']
    """
    parts = {name: _PARAMETER.fullmatch(name) for name in state}
    layers = {match[1] for match in parts.values() if match and match[1]}
    order = _order(layers) if layers and all(parts.values()) else None
    if order is None:
        shown = ", ".join(sorted(name[:60] for name in state)[:8])
        more = f", … ({len(state)})" if len(state) > 8 else ""
        known = "; ".join(", ".join(filter(None, layout)) for layout in _LAYOUTS)
        raise ModelError(
            f"unknown layout of layers: {shown}{more}. "
            f"Known are, after any prefix that all layers share: {known}"
        )
    return {
        f"conv{order[match[1]]}.{match[2]}": state[name]
        for name, match in parts.items()
        if match
    }


def _order(layers: set[str]) -> dict[str, int] | None:
    """Place of each layer, if their names make up a known layout."""
    short = {name: name for name in layers}
    while True:
        for layout in _LAYOUTS:
            places = {name: _place(short[name], layout) for name in layers}
            if None not in places.values() and len(set(places.values())) == len(layers):
                ordered = sorted(layers, key=lambda name: places[name] or (0, 0))
                return {name: index for index, name in enumerate(ordered)}
        shared = {name.partition(".")[0] for name in short.values()}
        if len(shared) > 1 or not all("." in name for name in short.values()):
            return None
        short = {name: rest.partition(".")[2] for name, rest in short.items()}


def _place(name: str, layout: Layout) -> tuple[int, int] | None:
    for group, pattern in enumerate(layout):
        expression = re.escape(pattern).replace(r"\#", r"(\d{1,4})")
        match = re.fullmatch(expression, name)
        if pattern and match:
            return group, int(match[1]) if match.groups() else 0
    return None
