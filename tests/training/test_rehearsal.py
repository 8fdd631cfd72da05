"""How long a training will take, with a clock that the steps themselves move."""

from typing import Any

import pytest

from napari_vdsr.training import recipe
from napari_vdsr.training.learner import Learner
from napari_vdsr.training.run import Pace, rehearse
from napari_vdsr.training.validate import Validation


@pytest.mark.parametrize(("batch", "tried"), [(3, 3), (64, 16)])
def test_the_pace_is_that_of_the_trainings_own_steps(
    monkeypatch: pytest.MonkeyPatch, batch: int, tried: int
) -> None:
    now = [0.0]
    seen = set()
    learn, score = Learner.learn, Validation.score

    def slow_step(self: Any, x: Any, *more: Any) -> Any:
        now[0] += 2.0 if seen else 50.0  # the first is always slower
        seen.add(tuple(x.shape))
        return learn(self, x, *more)

    def slow_score(*arguments: Any) -> Any:
        now[0] += 5.0
        return score(*arguments)

    monkeypatch.setattr(Learner, "learn", slow_step)
    monkeypatch.setattr(Validation, "score", slow_score)
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    config = recipe("quick", depth=2, patch=16, batch=batch)
    pace = rehearse(config, device="cpu")
    assert seen == {(tried, 1, 16, 16)}
    assert pace.step == pytest.approx(2.0 * batch / tried)
    assert pace.score == pytest.approx(5.0)


def test_the_time_is_that_of_steps_and_scores() -> None:
    config = recipe("quick", steps=100, validate_every=30)
    assert Pace(2.0, 5.0).seconds(config, held=3) == 100 * 2 + 4 * 3 * 5
    # No more than a dozen images are scored on.
    assert Pace(2.0, 5.0).seconds(config, held=99) == 100 * 2 + 4 * 12 * 5
