"""A short soak: random use of the panels leaves nothing behind."""

import random
from typing import Any

import soak
from training_helpers import TINY as TINY_TRAINING

from napari_vdsr.plugin.enlarge.settings import Settings
from napari_vdsr.plugin.settings import save_settings
from napari_vdsr.plugin.training.settings import TrainingSettings


def test_random_use_leaves_no_layer_panel_or_thread(qapp: Any) -> None:
    save_settings(Settings(model="tiny", device="cpu", tile="64"), Settings())
    training = TrainingSettings().changed(TINY_TRAINING)
    save_settings(training, TrainingSettings(), "training")
    user = soak.User(random.Random(3))
    left = [user.round(things=5) for _ in range(2)]
    assert (left[-1].layers, left[-1].panels) == (0, 0)
    assert left[-1].threads <= left[0].threads


def test_growth_is_said() -> None:
    flat = [soak.Left(600, 1, 0, 0, 0)] * 9
    assert not soak.grown(flat)
    leak = [soak.Left(600, 1, 5 * n, n, 0) for n in range(9)]
    assert soak.grown(leak) == ["widgets: 25 -> 30", "layers: 5 -> 6"]
    memory = [soak.Left(600 + 50 * n, 1, 0, 0, 0) for n in range(9)]
    assert soak.grown(memory) == ["memory: 800 -> 950 MB"]
