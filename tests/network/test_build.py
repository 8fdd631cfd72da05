"""Reading a network's shape off its tensors."""

import pytest
import torch
from torch import Tensor

from napari_vdsr.errors import ModelError
from napari_vdsr.network import SRCNN, VDSR, ConvStack, network_from_state

NETWORKS = [
    VDSR(2, features=4),
    VDSR(5),
    VDSR(3, features=8, bias=True, first_padding="zeros"),
    VDSR(3, features=8, first_padding="zeros"),
    VDSR(4, features=8, channels=3, bias=True, first_padding="zeros"),
    VDSR(4, features=8, channels=3, channels_out=3),
    SRCNN((9, 1, 5)),
    SRCNN((9, 5, 5), channels=3),
]


@pytest.mark.parametrize("network", NETWORKS)
def test_the_weights_alone_bring_the_network_back(network: ConvStack) -> None:
    again = network_from_state(network.state_dict())
    x = torch.rand(1, network.channels, 17, 19)
    assert type(again) is type(network)
    assert torch.equal(again(x), network.eval()(x))


def test_the_weights_are_copied_and_frozen() -> None:
    state = VDSR(2, features=4).state_dict()
    network = network_from_state(state)
    kept = network(torch.ones(1, 1, 3, 3))
    state["conv1.weight"].zero_()
    assert torch.equal(network(torch.ones(1, 1, 3, 3)), kept)
    assert not any(p.requires_grad for p in network.parameters())


def _changed(**changes: Tensor | None) -> dict[str, Tensor]:
    state = dict(VDSR(3, features=4, bias=True, first_padding="zeros").state_dict())
    for key, value in changes.items():
        name = key.replace("_", ".")
        if value is None:
            del state[name]
        else:
            state[name] = value
    return state


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({}, "not numbered without a gap"),
        (_changed(conv1_weight=None), "not numbered without a gap"),
        (_changed(conv1_bias=None), "2 of 3 layers have a bias"),
        (_changed(head=torch.ones(1)), "unknown tensors head"),
        (_changed(conv1_weight=torch.ones(4, 5, 3, 3)), "takes 5 channels"),
        (_changed(conv1_weight=torch.ones(4, 4, 2, 2)), "odd k"),
        (_changed(conv1_weight=torch.ones(4)), "expected (out, in, k, k)"),
        (_changed(conv0_weight=torch.ones(0, 1, 3, 3)), "expected (out, in, k, k)"),
        (_changed(conv1_bias=torch.ones(3)), "conv1.bias has shape (3,)"),
        (_changed(conv2_weight=torch.full((1, 4, 3, 3), torch.nan)), "not all finite"),
        (
            _changed(conv1_bias=torch.full((4,), 1e300, dtype=torch.float64)),
            "not all finite",
        ),
        (_changed(conv1_weight=torch.ones(4, 4, 67, 67)), "a kernel of 67 pixels"),
        (
            {f"conv{i}.weight": torch.ones(1, 1, 3, 3) for i in range(501)},
            "501 layers are more than",
        ),
        (
            _changed(conv1_weight=torch.ones(4, 4, 3, 3, dtype=torch.int32)),
            "conv1.weight has dtype int32",
        ),
    ],
)
def test_other_tensors_are_refused_with_what_was_found(
    state: dict[str, Tensor], said: str
) -> None:
    with pytest.raises(ModelError) as caught:
        network_from_state(state)
    assert said in str(caught.value)


def test_mixed_kernels_without_a_home_are_refused() -> None:
    state = VDSR(4, features=4).state_dict()
    state["conv1.weight"] = torch.ones(4, 4, 5, 5)
    with pytest.raises(ModelError, match="neither a VDSR nor an SRCNN"):
        network_from_state(state)
