"""Running the convolutions with torch, on any device that does it right.

Each layer is a function: the plain one, or on a GPU one that may be faster. That is
tried when an engine is made, and taken if it gives on random pixels what the plain one
gives. Whatever fails is left out: cuDNN may have no kernel for a layer, and Triton no
compiler.
"""

import ctypes
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import deepcopy
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_vdsr.errors import VdsrError
from napari_vdsr.inference.device import (
    bytes_per_pixel,
    is_out_of_memory,
    memory_errors,
)
from napari_vdsr.inference.shield import shielded
from napari_vdsr.network import VDSR, ConvStack

Form = Callable[[Tensor], Tensor]

_CHANNELS = 8  # with fewer, cuDNN leaves the tensor cores unused
_HEADROOM = 16  # times what features reach on noise, as few images are louder
# Of the residual, root mean square. Where they work, they stay near 0.003, 0.02, 1e-6;
# devices that multiply in TF32 whatever they are told keep the digits of float16.
_TOLERATED = {torch.float16: 0.02, torch.bfloat16: 0.1, torch.float32: 0.02}
_PARTS = 3  # of half precision that make up a number of float32


class TorchEngine:
    """A copy of a network, prepared for one device and one precision.

    The first layer runs in float32: its filters sum to zero only together, which half
    precision of a bright image would spoil. Everything after it runs in `precision`,
    channels last.
    """

    @shielded()
    def __init__(
        self, network: ConvStack, device: torch.device, precision: torch.dtype
    ) -> None:
        self.device, self.precision = device, precision
        self.channels = network.channels
        self._network = deepcopy(network).to(device)
        first, *hidden, last = self._network.layers
        for layer in (*hidden, last):
            layer.to(precision)
            layer.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        plain = [first_layer(first, precision), *map(hidden_layer, hidden)]
        fast = has_fast_forms(device)
        # cuDNN's fused ReLU may make 0 of what overflowed, which nobody would notice.
        fuse = fast and _stays_small(plain, _random(first) * 2 - 1, precision)
        fast_first = fast_first_layer(first, precision) if fast else None
        self._first = fast_first or plain[0]
        self._hidden = [
            (fuse and fast_hidden_layer(layer)) or form
            for layer, form in zip(hidden, plain[1:], strict=True)
        ]
        self._last = (fast and fast_last_layer(last)) or last_layer(last)
        self.bytes_per_pixel = bytes_per_pixel(
            network, precision, first_in_float32=fast_first is None
        )

    @shielded()
    def residual(self, x: Tensor) -> Tensor:
        """What the network adds to an enlarged image; see `Engine.residual`."""
        y = self._first(x)
        for layer in self._hidden:
            y = layer(y)
        return self._network.residual_from(self._last(y), x)


@cache
def fault(device: torch.device, precision: torch.dtype) -> str | None:
    """What is wrong with how a device computes in a precision; asked once.

    Of a memory that is full, a VdsrError is raised, which is not remembered.
    """
    with memory_errors(device, "even for a small network", "close other programs"):
        try:
            error = relative_error(device, precision)
        except RuntimeError as failure:  # as of a driver that is too old
            if is_out_of_memory(failure):
                raise
            return str(failure).partition("\n")[0] or type(failure).__name__
    return None if error < _TOLERATED[precision] else "its results are wrong"


def fault_now(device: torch.device) -> str | None:
    """What keeps a device from computing in float32 now, a full memory included.

    The CPU is what others are compared with.
    """
    if device.type == "cpu":
        return None
    try:
        return fault(device, torch.float32)
    except VdsrError as error:
        return str(error)


@shielded()
def relative_error(device: torch.device, precision: torch.dtype) -> float:
    """How far a precision is from float32 on a small patch.

    Root mean square of the difference, relative to that of the residual; NaN when the
    result is not finite. Some devices give black or NaN in float16.
    """
    network, x, expected = _trial()
    actual = TorchEngine(network, device, precision).residual(x.to(device)).cpu()
    error = (actual - expected).square().mean().sqrt()
    return float(error / expected.square().mean().sqrt())


