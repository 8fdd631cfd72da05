"""How large tiles are."""

import torch

from napari_vdsr.errors import InputError
from napari_vdsr.inference.device import free_memory
from napari_vdsr.network import ConvStack
from napari_vdsr.options import budget, checked_tile

SMALLEST_TILE = 32
"""Tiles are not made smaller than this to save memory: the halo would be most of it."""

# The larger, the fewer pixels around them are computed twice. Cancel takes effect
# between tiles, which take longer on the CPU.
_LARGEST = {"cpu": 512, "cuda": 2048}
_LARGEST_ELSEWHERE = 1024
_BUDGET = 800e6  # wide networks get smaller tiles, so that a gigabyte is enough
_LARGE_SHARE = 1 / 16  # of the free memory, where that is more
_MOST = 0.8  # of the free memory, where that is less


def bytes_per_pixel(
    network: ConvStack, precision: torch.dtype, *, first_in_float32: bool = True
) -> int:
    """Memory in use at a network's widest layer, per pixel of a window.

    A layer's input and output are of this precision; what the first layer makes may be
    in float32 beside them.
    """
    widest = max(layer.out_channels for layer in network.layers)
    return int(widest * (2 * precision.itemsize + 4 * first_in_float32))


def tile_edge(tile: int | str, per_pixel: int, halo: int, device: torch.device) -> int:
    """Output pixels per edge of a tile: given in pixels, as "500 MB" or as "auto".

    `per_pixel` are the bytes that a pixel of a window takes; `halo` pixels around a
    tile are computed as well.
    """
    tile = checked_tile(tile)
    if tile == "auto":
        free, memory = free_memory(device), _BUDGET
        if free is not None:
            memory = min(max(memory, free * _LARGE_SHARE), free * _MOST)
        largest = _LARGEST.get(device.type, _LARGEST_ELSEWHERE)
        fits = _edge_within(memory, per_pixel, halo)
        return max(SMALLEST_TILE, min(largest, fits))
    if isinstance(tile, int):
        return tile
    edge = _edge_within(budget(tile), per_pixel, halo)
    if edge < SMALLEST_TILE:
        least = (SMALLEST_TILE + 2 * halo) ** 2 * per_pixel / 1e6
        raise InputError(f"tile is {tile!r}: this model needs at least {least:.0f} MB")
    return edge


def _edge_within(memory: float, per_pixel: int, halo: int) -> int:
    """The largest tile whose window fits into so many bytes."""
    return int((memory / per_pixel) ** 0.5) - 2 * halo
