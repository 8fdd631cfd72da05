"""The choices of a training and the recipes that make them."""

import dataclasses
import json
from typing import Any

import numpy as np
import pytest

from napari_vdsr.errors import InputError
from napari_vdsr.training import (
    RECIPES,
    BlindNoise,
    CameraNoise,
    Spot,
    Stage,
    TrainingConfig,
    recipe,
)
from napari_vdsr.training.learner import empty_network
from napari_vdsr.training.optimise import learning_rate

COUNTS = {
    "equivariant": (111_744, 296_064, 480_384, 664_704),
    "paper": (112_001, 296_641, 481_281, 665_921),
    "course": (113_153, 297_793, 482_433, 667_073),
}


@pytest.mark.parametrize("variant", COUNTS)
@pytest.mark.parametrize("number", range(4))
def test_networks_have_the_published_number_of_parameters(
    variant: str, number: int
) -> None:
    config = recipe("modern", variant=variant, depth=5 * number + 5)
    assert empty_network(config).parameter_count == COUNTS[variant][number]


@pytest.mark.parametrize(("variant", "count"), [("915", 8_129), ("955", 57_281)])
def test_srcnn_has_the_published_number_of_parameters(variant: str, count: int) -> None:
    config = recipe("modern", variant=f"srcnn-{variant}")
    assert empty_network(config).parameter_count == count


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_survive_a_file(name: str) -> None:
    config = recipe(name, noise=CameraNoise(2.0, 100.0, 1.5))
    assert TrainingConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


def test_the_paper_divides_its_rate_by_ten_three_times() -> None:
    config = recipe("paper")
    rates = {learning_rate(config, step) for step in range(config.steps)}
    assert sorted(rates) == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1])


@pytest.mark.parametrize(("depth", "rate"), [(20, 9e-4), (15, 7e-4), (5, 7e-4)])
def test_the_course_has_a_rate_for_each_depth(depth: int, rate: float) -> None:
    assert recipe("course", depth=depth).stages[0].learning_rate == rate
    asked = recipe("course", depth=depth, learning_rate=1e-3)
    assert asked.stages[0].learning_rate == 1e-3


def test_the_rate_warms_up_and_falls_in_each_stage() -> None:
    config = recipe("modern")
    first = config.stages[0].steps
    assert learning_rate(config, 0) < learning_rate(config, 499) == 1e-3
    assert learning_rate(config, first - 1) < 1e-8
    assert learning_rate(config, first) == 5e-4


def test_steps_stretch_all_stages_alike() -> None:
    config = recipe("modern", steps=830)
    assert [stage.steps for stage in config.stages] == [500, 330]
    assert config.stages[0].warm_up == 5


def test_a_new_rate_scales_that_of_every_stage() -> None:
    stages = recipe("modern", learning_rate=2e-3).stages
    assert [stage.learning_rate for stage in stages] == [2e-3, 1e-3]


WRONG: dict[str, Any] = {
    "depth": 1,
    "factors": (1.0,),
    "patch": 0,
    "batch": 2.5,
    "sizes": (2.0,),
    "variant": "resnet",
    "loss": "ssim",
    "ema": 1.0,
    "clip_norm": 0.0,
    "blur": -1.0,
    "learning_rate": 0.0,
    "steps": 0,
    "seeed": 3,
}


def test_numbers_of_numpy_are_numbers() -> None:
    of_numpy = recipe(
        "quick",
        steps=np.uint8(200),
        learning_rate=np.float32(0.5),
        factors=(np.int64(2), np.float32(3)),
        patch=np.int8(100),
        seed=np.int64(3),
        flips=np.True_,
        sampling={"camera": np.float32(0.5), "scanner": np.int16(1)},
        spot=Spot((np.float32(0.25), np.float32(0.5)), np.float32(0.5)),
        noise=BlindNoise((np.float32(100), np.int16(1000))),
    )
    plain = recipe(
        "quick",
        steps=200,
        learning_rate=0.5,
        factors=(2, 3.0),
        patch=100,
        seed=3,
        flips=True,
        sampling={"camera": 0.5, "scanner": 1},
        spot=Spot((0.25, 0.5), 0.5),
        noise=BlindNoise((100.0, 1000)),
    )
    assert of_numpy == plain
    assert of_numpy.footprint == 200
    assert json.dumps(of_numpy.to_json()) == json.dumps(plain.to_json())


def test_lists_are_as_good_as_tuples() -> None:
    lists = {"factors": [2.0, 3.0], "sizes": [1.0], "betas": [0.9, 0.95]}
    tuples: dict[str, Any] = {name: tuple(value) for name, value in lists.items()}
    config = recipe("quick", **lists)
    assert config == recipe("quick", **tuples)
    assert config.betas == (0.9, 0.95)
    with pytest.raises(InputError, match=r"betas is \(0.9, 1.5\): it must be from 0"):
        recipe("quick", betas=[0.9, 1.5])


@pytest.mark.parametrize("name", WRONG)
def test_wrong_values_are_named(name: str) -> None:
    word = name.replace("_", " ") if name == "learning_rate" else name
    with pytest.raises(InputError, match=word.rstrip("s")):
        recipe("quick", **{name: WRONG[name]})


WHOLE = ("steps", "warm_up", "depth", "patch", "batch", "validate_every", "seed")
SETS = ("stages", "factors", "sizes", "betas")
SWITCHES = ("detail", "flips", "compiled")
WRONG_KINDS = [
    *[(name, wrong) for name in WHOLE for wrong in (None, "3", 2.5, True)],
    *[(name, wrong) for name in SETS for wrong in (None, "23", 2.0, object())],
    *[(name, wrong) for name in SWITCHES for wrong in (None, "no", 1, [])],
    ("seed", -1),
    ("seed", 2**63),
    ("stages", (1,)),
    ("betas", (0.9,)),
    ("sampling", 3),
    ("spot", "wide"),
    ("noise", 0.1),
    ("blur", "1"),
    ("clip_norm", True),
]


@pytest.mark.parametrize(("name", "wrong"), WRONG_KINDS)
def test_values_of_another_type_are_named(name: str, wrong: Any) -> None:
    values: dict[str, Any] = {"steps": 1, "learning_rate": 0.1}
    of_a_stage = name in ("steps", "warm_up", "detail")
    with pytest.raises(InputError, match=f"^{name} "):
        if of_a_stage:
            Stage(**values | {name: wrong})
        else:
            TrainingConfig(**{"stages": (Stage(**values),), name: wrong})


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf")])
def test_no_stage_learns_at_such_a_rate(rate: float) -> None:
    with pytest.raises(InputError, match="learning rate"):
        Stage(steps=10, learning_rate=rate)


def test_an_unknown_recipe_is_answered_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="modern, paper, course"):
        recipe("secret")


def test_camera_noise_needs_a_gain() -> None:
    with pytest.raises(InputError, match="gain"):
        CameraNoise(gain=0)


def test_settings_cannot_be_changed_by_accident() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        recipe().depth = 3  # type: ignore[misc]
