"""What a step learns from: how much of the domain, and how detailed."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from small_training import prepared, tiny

from napari_vdsr.training import Stage
from napari_vdsr.training.batches import Batches
from napari_vdsr.training.dataset import Dataset

STEPS = 60


def board(brightness: int, contrast: int) -> NDArray[np.uint8]:
    """A chessboard: all of its patches have the same mean and standard deviation."""
    y, x = np.mgrid[:40, :40]
    return (brightness + contrast * (-1) ** (x + y)).astype(np.uint8)


def dataset(*images: NDArray[np.uint8]) -> Dataset:
    return prepared(list(images)).images


def batches(stage: Stage, batch: int, factors: tuple[float, ...]) -> Batches:
    config = replace(tiny(batch=batch, factors=factors), stages=(stage,))
    images, domain = dataset(board(50, 4)), dataset(board(200, 4))
    return Batches(images, domain, config, torch.device("cpu"), memory=2e9)


def of_the_domain(made: Batches, stage: Stage) -> torch.Tensor:
    """Which patches of which step come from the domain."""
    truths = [made.batch(step, stage)[1] for step in range(STEPS)]
    return torch.stack(truths).mean((2, 3, 4)) > 0.5


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 1.0])
@pytest.mark.parametrize("batch", [1, 4, 6, 8])
@pytest.mark.parametrize("factors", [(2.0,), (2.0, 3.0, 4.0)])
def test_batches_of_any_size_hold_their_share_of_the_domain(
    factors: tuple[float, ...], batch: int, share: float
) -> None:
    stage = Stage(STEPS, 1e-3, share=share)
    found = of_the_domain(batches(stage, batch, factors), stage)
    counts = found.sum(1)
    assert abs(counts.sum() - STEPS * batch * share) <= 1
    assert counts.max() - counts.min() <= 1


def test_each_factor_has_its_share_of_the_domain() -> None:
    stage = Stage(STEPS, 1e-3, share=0.25)
    found = of_the_domain(batches(stage, 6, (2.0, 3.0, 4.0)), stage)
    for factor in range(3):
        part = found[:, 2 * factor : 2 * factor + 2]
        assert part.float().mean() == pytest.approx(0.25, abs=0.02)


def test_a_batch_depends_on_nothing_but_its_step_and_the_generator() -> None:
    stage = Stage(STEPS, 1e-3, share=0.3, detail=True)
    one, two = (batches(stage, 5, (2.0, 3.0)) for _ in range(2))
    for step in range(7):
        one.batch(step, stage)
    two.generator.set_state(one.generator.get_state())
    for step in range(7, 20):
        pairs = zip(one.batch(step, stage), two.batch(step, stage), strict=True)
        assert all(torch.equal(mine, theirs) for mine, theirs in pairs)


@pytest.mark.parametrize(
    ("detail", "share"),
    [
        (False, 1 / 2),
        # Of four candidates, k have five times the contrast, each as likely as not.
        (
            True,
            sum(n * 5 * k / (5 * k + 4 - k) for k, n in enumerate([1, 4, 6, 4, 1]))
            / 16,
        ),
    ],
)
def test_patches_are_as_likely_as_they_are_detailed(detail: bool, share: float) -> None:
    config = tiny(batch=4000)
    images = dataset(board(120, 4), board(120, 20))
    made = Batches(images, None, config, torch.device("cpu"), memory=2e9)
    _, truth = made.batch(0, Stage(1, 1e-3, detail=detail))
    assert truth.shape == (4000, 1, 16, 16)
    detailed = truth.flatten(1).std(1) > 10 / 255
    assert detailed.float().mean() == pytest.approx(share, abs=0.03)


def test_patches_of_a_pixel_have_no_spread_and_bring_no_warning() -> None:
    stage = Stage(STEPS, 1e-3, detail=True)
    config = replace(tiny(batch=2, patch=1, factors=(2.0,)), stages=(stage,))
    made = Batches(dataset(board(50, 4)), None, config, torch.device("cpu"), memory=2e9)
    assert made.batch(0, stage)[1].shape[2:] == (1, 1)
