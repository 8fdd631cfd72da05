"""What the tests of the training panel share."""

from collections.abc import Callable
from typing import Any

import numpy as np

from napari_vdsr.plugin.training.panel import Training

OpenTraining = Callable[..., Training]
Settle = Callable[[Training], str]

TINY = {
    **{"depth": 2, "factors": "2", "steps": 6, "patch": 16, "batch": 2},
    **{"device": "cpu"},
}
"""A training of a moment."""


def discs(seed: int = 0, shape: tuple[int, int] = (64, 72)) -> np.ndarray[Any, Any]:
    """Discs of random brightness: edges in all directions, as in real images."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    image = np.full(shape, 40.0)
    for _ in range(30):
        cy, cx, radius = random.uniform((0, 0, 2), (*shape, 9))
        image[(y - cy) ** 2 + (x - cx) ** 2 < radius**2] = random.uniform(0, 255)
    return image.astype(np.uint8)


def names(viewer: Any) -> list[str]:
    return [layer.name for layer in viewer.layers]


def message(panel: Training) -> str:
    return panel.controls.message.text()


def wait_for_steps(panel: Training, qtbot: Any, steps: int = 1) -> None:
    """Until so many steps are done."""

    def done() -> bool:
        history = None if panel._session is None else panel._session.history
        return history is not None and history.steps >= steps

    qtbot.waitUntil(done)


def wait_for_end(panel: Training, qtbot: Any) -> None:
    qtbot.waitUntil(lambda: not panel.running)
