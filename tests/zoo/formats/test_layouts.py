import numpy as np
import pytest
from numpy.typing import NDArray

from napari_vdsr.errors import ModelError
from napari_vdsr.zoo.checkpoints import renamed

LAYOUTS = {
    "ours": ["conv0", "conv1", "conv2", "conv10"],
    "counted from one": ["conv1", "conv2", "conv3"],
    "with underscores": [f"conv_{number}" for number in range(1, 21)],
    "in parallel": ["module.conv0", "module.conv1"],
    "a sequence with ReLU": ["0", "2", "4", "10"],
    "a named sequence": ["body.0", "body.2", "body.4"],
    "deep prefixes": ["model.net.0.conv", "model.net.1.conv"],
    "numbers that grow together": ["block1.conv1", "block2.conv2", "block10.conv10"],
    "twtygqyy": ["input", *[f"residual_layer.{i}.conv" for i in range(12)], "output"],
    "head and tail": ["head", "body.0", "body.2", "tail"],
    "head and tail in lists": ["head.0", "body.0", "body.2", "tail.0"],
    "first and last": ["conv_first", "body.0", "body.1", "conv_last"],
    "Lornatang": ["conv1.0", "trunk.0.conv", "trunk.1.conv", "conv2"],
    "Lornatang's SRCNN": ["features.0", "map.0", "reconstruction"],
    "words of one's own": ["module.ein", "module.lagen.7", "module.lagen.9", "aus"],
    "in and out alone": ["first", "second"],
}


def state_of(layers: list[str], width: int = 8) -> dict[str, NDArray[np.float64]]:
    """Weights and biases of a plain stack with these names."""
    widths = [1, *[width] * (len(layers) - 1), 1]
    state = {}
    for index, name in enumerate(layers):
        state[f"{name}.bias"] = np.zeros(widths[index + 1])
        state[f"{name}.weight"] = np.zeros((widths[index + 1], widths[index], 3, 3))
    return state


@pytest.mark.parametrize("kind", LAYOUTS)
def test_layers_are_numbered_in_the_order_they_run(kind: str) -> None:
    names = LAYOUTS[kind]
    state = state_of(names)
    backwards = dict(reversed(state.items()))
    found = renamed(backwards)
    assert len(found) == len(state)
    for index, name in enumerate(names):
        for part in ("bias", "weight"):
            assert found[f"conv{index}.{part}"] is state[f"{name}.{part}"]


STRANGE = {
    "normalised": state_of(["conv0", "conv1"]) | {"bn0.weight": np.ones(8)},
    "statistics": state_of(["conv0", "conv1"]) | {"conv0.running_mean": np.ones(8)},
    "two groups": state_of(["head", "body.0", "up.0", "tail"]),
    "blocks of two": state_of(
        ["head", *(f"body.{i}.conv{j}" for i in range(2) for j in range(2)), "tail"]
    ),
    "the same place twice": state_of(["in", "conv1", "conv01", "out"]),
    "two that take an image": state_of(["a", "b"]) | state_of(["c", "d"]),
    "nothing": {},
    "no layer": {"weight": np.zeros((1, 1, 3, 3)), "bias": np.zeros(1)},
    "no convolution": {"fc1.weight": np.zeros((8, 8)), "fc2.weight": np.zeros((8, 8))},
}


@pytest.mark.parametrize("kind", STRANGE)
def test_an_unknown_layout_is_refused_with_what_was_found(kind: str) -> None:
    with pytest.raises(ModelError, match="unknown layout") as caught:
        renamed(STRANGE[kind])
    for name in sorted(STRANGE[kind])[:8]:
        assert name in str(caught.value)


@pytest.mark.parametrize(
    "names", [[f"conv{i}" for i in range(10_000)], ["a." * 100_000 + "b", "c"]]
)
def test_more_than_any_network_has_is_refused_by_its_size(names: list[str]) -> None:
    state = dict.fromkeys((f"{name}.weight" for name in names), np.zeros((1, 1, 3, 3)))
    with pytest.raises(ModelError, match="tensors are not those of") as caught:
        renamed(state)
    assert len(str(caught.value)) < 200
