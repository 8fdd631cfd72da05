"""Training on a GPU, as far as a CPU can imitate one: nothing waits for its device."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from small_training import picture, tiny
from torch import Tensor
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    FakeTensorMode,
)
from torch_modes import Journal, NoFloat64

from napari_vdsr.errors import InputError, VdsrError
from napari_vdsr.network import VDSR
from napari_vdsr.training import Trainer, TrainingConfig, prepare
from napari_vdsr.training import learner as learner_module
from napari_vdsr.training import trainer as trainer_module
from napari_vdsr.training.batches import Batches
from napari_vdsr.training.checkpoint import read_checkpoint, write_checkpoint
from napari_vdsr.training.learner import Learner, empty_network, hidden_precision
from napari_vdsr.training.validate import _error, _mean_psnr

CPU = torch.device("cpu")
IMAGES = [picture(seed) for seed in range(2)]
# Within multinomial two more are waited for, which are not seen from here.
WAITING = ("_local_scalar_dense", "nonzero", "equal", "multinomial")


def pair(seed: int) -> tuple[Tensor, Tensor]:
    both = torch.rand(2, 4, 1, 16, 16, generator=torch.Generator().manual_seed(seed))
    return both[0], both[1]


def learner_of(precision: torch.dtype, **changes: Any) -> Learner:
    config = tiny(steps=30, **changes)
    return Learner(empty_network(config), config, CPU, precision)


def weights(learner: Learner) -> Tensor:
    return torch.cat([p.flatten() for p in learner.network().parameters()])


@pytest.mark.parametrize("optimiser", ["adamw", "sgd"])
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_steps_that_the_device_skips_give_the_same_bits_without_waiting(
    precision: torch.dtype, optimiser: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = learner_of(precision, optimiser=optimiser)
    monkeypatch.setattr(learner_module, "skips_by_itself", lambda device: True)
    two = learner_of(precision, optimiser=optimiser)
    limits = [math.inf, math.inf, 0.0, math.inf]  # the third step is left out
    for step, limit in enumerate(limits):
        one.learn(*pair(step), step, 1.0, limit)
        with Journal(*WAITING) as waits:
            two.learn(*pair(step), step, 1.0, limit)
        assert waits.noted == []
        assert torch.equal(weights(one), weights(two))


def test_the_scale_of_a_loss_that_needs_none_stays_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(learner_module, "skips_by_itself", lambda device: True)
    learner = learner_of(torch.float32)
    learner._scaler._growth_interval = 2
    for step in range(6):
        learner.learn(*pair(step), step, 1.0, math.inf)
    assert learner.state()[1]["scaler"]["scale"] == 1.0


@pytest.mark.parametrize("detail", [False, True])
def test_batches_are_made_without_waiting(detail: bool) -> None:
    """Each group of a batch waited twice where patches were drawn by their detail."""
    config = tiny(factors=(2.0, 3.0), batch=6)
    stage = config.stages[0].__class__(4, 1e-3, detail=detail)
    batches = Batches(
        prepare(IMAGES, config, warn=False).images, None, config, CPU, 2e9
    )
    batches.batch(0, stage)  # matrices are made once
    with Journal(*WAITING) as waits:
        batches.batch(1, stage)
        batches.batch(2, stage)
    assert waits.noted == []


def test_patches_of_all_groups_are_drawn_at_once() -> None:
    """Each operation costs a GPU a few microseconds, whatever its size."""
    config = tiny(factors=(2.0, 3.0, 4.0), batch=6)
    stage = config.stages[0].__class__(4, 1e-3, detail=True)
    images = prepare(IMAGES, config, warn=False).images
    with Journal("searchsorted", "exponential_", "std") as drawn:
        Batches(images, None, config, CPU, 2e9).batch(0, stage)
    assert sorted(drawn.noted) == ["exponential_", "searchsorted", "std"]


def test_patches_are_drawn_as_multinomial_draws_them() -> None:
    config = tiny(batch=50)
    images = prepare(IMAGES, config, warn=False).images
    made, expected = (Batches(images, None, config, CPU, 2e9) for _ in range(2))
    store = made._images.at(0)
    places = made._places(store, 50, detail=True)
    candidates = store.draw(200, config.flips, expected.generator)
    spread = store.cut(candidates, 0, config.footprint).flatten(1).std(1).view(50, 4)
    pick = torch.multinomial(spread + 1e-6, 1, generator=expected.generator)[:, 0]
    chosen = candidates.chosen(torch.arange(50) * 4 + pick)
    for mine, theirs in zip(places, chosen, strict=True):
        assert torch.equal(mine, theirs)
    assert torch.equal(made.generator.get_state(), expected.generator.get_state())


def run_on(device: str, config: TrainingConfig) -> tuple[Trainer, int]:
    """Train on the CPU under another name; gives how often losses were read."""
    trainer = Trainer(prepare(IMAGES, config, warn=False), config, device="cpu")
    reads = 0
    read = trainer._read_losses

    def counted() -> None:
        nonlocal reads
        reads += bool(trainer._pending)
        read()

    trainer._read_losses = counted  # type: ignore[method-assign]
    trainer.device = torch.device(device)
    for _ in trainer.run():
        pass
    trainer.device = CPU
    return trainer, reads


def test_losses_are_read_once_in_twenty_steps_and_the_history_is_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Short trainings waited for the device in every step."""
    monkeypatch.setattr(trainer_module, "_ROWS", 7)
    config = tiny(
        steps=45, depth=2, validation_share=0.0, validate_every=99, checkpoint_every=99
    )
    (one, every), (two, few) = run_on("cpu", config), run_on("cuda", config)
    assert (every, few) == (45, 3)
    assert one.history.losses == two.history.losses
    assert [loss.step for loss in one.history.losses] == [6, 12, 18, 24, 30, 36, 42, 45]


