"""From named tensors to the network that they belong to."""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from napari_vdsr.errors import ModelError
from napari_vdsr.network.srcnn import SRCNN
from napari_vdsr.network.stack import ConvStack, sums_to_zero
from napari_vdsr.network.vdsr import VDSR

_NAME = re.compile(r"conv(\d+)\.(weight|bias)")


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
    weights, biases = _ordered(state)
    network = _empty(weights, bias=bool(biases))
    network.load_state_dict(
        {name: tensor.detach().float().clone() for name, tensor in state.items()},
        assign=True,
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
    weights = [state.get(f"{name}.weight") for name in names]
    biases = [state.get(f"{name}.bias") for name in names]
    given = [bias for bias in biases if bias is not None]
    whole = [weight for weight in weights if weight is not None]
    if depth < 2 or len(whole) < depth or len(state) != depth + len(given):
        raise ModelError(
            f"the layers are not numbered without a gap: {_listed(sorted(state))}"
        )
    if len(given) not in (0, depth):
        raise ModelError(
            f"{len(given)} of {depth} layers have a bias: expected all or none"
        )
    _check(whole, given)
    return whole, given


def _check(weights: list[Tensor], biases: list[Tensor]) -> None:
    """Refuse tensors that do not fit together or hold no numbers."""
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
    if not all(_is_finite(tensor) for tensor in (*weights, *biases)):
        raise ModelError("the weights are not all finite floating-point numbers")


def _is_finite(tensor: Tensor) -> bool:
    return tensor.is_floating_point() and bool(torch.isfinite(tensor).all())


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
