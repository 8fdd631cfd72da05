"""What can be said of an instrument, and what is refused with words."""

import dataclasses
import json
from typing import Any

import pytest

from napari_vdsr.errors import InputError
from napari_vdsr.training import (
    BlindNoise,
    CameraNoise,
    Spot,
    TrainingConfig,
    recipe,
)

TWO = "give the least and the most"


@pytest.mark.parametrize(
    ("noise", "words"),
    [
        ({"white": (100.0, 10.0)}, f"white, the electrons at white, is .*100.*: {TWO}"),
        ({"white": (0.0, 10.0)}, "two numbers above 0"),
        ({"white": ()}, TWO),
        ({"white": 50.0}, TWO),
        ({"white": (10.0, float("inf"))}, TWO),
        ({"white": (10.0, 1e300)}, "at most"),
        ({"read_noise": (-1.0, 2.0)}, "read_noise is .*two numbers from 0 upwards"),
        ({"read_noise": (float("nan"), 2.0)}, "read_noise"),
        ({"correlation": (0.1, 0.7)}, "correlation is .*0.5 at most"),
        ({"clean": -0.1}, "clean is -0.1: it is a part, from 0 to 1"),
        ({"clean": 1.1}, "clean is 1.1"),
        ({"clean": "some"}, "clean is 'some': it is a part"),
        ({"clean": None}, "clean is None"),
        ({"white": ("15", "20")}, f"white, .* is \\('15', '20'\\): {TWO}"),
        ({"white": "ab"}, f"white, .* is 'ab': {TWO}"),
        ({"read_noise": None}, f"read_noise is None: {TWO}"),
        ({"correlation": (False, True)}, f"correlation is .*: {TWO}"),
    ],
)
def test_ranges_of_noise_are_neither_empty_nor_negative(
    noise: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        BlindNoise(**noise)


@pytest.mark.parametrize(
    ("spot", "words"),
    [
        ({"sigma": (-0.1, 0.5)}, f"sigma of the spot is .*: {TWO}"),
        ({"sigma": (0.5, 0.1)}, "the smaller one first"),
        ({"sigma": (1.0, 11.0)}, "10 coarse pixels at most"),
        ({"share": 1.5}, "share of the spot is 1.5"),
        ({"share": "half"}, "share of the spot is 'half'"),
        ({"sigma": 0.5}, "sigma of the spot is 0.5"),
        ({"sigma": {0.1, 0.5}}, "sigma of the spot is"),
    ],
)
def test_spots_are_checked(spot: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Spot(**spot)


@pytest.mark.parametrize(
    ("camera", "words"),
    [
        ({"gain": "2"}, "gain is '2': it must be a positive number"),
        ({"gain": True}, "gain is True"),
        ({"white": [5]}, r"white is \[5\]"),
        ({"offset": None}, "offset None"),
        ({"read_noise": "low"}, "read_noise is 'low'"),
    ],
)
def test_cameras_are_checked(camera: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        CameraNoise(**camera)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sampling": "confocal"}, "sampling is 'confocal': choose reduced, gaussian"),
        ({"sampling": {"scanner": 0.5, "sem": 0.5}}, "choose reduced, gaussian"),
        ({"sampling": {"scanner": -0.5, "camera": 1}}, "numbers from 0 upwards"),
        ({"sampling": {"scanner": "half"}}, "numbers from 0 upwards"),
        ({"sampling": {"scanner": 0}}, "one at least above 0"),
        ({"sampling": {}}, "one at least above 0"),
        ({"spot": (0.2, 0.9)}, r"spot is \(0.2, 0.9\): give a Spot, or None"),
        ({"noise": "blind"}, "noise is 'blind': give CameraNoise, BlindNoise"),
    ],
)
def test_what_is_no_sampling_spot_or_noise_is_refused(
    changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        recipe("microscope", **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"sampling": {"camera": 0.7, "reduced": 0.15, "scanner": 0.15}},
        {"spot": Spot((0.3, 1.2), share=0.5)},
        {"noise": BlindNoise((20.0, 500.0), (1.0, 2.0), (0.0, 0.1), clean=0.1)},
        {"noise": CameraNoise(2.0, 100.0, 1.5), "spot": None},
    ],
)
def test_instruments_survive_a_file(changes: dict[str, Any]) -> None:
    config = recipe("microscope", **changes)
    read = TrainingConfig.from_json(json.loads(json.dumps(config.to_json())))
    assert read == config
    assert dataclasses.asdict(read) == dataclasses.asdict(config)


def test_shares_are_relative_and_the_largest_comes_first() -> None:
    config = recipe("microscope", sampling={"camera": 1, "scanner": 3, "reduced": 0})
    assert list(config.samplings.items()) == [("scanner", 0.75), ("camera", 0.25)]
    assert config.main_sampling == "scanner"


def test_equal_configurations_train_alike_in_whatever_order_shares_are_given() -> None:
    one = recipe("microscope", sampling={"scanner": 0.5, "camera": 0.5})
    other = recipe("microscope", sampling={"camera": 0.5, "scanner": 0.5})
    assert one == other
    assert list(one.samplings) == list(other.samplings)


def test_shares_belong_to_the_configuration_alone() -> None:
    shares = {"scanner": 0.5, "camera": 0.5}
    config = recipe("microscope", sampling=shares)
    shares["scanner"] = -1.0
    assert config.samplings["scanner"] == 0.5


@pytest.mark.parametrize(
    ("sampling", "pixels"),
    [("reduced", 48), ("scanner", 96), ({"reduced": 0.9, "camera": 0.1}, 96)],
)
def test_scanners_and_cameras_need_twice_as_large_images(
    sampling: Any, pixels: int
) -> None:
    assert recipe("microscope", sampling=sampling).footprint == pixels


def test_a_short_fine_tuning_warms_up_for_as_small_a_part_of_it() -> None:
    whole, short = recipe("microscope"), recipe("microscope", steps=440)
    assert short.steps == 440
    assert (whole.stages[0].warm_up, short.stages[0].warm_up) == (100, 2)
    assert recipe("microscope", steps=1).stages[0].warm_up == 0
    assert short.stages[0].learning_rate == whole.stages[0].learning_rate
