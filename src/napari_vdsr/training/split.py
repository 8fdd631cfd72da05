"""Holding images out, to score a network on images it was not trained on."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.training.pieces import Piece
from napari_vdsr.training.sources import Source

_MOST = 16  # images held out; more would add little
_PART = 0.25  # of a single image


def split(
    sources: list[Source], share: float, seed: int
) -> tuple[list[Source], list[Source]]:
    """Split images into those to train on and those to hold out.

    Unless `share` is 0, 1 to 16 images are held out, as a whole; of a single image, a
    quarter. The seed decides which.
    """
    if share == 0:
        return sources, []
    if len(sources) == 1:
        return [_cut(sources[0], 0, 1 - _PART)], [_cut(sources[0], 1 - _PART, 1)]
    count = min(max(1, round(share * len(sources))), _MOST, len(sources) - 1)
    order = np.random.default_rng(seed).permutation(len(sources))
    held = set(order[:count].tolist())
    rest = [source for index, source in enumerate(sources) if index not in held]
    return rest, [sources[index] for index in sorted(held)]


def _cut(source: Source, start: float, stop: float) -> Source:
    """A strip of an image, across its longer side."""

    def cut(piece: Piece) -> Piece:
        def read() -> Iterator[NDArray[Any]]:
            for plane in piece():
                axis = 1 if plane.shape[1] > plane.shape[2] else 2
                size = plane.shape[axis]
                part = slice(math.floor(size * start), math.floor(size * stop))
                yield plane[:, part] if axis == 1 else plane[:, :, part]

        return read

    return Source(source.name, lambda: tuple(cut(piece) for piece in source.plan()))
