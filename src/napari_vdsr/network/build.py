"""From named tensors to the network that they belong to."""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from napari_vdsr.errors import ModelError
from napari_vdsr.network.stack import SRCNN, VDSR, ConvStack, sums_to_zero

_NAME = re.compile(r"conv(\d+)\.(weight|bias)")
_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_DEEPEST = 500
_LARGEST_KERNEL = 65  # pixels; one of 2,001 would take hours for an image


def network_from_state(state: Mapping[str, Tensor]) -> ConvStack:
    """Build the network whose shape the tensors have, with these weights.

    Parameters
    ----------
    state : mapping of str to Tensor
        ``conv0.weight`` (out, in, k, k), optionally ``conv0.bias`` (out,), and so
        on, numbered without a gap.

    Returns
    -------
    VDSR or SRCNN
        On the CPU, in float32 and ready for inference. Depth, features, channels,
        biases and the padding of the first layer are those of the weights.

    Raises
    ------
    ModelError
        When the tensors belong to no network that is known here.

    Examples
    --------
    >>> network_from_state(VDSR(depth=5).state_dict()).depth
    5
    """
    for name, tensor in state.items():
        if tensor.dtype not in _FLOATS:
            raise ModelError(
                f"{name} has dtype {str(tensor.dtype).removeprefix('torch.')}: "
                "expected float16, bfloat16, float32 or float64"
            )
    state = {name: tensor.detach().float() for name, tensor in state.items()}
    weights, biases = _ordered(state)
    _check_shapes(weights, biases)
    if not all(bool(torch.isfinite(tensor).all()) for tensor in state.values()):
        raise ModelError("the weights are not all finite numbers of float32")
    network = _empty(weights, bias=bool(biases))
    network.load_state_dict(
        {name: tensor.clone() for name, tensor in state.items()}, assign=True
    )
    return network.eval().requires_grad_(False)


def _ordered(state: Mapping[str, Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """Weights and biases, first layer first."""
    strange = [name for name in state if not _NAME.fullmatch(name)]
    if strange:
        raise ModelError(
            f"unknown tensors {_listed(strange)}: "
            "expected conv0.weight, conv0.bias, conv1.weight and so on"
        )
    depth = sum(name.endswith(".weight") for name in state)
    names = [f"conv{index}" for index in range(depth)]
    weights, biases = (
        [state[f"{name}.{kind}"] for name in names if f"{name}.{kind}" in state]
        for kind in ("weight", "bias")
    )
    if depth > _DEEPEST:
        raise ModelError(f"{depth} layers are more than the {_DEEPEST} that are run")
    if depth < 2 or len(weights) < depth or len(state) != depth + len(biases):
        raise ModelError(
            f"the layers are not numbered without a gap: {_listed(sorted(state))}"
        )
    if len(biases) not in (0, depth):
        raise ModelError(
            f"{len(biases)} of {depth} layers have a bias: expected all or none"
        )
    return weights, biases


def _check_shapes(weights: list[Tensor], biases: list[Tensor]) -> None:
    """Refuse tensors that do not fit together."""
    for index, weight in enumerate(weights):
        shape = tuple(weight.shape)
        if (
            len(shape) != 4
            or shape[2] != shape[3]
            or not all(shape)
            or shape[2] % 2 == 0
        ):
            raise ModelError(
                f"conv{index}.weight has shape {shape}: "
                "expected (out, in, k, k) with odd k"
            )
        if shape[2] > _LARGEST_KERNEL:
            raise ModelError(
                f"conv{index}.weight has a kernel of {shape[2]} pixels: more than the "
                f"{_LARGEST_KERNEL} that are run"
            )
        if index and shape[1] != weights[index - 1].shape[0]:
            raise ModelError(
                f"conv{index}.weight takes {shape[1]} channels, "
                f"but the layer before gives {weights[index - 1].shape[0]}"
            )
    for index, (weight, bias) in enumerate(zip(weights, biases, strict=False)):
        if tuple(bias.shape) != (weight.shape[0],):
            raise ModelError(
                f"conv{index}.bias has shape {tuple(bias.shape)}: "
                f"expected ({weight.shape[0]},)"
            )


def _empty(weights: list[Tensor], bias: bool) -> ConvStack:
    """The network without memory for its weights."""
    shapes = [tuple(weight.shape) for weight in weights]
    kernels = [shape[2] for shape in shapes]
    channels, channels_out = shapes[0][1], shapes[-1][0]
    features = [shape[0] for shape in shapes[:-1]]
    fits = channels in (1, 3) and channels_out in (1, channels)
    with torch.device("meta"):
        if set(kernels) == {3} and len(set(features)) == 1 and fits:
            zero_mean = not bias and sums_to_zero(weights[0])
            return VDSR(
                depth=len(shapes),
                features=features[0],
                channels=channels,
                channels_out=channels_out,
                bias=bias,
                first_padding="replicate" if zero_mean else "zeros",
            )
        if len(kernels) == 3 and bias and fits and channels_out == channels:
            return SRCNN(
                (kernels[0], kernels[1], kernels[2]),
                (features[0], features[1]),
                channels,
            )
    raise ModelError(
        f"{len(shapes)} layers with kernels {_listed(kernels)}, {channels} channels "
        f"in and {channels_out} out {'with' if bias else 'without'} biases "
        "are neither a VDSR nor an SRCNN"
    )


def _listed(items: list[str] | list[int]) -> str:
    """The first few of a list, for a message."""
    shown = ", ".join(str(item) for item in items[:6])
    return f"{shown}, … ({len(items)})" if len(items) > 6 else shown