@pytest.mark.parametrize("device", ["mps:0", "xpu:0"])
def test_a_score_needs_no_float64_on_the_device(device: str) -> None:
    real = _error(torch.full((1, 1, 9, 9), 0.1), torch.zeros(1, 1, 9, 9), 2)
    assert _mean_psnr([real, real]) == pytest.approx(20)
    with FakeTensorMode(), NoFloat64():
        there = torch.empty(1, 1, 5, 5, device=device)
        # The first number that the host asks for is the score itself.
        with pytest.raises(DataDependentOutputException):
            _mean_psnr([there])


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("MPS backend out of memory"),
        MemoryError(),
    ],
    ids=repr,
)
@pytest.mark.parametrize("when", ["made", "run"])
def test_a_full_memory_is_named_whoever_says_it(
    error: Exception, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        raise error

    config = tiny(depth=2, validation_share=0.0)
    images = prepare(IMAGES, config, warn=False)
    if when == "made":
        monkeypatch.setattr(trainer_module, "Batches", full)
        with pytest.raises(VdsrError, match="too little memory for this training"):
            Trainer(images, config, device="cpu")
        return
    trainer = Trainer(images, config, device="cpu")
    monkeypatch.setattr(trainer._learner, "learn", full)
    with pytest.raises(VdsrError, match=r"batches of 4 patches of 16 .* smaller"):
        list(trainer.run())


def test_a_checkpoint_of_another_kind_of_device_is_refused_with_words(
    tmp_path: Path,
) -> None:
    """It was called damaged."""
    path = tmp_path / "state.checkpoint"
    config = tiny(steps=4, depth=2, validation_share=0.0)
    images = prepare(IMAGES, config, warn=False)
    trainer = Trainer(images, config, device="cpu", checkpoint=path)
    next(run := trainer.run())
    run.close()
    write_checkpoint(path, trainer._snapshot())
    snapshot = read_checkpoint(path)
    snapshot.tensors["generator"] = torch.zeros(16, dtype=torch.uint8)  # as of CUDA
    write_checkpoint(path, snapshot)
    with pytest.raises(InputError, match=r"\(cuda or xpu\) than the one here \(cpu"):
        Trainer(images, config, device="cpu", resume=path)


def test_a_device_without_float64_is_not_trained_in_float16(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its first step ended in an error of torch, which scales the loss in float64."""
    assert learner_module._cannot_scale(CPU) is None

    def refuses(values: Tensor) -> None:
        raise RuntimeError("Required aspect fp64 is not supported on the device\nat …")

    monkeypatch.setattr(Tensor, "double", refuses)
    reason = learner_module._cannot_scale(CPU)
    assert reason == "Required aspect fp64 is not supported on the device"
    monkeypatch.setattr(learner_module, "_cannot_scale", lambda device: reason)
    xpu = torch.device("xpu", 0)
    words = r"float16 on xpu:0 \(Required aspect fp64 .*\): choose bfloat16, float32"
    with pytest.raises(InputError, match=words):
        hidden_precision(tiny(precision="float16"), VDSR(2), xpu)
    precision = hidden_precision(tiny(precision="bfloat16"), VDSR(2), xpu)
    assert precision is torch.bfloat16
