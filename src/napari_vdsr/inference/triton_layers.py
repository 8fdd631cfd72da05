"""First and last layer as kernels for Triton, in one pass over memory each.

The plain way writes the first layer's features in float32, reads them, writes them in
half precision, and reads and writes them once more for ReLU. Imported only on CUDA,
where Triton is installed.
"""

from collections.abc import Callable
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

_PIXELS = 64  # of a program of the first layer
_ROWS, _COLUMNS = 4, 16  # of a program of the last layer
_OPTIONS: dict[str, Any] = {"num_warps": 4, "enable_fp_fusion": True}
# One kernel for windows of all sizes, so that the one that was tried is the one in use.
_SIZES = ["height", "width"]


@triton.jit(do_not_specialize=_SIZES)
def _first(
    image,
    weights,
    biases,
    features,
    height,
    width,
    REPLICATE: tl.constexpr,
    PIXELS: tl.constexpr,
    CHANNELS: tl.constexpr,
):
    """1 to CHANNELS features in float32, ReLU, rounded once on the way out.

    `weights` are (9, CHANNELS), `features` (height, width, CHANNELS).
    """
    pixel = tl.program_id(0).to(tl.int64) * PIXELS + tl.arange(0, PIXELS)
    y, x = pixel // width, pixel % width
    channel = tl.arange(0, CHANNELS)
    total = tl.zeros((PIXELS, CHANNELS), tl.float32) + tl.load(biases + channel)[None]
    for tap in tl.static_range(9):
        row, column = y + tap // 3 - 1, x + tap % 3 - 1
        inside = pixel < height * width
        if REPLICATE:
            row = tl.minimum(tl.maximum(row, 0), height - 1)
            column = tl.minimum(tl.maximum(column, 0), width - 1)
        else:
            inside &= (row >= 0) & (row < height) & (column >= 0) & (column < width)
        value = tl.load(image + row * width + column, mask=inside, other=0.0)
        weight = tl.load(weights + tap * CHANNELS + channel)
        total += value[:, None] * weight[None, :]
    tl.store(
        features + pixel[:, None] * CHANNELS + channel[None, :],
        tl.maximum(total, 0.0).to(features.dtype.element_ty),
        mask=(pixel < height * width)[:, None],
    )


@triton.jit(do_not_specialize=_SIZES)
def _last(
    features,
    weights,
    bias,
    residual,
    height,
    width,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    CHANNELS: tl.constexpr,
):
    """CHANNELS features to 1, summed in float32; zeros beyond the border.

    `features` are (height, width, CHANNELS), `weights` (9, CHANNELS).
    """
    blocks = tl.cdiv(width, COLUMNS)
    place = tl.arange(0, ROWS * COLUMNS)
    y = (tl.program_id(0) // blocks) * ROWS + place // COLUMNS
    x = (tl.program_id(0) % blocks) * COLUMNS + place % COLUMNS
    channel = tl.arange(0, CHANNELS)
    total = tl.zeros((ROWS * COLUMNS, CHANNELS), tl.float32)
    for tap in tl.static_range(9):
        row, column = y + tap // 3 - 1, x + tap % 3 - 1
        inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        pixel = row.to(tl.int64) * width + column
        value = tl.load(
            features + pixel[:, None] * CHANNELS + channel[None, :],
            mask=inside[:, None],
            other=0.0,
        )
        weight = tl.load(weights + tap * CHANNELS + channel)
        total += value.to(tl.float32) * weight[None, :].to(tl.float32)
    tl.store(
        residual + y.to(tl.int64) * width + x,
        tl.sum(total, 1) + tl.load(bias),
        mask=(y < height) & (x < width),
    )


def first_layer(
    weight: Tensor, bias: Tensor, replicate: bool, precision: torch.dtype
) -> Callable[[Tensor], Tensor]:
    """The first layer, of weights (C, 1, 3, 3), with ReLU."""
    channels = _channels(weight.shape[0], tuple(weight.shape[1:]), (1, 3, 3))
    taps, bias = weight.detach().reshape(channels, 9).T.contiguous(), bias.float()

    def form(x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        y = x.new_empty(1, height, width, channels, dtype=precision)
        programs = (triton.cdiv(height * width, _PIXELS),)
        with torch.cuda.device_of(x):
            _first[programs](
                *(x.contiguous(), taps, bias, y, height, width),
                *(replicate, _PIXELS, channels),
                **_OPTIONS,
            )
        return y.permute(0, 3, 1, 2)

    return form


def last_layer(weight: Tensor, bias: Tensor) -> Callable[[Tensor], Tensor]:
    """The last layer, of weights (1, C, 3, 3)."""
    channels = _channels(weight.shape[1], weight[:, 0].shape, (1, 3, 3))
    taps = weight.detach().permute(0, 2, 3, 1).reshape(9, channels).contiguous()
    bias = bias.float()

    def form(x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        residual = x.new_empty(1, 1, height, width, dtype=torch.float32)
        features = x.permute(0, 2, 3, 1).contiguous()
        programs = (triton.cdiv(height, _ROWS) * triton.cdiv(width, _COLUMNS),)
        with torch.cuda.device_of(x):
            _last[programs](
                *(features, taps, bias, residual, height, width),
                *(_ROWS, _COLUMNS, channels),
                **_OPTIONS,
            )
        return residual

    return form


def _channels(count: int, others: tuple[int, ...], expected: tuple[int, ...]) -> int:
    """Channels that the kernels serve: powers of two, as blocks of Triton are."""
    if count & (count - 1) or others != expected:
        raise NotImplementedError(f"{count} channels and filters of {others}")
    return count