@cache
def _trial() -> tuple[VDSR, Tensor, Tensor]:
    """A network, a small patch, and the residual that the CPU makes of it."""
    generator = torch.Generator().manual_seed(20)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(20)
        network = VDSR(depth=20).requires_grad_(False)
    x = torch.rand(1, 1, 64, 64, generator=generator) - 0.5
    exact = TorchEngine(network, torch.device("cpu"), torch.float32)
    return network, x, exact.residual(x).clone()


def has_fast_forms(device: torch.device) -> bool:
    """Whether layers may have faster forms: on CUDA, also the name of AMD's devices."""
    return device.type == "cuda"


def first_layer(layer: nn.Conv2d, precision: torch.dtype) -> Form:
    """Convolution of an image in float32, then ReLU; rounded to `precision`."""

    def form(x: Tensor) -> Tensor:
        y = layer(x).to(precision, memory_format=torch.channels_last)
        return functional.relu_(y)

    return form


def hidden_layer(layer: nn.Conv2d) -> Form:
    """Convolution, then ReLU."""
    return lambda x: functional.relu_(layer(x))


def last_layer(layer: nn.Conv2d) -> Form:
    """Convolution, rounded to the precision of the layer; given back as float32."""
    return lambda x: layer(x).float()


def _stays_small(forms: list[Form], x: Tensor, precision: torch.dtype) -> bool:
    """Whether features of an image stay far below the largest number of a precision."""
    peaks = []
    for form in forms:
        x = form(x)
        peaks.append(x.amax())
    return bool(_HEADROOM * torch.stack(peaks).amax() < torch.finfo(precision).max)


def fast_first_layer(layer: nn.Conv2d, precision: torch.dtype) -> Form | None:
    """`first_layer` in one pass over memory, if that is possible here."""
    if precision is torch.float32 or layer.in_channels > 1:
        return None
    x = _random(layer) - 0.5
    # Faint detail on an offset, too, which half precision by itself would lose.
    images = [x, 0.9 + 1e-3 * x]
    makers: list[Callable[[], Form]] = [
        lambda: _triton_first(layer, precision),
        lambda: _eight_first(layer, precision),
    ]
    return _first_right(makers, first_layer(layer, precision), images, precision)


def fast_hidden_layer(layer: nn.Conv2d) -> Form | None:
    """`hidden_layer` as one kernel of cuDNN, if it has one."""
    if layer.padding_mode != "zeros":
        return None
    plain, precision = hidden_layer(layer), layer.weight.dtype
    return _first_right([lambda: _fused(layer)], plain, [_random(layer)], precision)


def fast_last_layer(layer: nn.Conv2d) -> Form | None:
    """`last_layer` in one pass over memory, if that is possible here."""
    precision = layer.weight.dtype
    if precision is torch.float32 or layer.out_channels > 1:
        return None
    makers: list[Callable[[], Form]] = [
        lambda: _triton_last(layer),
        lambda: _eight_last(layer),
    ]
    return _first_right(makers, last_layer(layer), [_random(layer)], precision)


def _first_right(
    makers: list[Callable[[], Form]],
    plain: Form,
    images: list[Tensor],
    precision: torch.dtype,
) -> Form | None:
    """The first form that gives what the plain one gives; None if there is none."""
    # Two roundings to `precision` may lie that far apart, two sums in float32 as well.
    tolerated = max(2 * torch.finfo(precision).eps, 1e-5)
    for make in makers:
        try:
            form = make()
            if all(_difference(form, plain, image) < tolerated for image in images):
                return form
        # Compilers and drivers fail in many ways, and the plain form is always there.
        except Exception as error:
            if is_out_of_memory(error):
                raise
    return None


def _difference(form: Form, plain: Form, x: Tensor) -> float:
    """Root mean square of the difference of two forms, relative to their result."""
    expected = plain(x).float()
    return float((form(x).float() - expected).norm() / expected.norm())


def _random(layer: nn.Conv2d) -> Tensor:
    """What a layer may be given, from 0 to 1; its edges are no multiples of a block."""
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(1, layer.in_channels, 37, 53, generator=generator)
    return x.to(layer.weight).to(memory_format=torch.channels_last)


