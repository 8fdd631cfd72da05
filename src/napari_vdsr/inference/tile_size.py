"""How large tiles are."""

import torch

from napari_vdsr.errors import InputError
from napari_vdsr.inference.device import free_memory
from napari_vdsr.options import budget, checked_tile

SMALLEST_TILE = 32
"""Tiles are not made smaller than this to save memory: the halo would be most of it."""

# Cancel takes effect between tiles, which take longer on the CPU.
_AUTO = {"cpu": 512}
_AUTO_ELSEWHERE = 1024
_SHARE = 0.8  # of the free memory
_AUTO_BUDGET = 800e6  # wide networks get smaller tiles, so that a gigabyte is enough


def tile_edge(
    tile: int | str, bytes_per_pixel: int, halo: int, device: torch.device
) -> int:
    """Output pixels per edge of a tile: given in pixels, as "500 MB" or as "auto".

    `bytes_per_pixel` is what a pixel of a window takes; `halo` pixels around a tile are
    computed as well.
    """
    tile = checked_tile(tile)
    if tile == "auto":
        edge = _AUTO.get(device.type, _AUTO_ELSEWHERE)
        free = free_memory(device)
        memory = _AUTO_BUDGET if free is None else min(_AUTO_BUDGET, free * _SHARE)
        fits = _edge_within(memory, bytes_per_pixel, halo)
        return max(SMALLEST_TILE, min(edge, fits))
    if isinstance(tile, int):
        return tile
    edge = _edge_within(budget(tile), bytes_per_pixel, halo)
    if edge < SMALLEST_TILE:
        least = (SMALLEST_TILE + 2 * halo) ** 2 * bytes_per_pixel / 1e6
        raise InputError(f"tile is {tile!r}: this model needs at least {least:.0f} MB")
    return edge


def _edge_within(memory: float, bytes_per_pixel: int, halo: int) -> int:
    """The largest tile whose window fits into so many bytes."""
    return int((memory / bytes_per_pixel) ** 0.5) - 2 * halo
