"""Wrong values of the public functions: an error that names value and what is allowed.

Never another error, and never taken for something else.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from napari.layers import Image

import napari_vdsr
from napari_vdsr.errors import VdsrError
from napari_vdsr.layers import upscale_layer
from napari_vdsr.network import VDSR
from napari_vdsr.training import recipe
from napari_vdsr.zoo import Model, fetch

PIXELS = np.random.default_rng(0).integers(0, 255, (24, 32), np.uint8)
TINY = Model(VDSR(2, features=2).requires_grad_(False), "tiny")


class Nobody:
    """Something that is neither true nor false."""

    def __bool__(self) -> bool:
        raise RuntimeError("neither")

    def __repr__(self) -> str:
        return "nobody"


ANYTHING: list[Any] = [
    "no",
    -1,
    2.5,
    float("nan"),
    2j,
    [],
    [[2]],
    (1, 2, 3),
    {"a": 3},
    object(),
    Nobody(),
    np.array([1, 2, 3]),
    b"x",
    "2,5",
    lambda: 0,
    int,
]


def upscaled(**given: Any) -> object:
    return napari_vdsr.upscale(PIXELS, **{"model": TINY, "device": "cpu", **given})


def scored(**given: Any) -> object:
    return napari_vdsr.psnr(PIXELS, PIXELS // 2, **given)


def evaluated(**given: Any) -> object:
    usual = {"model": TINY, "factors": [2], "device": "cpu"}
    return napari_vdsr.evaluate(PIXELS, **{**usual, **given})


def trained(**given: Any) -> object:
    config = recipe("quick", steps=1, depth=2, patch=8, batch=1)
    return napari_vdsr.train(PIXELS, **{"config": config, "device": "cpu", **given})


def of_layer(**given: Any) -> object:
    layer = Image(PIXELS, name="cells")
    return upscale_layer(layer, **{"model": TINY, "device": "cpu", **given})


def simulated(**given: Any) -> object:
    return napari_vdsr.simulate(**{"shape": (8, 8), **given})


# Parameters, and those of the values above that they take.
TAKEN: dict[Callable[..., object], dict[str, tuple[Any, ...]]] = {
    upscaled: {
        "factor": (2.5,),
        "model": (),
        "device": (),
        "precision": (),
        "tile": (),
        "axes": (),
        "rgb": (),
        "pixel_size": (),
        "intensity_range": (),
        "ensemble": (),
        "spread": (),
        "progress": (),
    },
    scored: {
        "data_range": (2.5,),
        "border": (-1,),
        "luminance": (),
        "rgb": (),
        "fit": (),
    },
    evaluated: {
        "model": ([],),
        "factors": (),
        "protocol": (),
        "sampling": (),
        "noise": (2.5,),
        "ensemble": (),
    },
    trained: {"config": (), "memory": (2.5,), "checkpoint": ("no", "2,5"), "rgb": ()},
    of_layer: {"axes": (), "level": (), "region": (), "rgb": (), "ensemble": ()},
    simulated: {
        "scene": (),
        "sampling": (),
        "psf": (2.5,),
        "photons": (2.5,),
        "read_noise": (2.5,),
    },
    lambda name: recipe(name): {"name": ()},
    lambda name: fetch(name): {"name": ()},
    lambda **given: recipe("quick", **given): {
        "loss": (),
        "kernel": (),
        "learning_rate": (2.5,),
        "flips": (),
    },
}


@pytest.mark.parametrize(
    ("act", "name"),
    [(act, name) for act, names in TAKEN.items() for name in names],
    ids=[f"{act.__name__} {name}" for act, names in TAKEN.items() for name in names],
)
@pytest.mark.filterwarnings("ignore::napari_vdsr.errors.VdsrWarning")
def test_wrong_values_are_refused_with_words(
    act: Callable[..., object], name: str, tmp_path: Any, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    taken = TAKEN[act][name]
    for value in ANYTHING:
        if any(type(value) is type(each) and value == each for each in taken):
            continue
        with pytest.raises(VdsrError):
            act(**{name: value})


@pytest.mark.parametrize("name", ["model", "factors"])
def test_an_array_without_an_axis_is_no_collection(name: str) -> None:
    with pytest.raises(VdsrError):
        evaluated(**{name: np.array(2)})


@pytest.mark.parametrize("act", [upscaled, of_layer])
def test_words_are_no_switches(act: Callable[..., object]) -> None:
    with pytest.raises(VdsrError, match="ensemble is 'no': it must be True or False"):
        act(ensemble="no")
    act(ensemble=np.bool_(False))


def test_paths_that_no_system_takes_are_refused() -> None:
    for path in ("x" * 5000, "a\0b", "\udc80"):
        for act in (
            napari_vdsr.evaluate,
            napari_vdsr.train,
            napari_vdsr.describe_image,
        ):
            with pytest.raises(VdsrError):
                act(path)
