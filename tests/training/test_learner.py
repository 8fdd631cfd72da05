"""Single steps: what is learnt, and what is left out."""

import math

import pytest
import torch
from small_training import tiny
from torch import Tensor

from napari_vdsr.errors import VdsrWarning
from napari_vdsr.training.learner import Learner, empty_network
from napari_vdsr.training.optimise import loss_of

PRECISIONS = [torch.float32, torch.bfloat16, torch.float16]


def learner_of(precision: torch.dtype, **changes: object) -> Learner:
    config = tiny(steps=30, ema=0.0, **changes)
    return Learner(empty_network(config), config, torch.device("cpu"), precision)


def patches(brightest: float = 1.0) -> tuple[Tensor, Tensor]:
    pair = torch.rand(2, 2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    return pair[0], pair[1] * brightest


def weights(learner: Learner) -> Tensor:
    return torch.cat([p.flatten() for p in learner.network().parameters()])


def scale(learner: Learner) -> float:
    _, values = learner.state()
    return float(values["scaler"]["scale"])


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_loss_above_the_limit_changes_nothing(precision: torch.dtype) -> None:
    learner = learner_of(precision)
    before = weights(learner)
    for step in range(3):
        loss = learner.learn(*patches(), step, 1.0, limit=0.0)
        assert loss.isfinite()
    assert torch.equal(weights(learner), before)
    learner.learn(*patches(), 3, 1.0, limit=math.inf)
    assert not torch.equal(weights(learner), before)


def test_a_loss_above_the_limit_leaves_the_scale_of_float16() -> None:
    learner = learner_of(torch.float16)
    learner.learn(*patches(), 0, 1.0, limit=math.inf)
    before = scale(learner)
    for step in range(1, 4):
        learner.learn(*patches(), step, 1.0, limit=0.0)
    assert scale(learner) == before


def test_gradients_that_overflow_in_float16_lower_the_scale() -> None:
    learner = learner_of(torch.float16, loss="mse")
    before = weights(learner)
    learner.learn(*patches(300), 0, 1.0, limit=math.inf)
    assert torch.equal(weights(learner), before)
    first = scale(learner)
    learner.learn(*patches(300), 1, 1.0, limit=math.inf)
    assert scale(learner) == first / 2
    for step in range(2, 12):
        learner.learn(*patches(300), step, 1.0, limit=math.inf)
    assert not torch.equal(weights(learner), before)


def test_the_relative_loss_counts_bright_and_faint_patches_alike() -> None:
    config = tiny(loss="relative")
    x, truth = patches()
    assert loss_of(x, truth, x, config).item() == pytest.approx(1)
    halfway = (x + truth) / 2
    bright = loss_of(halfway, truth, x, config).item()
    faint = loss_of(halfway / 5, truth / 5, x / 5, config).item()
    assert bright == pytest.approx(0.5, abs=0.01)
    assert faint == pytest.approx(bright, abs=0.01)
    assert loss_of(truth, truth, truth, config).item() == pytest.approx(1)


@pytest.mark.parametrize("when", ["asked", "run"])
def test_where_torch_cannot_compile_the_training_goes_on_without(
    when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a C compiler or Triton it ended in the compiler's error."""

    def fails(x: object) -> Tensor:
        raise RuntimeError("Failed to find C compiler. Please specify via CC")

    plain = learner_of(torch.float32)
    compiler = fails if when == "asked" else lambda function: fails
    monkeypatch.setattr(torch, "compile", compiler)
    learner = learner_of(torch.float32, compiled=True)
    with pytest.warns(VdsrWarning, match="cannot compile here .*Failed to find C"):
        first = learner.learn(*patches(), 0, 1.0, math.inf)
    second = learner.learn(*patches(), 1, 1.0, math.inf)  # without another warning
    expected = [plain.learn(*patches(), step, 1.0, math.inf) for step in range(2)]
    assert [first, second] == expected


def test_a_full_memory_is_not_taken_for_a_missing_compiler(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(x: Tensor) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(torch, "compile", lambda function: full)
    learner = learner_of(torch.float32, compiled=True)
    with pytest.raises(torch.OutOfMemoryError):
        learner.learn(*patches(), 0, 1.0, math.inf)