def _fused(layer: nn.Conv2d) -> Form:
    """Convolution, bias and ReLU in one kernel of cuDNN."""
    weight, bias, once = layer.weight, _bias(layer), [1, 1]
    padding = [int(edge) for edge in layer.padding]
    return lambda x: torch.cudnn_convolution_relu(
        x, weight, bias, once, padding, once, 1
    )


def _triton_first(layer: nn.Conv2d, precision: torch.dtype) -> Form:
    keep_llvm_apart()
    from napari_vdsr.inference import triton_layers

    replicate = layer.padding_mode == "replicate"
    return triton_layers.first_layer(layer.weight, _bias(layer), replicate, precision)


def _triton_last(layer: nn.Conv2d) -> Form:
    keep_llvm_apart()
    from napari_vdsr.inference import triton_layers

    return triton_layers.last_layer(layer.weight, _bias(layer))


def _eight_first(layer: nn.Conv2d, precision: torch.dtype) -> Form:
    """The first layer on tensor cores, as exact as in float32.

    Image and filters become sums of parts that half precision holds. Each product of
    two parts that matters gets a channel of its own; the sum over them is float32.
    """
    # The others are as small as what float32 rounds away.
    pairs = [(i, j) for i in range(_PARTS) for j in range(_PARTS - i)]
    filters = [*_parts(layer.weight, precision)]
    wide = _like(layer, _CHANNELS, layer.out_channels, padding=0)
    for channel, (_, j) in enumerate(pairs):
        wide.weight[:, channel] = filters[j][:, 0]
    _bias(wide).copy_(_bias(layer))
    wide = wide.to(precision).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    convolve = fast_hidden_layer(wide) or hidden_layer(wide)
    edges = [layer.kernel_size[0] // 2] * 4
    mode = "constant" if layer.padding_mode == "zeros" else layer.padding_mode
    unused = [0] * (_CHANNELS - len(pairs))  # their weights are zero
    order = [*(i for i, _ in pairs), *unused]

    def form(x: Tensor) -> Tensor:
        parts = [*_parts(functional.pad(x, edges, mode), precision)]
        channels = torch.stack([parts[i] for i in order], -1)[:, 0]
        return convolve(channels.permute(0, 3, 1, 2))

    return form


def _eight_last(layer: nn.Conv2d) -> Form:
    """The last layer with seven more filters, which are zero."""
    wide = _like(layer, layer.in_channels, _CHANNELS, padding=layer.kernel_size[0] // 2)
    wide.weight[:1] = layer.weight
    _bias(wide)[:1] = _bias(layer)
    wide = wide.to(layer.weight.dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return lambda x: wide(x)[:, :1].float()


def _like(layer: nn.Conv2d, inside: int, outside: int, padding: int) -> nn.Conv2d:
    """A convolution with other channels, of which all weights are zero as yet."""
    other = nn.Conv2d(inside, outside, layer.kernel_size[0], padding=padding)
    for parameter in other.requires_grad_(False).parameters():
        parameter.zero_()
    return other.to(layer.weight.device)


def _parts(values: Tensor, precision: torch.dtype) -> Iterator[Tensor]:
    """Parts of values, each as near as a precision gets to what the last ones left."""
    for _ in range(_PARTS):
        part = values.to(precision)
        yield part
        values = values - part.float()


def _bias(layer: nn.Conv2d) -> Tensor:
    """Biases of a layer, zero where it has none."""
    if layer.bias is not None:
        return layer.bias
    return layer.weight.new_zeros(layer.out_channels)


@cache
def keep_llvm_apart() -> None:
    """Load Triton's library so that it uses the LLVM in it; nothing without Triton.

    Mesa's OpenGL, which napari draws with, shows its own LLVM to every library that is
    loaded later. Triton would call into it, and the process would die. torch imports
    Triton by itself, at the latest when an optimiser is made: call this before.
    """
    here = find_spec("triton")
    apart = getattr(os, "RTLD_DEEPBIND", None)  # Linux only, as is the trouble
    if here is None or here.origin is None or apart is None:
        return
    library = Path(here.origin).with_name("_C") / "libtriton.so"
    with suppress(OSError):  # whoever needs it says what is wrong with it
        ctypes.CDLL(str(library), mode=os.RTLD_NOW | apart)
