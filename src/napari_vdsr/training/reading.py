"""The images of a training, read piece by piece: a set may be larger than memory."""

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise, product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import InputError
from napari_vdsr.images import stack as stacks
from napari_vdsr.images.find import NamedImage, opened
from napari_vdsr.images.stack import Stack
from napari_vdsr.training.config import TrainingConfig
from napari_vdsr.training.pairs import joined
from napari_vdsr.training.planes import Least, Plane, normalised

MEMORY = 2e9
"""Bytes of pixels held at a time, by default."""

BLOCK = 1024
"""Pixels per edge that a window of a large plane has at least."""

_PARTS = 8  # a piece is at most 1 / 8 of the memory
_FLOAT = 4  # bytes
_MOST_HELD = 16  # images held out; more would add little
_HELD = 0.25  # of a single image

Piece = Callable[[], Plane]
"""Reads and prepares a plane, or a window of one; raises `VdsrError` if it cannot."""


@dataclass(frozen=True, eq=False)
class TrainingImage:
    """One image, or a registered pair of them."""

    image: NamedImage
    high: NamedImage | None = None  # of a pair: the same field at high resolution
    strip: tuple[float, float] = (0.0, 1.0)  # the part that is used of its longer side

    @property
    def name(self) -> str:
        """For messages."""
        return self.image.name

    @property
    def in_file(self) -> bool:
        """Whether it has still to be read, so that it may be damaged."""
        return self.image.in_file or (self.high is not None and self.high.in_file)


def split(
    images: list[TrainingImage], share: float, seed: int
) -> tuple[list[TrainingImage], list[TrainingImage]]:
    """Split images into those to train on and those to hold out.

    Unless `share` is 0, 1 to 16 images are held out, as a whole; of a single image, a
    quarter. The seed decides which.
    """
    if share == 0:
        return images, []
    if len(images) == 1:
        rest, held = (0.0, 1 - _HELD), (1 - _HELD, 1.0)
        return [replace(images[0], strip=rest)], [replace(images[0], strip=held)]
    count = min(max(1, round(share * len(images))), _MOST_HELD, len(images) - 1)
    order = np.random.default_rng(seed).permutation(len(images))
    held_out = set(order[:count].tolist())
    rest_of_them = [each for at, each in enumerate(images) if at not in held_out]
    return rest_of_them, [images[at] for at in sorted(held_out)]


class Pieces(NamedTuple):
    """The pieces of an image, and what is said about its files."""

    pieces: list[Piece]
    remarks: tuple[str, ...]


@contextmanager
def pieces_of(
    image: TrainingImage,
    config: TrainingConfig,
    least: Least,
    rgb: bool | None,
    memory: float,
) -> Iterator[Pieces]:
    """Open an image and list its pieces: planes, or windows of those too large.

    Raises VdsrError when it cannot be opened.
    """
    with ExitStack() as files:
        if image.high is not None:
            low, high = (
                files.enter_context(opened(each.image, each.name, rgb, warn=False))
                for each in (image.image, image.high)
            )
            yield Pieces(_pairs(low, high, config, least), low.remarks + high.remarks)
            return
        kept = min(stacks.KEPT, memory / _PARTS)
        stack = files.enter_context(
            opened(image.image.image, image.name, rgb, kept=kept, warn=False)
        )
        remarks = stack.remarks
        if image.strip != (0, 1):
            stack = _strip(stack, *image.strip)
        pixels = int(memory / _PARTS / _FLOAT / (3 if stack.rgb else 1))
        windows = product(np.ndindex(stack.stack), _windows(stack.plane_shape, pixels))
        yield Pieces(
            [
                partial(_single, stack, *place, config=config, least=least)
                for place in windows
            ],
            remarks,
        )


def _strip(stack: Stack, start: float, stop: float) -> Stack:
    """A strip of an image, across its longer side."""
    y, x = stack.plane_shape
    size = max(y, x)
    first = math.floor(size * start)
    part = slice(first, max(first + 1, math.floor(size * stop)))
    full = slice(0, min(y, x))
    return stack.cropped(part, full) if y > x else stack.cropped(full, part)


def _windows(shape: tuple[int, int], most: int) -> list[tuple[slice, slice]]:
    """Cut a plane into windows of about `most` pixels, if it has more."""
    height, width = rows, columns = shape
    if height * width > most:
        columns = max(BLOCK, most // BLOCK)
        rows = max(BLOCK, most // min(width, columns))
    return list(product(_ranges(height, rows), _ranges(width, columns)))


def _ranges(size: int, block: int) -> list[slice]:
    """Cut an axis into about equal blocks."""
    count = -(-size // block)
    edges = [size * index // count for index in range(count + 1)]
    return [slice(*pair) for pair in pairwise(edges)]


def _single(
    stack: Stack,
    index: tuple[int, ...],
    window: tuple[slice, slice],
    *,
    config: TrainingConfig,
    least: Least,
) -> Plane:
    plane = colours_first(stack.window(index, *window), stack.rgb)
    return normalised(plane, config.channels, least)


def _pairs(
    low: Stack, high: Stack, config: TrainingConfig, least: Least
) -> list[Piece]:
    if math.prod(low.stack) != math.prod(high.stack):
        raise InputError(
            f"{low.name} has {math.prod(low.stack)} planes of low and "
            f"{math.prod(high.stack)} of high resolution: give as many of each"
        )

    def read(one: tuple[int, ...], other: tuple[int, ...]) -> Plane:
        source = colours_first(low[one], low.rgb)
        truth = colours_first(high[other], high.rgb)
        return joined(source, truth, config.channels, least, config.kernel)

    places = zip(np.ndindex(low.stack), np.ndindex(high.stack), strict=True)
    return [partial(read, *place) for place in places]


def colours_first(plane: NDArray[Any], rgb: bool) -> NDArray[Any]:
    """A plane (Y, X[, 3]) in the shape (1 or 3, Y, X)."""
    return np.moveaxis(plane, -1, 0) if rgb else plane[None]
