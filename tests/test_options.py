"""Every option reaches the network, scripts, provenance, caches and resumed files."""

import inspect
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import torch
import zarr
from napari.layers import Image

import napari_vdsr
from napari_vdsr.cli.upscale import upscale as command
from napari_vdsr.errors import InputError
from napari_vdsr.inference import enlarged_array
from napari_vdsr.inference.upscaler import kept_upscaler
from napari_vdsr.layers import plan_layer
from napari_vdsr.layers.saving import save_enlarged
from napari_vdsr.layers.upscale import enlarged_layer
from napari_vdsr.network import VDSR
from napari_vdsr.options import RunOptions
from napari_vdsr.plugin.enlarge.plan import plan_tasks
from napari_vdsr.plugin.enlarge.settings import Settings
from napari_vdsr.plugin.enlarge.words import as_script
from napari_vdsr.zoo import Model

# One option asks for it, whatever the processor.
pytestmark = pytest.mark.filterwarnings(
    "ignore:this processor does not compute in bfloat16"
)

IMAGE = np.random.default_rng(0).random((12, 14), np.float32)


def _model(seed: int) -> Model:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = VDSR(2, features=4, bias=True, first_padding="zeros")
    return Model(network.requires_grad_(False), f"model{seed}")


# It has to know black and white, so that no option is without meaning.
FIRST = RunOptions(_model(1), "cpu", "float32", 64, (0, 1), ensemble=True)
OTHER: dict[str, Any] = {
    "model": _model(2),
    "device": "auto",
    "precision": "bfloat16",
    "tile": 32,
    "intensity_range": (0.0, 2.0),
    "ensemble": False,
    "spread": True,
}
SAME = {each.name for each in fields(RunOptions) if each.metadata.get("same pixels")}
NAMES = [each.name for each in fields(RunOptions)]


def changed(name: str) -> RunOptions:
    return replace(FIRST, **{name: OTHER[name]})


@pytest.mark.parametrize("name", NAMES)
def test_it_reaches_the_network_from_the_public_function(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[RunOptions] = []

    def note(image: Any, factor: Any, options: RunOptions, **others: Any) -> None:
        seen.append(options)

    monkeypatch.setattr(enlarged_array, "upscale_array", note)
    values = {each: getattr(changed(name), each) for each in NAMES}
    napari_vdsr.upscale(IMAGE, 2, **values)
    assert seen == [changed(name)] != [FIRST]


@pytest.mark.parametrize("name", NAMES)
def test_it_reaches_the_shell(name: str) -> None:
    offered = set(inspect.signature(command).parameters)
    assert name in offered


@pytest.mark.parametrize("name", NAMES)
def test_it_reaches_scripts(name: str) -> None:
    words = changed(name).keywords()
    assert name in words or OTHER[name] == getattr(RunOptions(), name)
    assert RunOptions(**words) == changed(name)


@pytest.mark.parametrize("name", NAMES)
def test_it_reaches_the_provenance_of_a_layer(name: str) -> None:
    one, other = (
        _image_of(enlarged_layer(Image(IMAGE), 2, options)).metadata["napari-vdsr"]
        for options in (FIRST, changed(name))
    )
    assert one.keys() == other.keys() >= {name}
    if name not in ("device", "precision"):  # what is in use may be the same
        assert one[name] != other[name]


@pytest.mark.parametrize("name", NAMES)
def test_it_reaches_the_caches(name: str) -> None:
    other = changed(name)
    assert FIRST.key == replace(FIRST).key != other.key
    assert kept_upscaler(FIRST) is kept_upscaler(replace(FIRST))
    assert kept_upscaler(FIRST) is not kept_upscaler(other)
    one, another = (
        napari_vdsr.upscale(
            da.from_array(IMAGE, 7, name="image"),
            2,
            **{each: getattr(options, each) for each in NAMES},
        )
        for options in (FIRST, other)
    )
    assert one.name != (another[0] if name == "spread" else another).name


@pytest.mark.parametrize("name", NAMES)
def test_it_reaches_the_identity_of_an_unfinished_file(
    name: str, tmp_path: Path
) -> None:
    layer = Image(IMAGE)
    plan = plan_layer(layer, 2)
    found = []
    for number, options in enumerate((FIRST, changed(name))):
        target = tmp_path / f"{number}.zarr"
        save_enlarged(layer, plan, layer.data, target, options)
        found.append(dict(zarr.open_group(str(target), mode="r").attrs)["napari-vdsr"])
    in_use = name == "precision" and kept_upscaler(changed(name)).precision
    if name in SAME or in_use is torch.float32:  # this processor has no bfloat16
        assert found[0] == found[1], "another one may resume it"
    else:
        assert found[0] != found[1]


def _image_of(made: Any) -> Any:
    return made[0] if isinstance(made, tuple) else made


# What a field of the panel changes beside the script: which layers, where, how shown.
NOT_IN_SCRIPTS = {"area", "bicubic", "consistency", "link_contrast", "more"}
IN_WORDS: dict[str, dict[str, Any]] = {
    "factor": {"factor": "3"},
    "value": {"factor": "custom", "value": "2.5"},
    "model": {"model": "vdsr5"},
    "device": {"device": "cpu"},
    "precision": {"precision": "float32"},
    "tile": {"tile": "128"},
    "ensemble": {"ensemble": True},
    "black": {"black": 1.0, "white": 9.0},
    "white": {"black": 0.0, "white": 9.0},
    "spread": {"ensemble": True, "spread": True},
}


@pytest.mark.parametrize("name", [each.name for each in fields(Settings)])
def test_a_field_of_the_panel_reaches_the_copied_script(name: str) -> None:
    if name in NOT_IN_SCRIPTS:
        return
    layer = Image(IMAGE, name="cells")
    settings = replace(Settings(), **IN_WORDS[name])
    without = replace(settings, **{name: getattr(Settings(), name)})
    tasks = plan_tasks([layer], settings, lambda _: [None]).tasks
    text = as_script(tasks, settings)
    if name in ("value", "black", "white"):
        assert str(IN_WORDS[name][name]) in text
    else:
        assert text != as_script(tasks, without)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"device": "abacus"}, "device is 'abacus'"),
        ({"precision": "int4"}, "precision is 'int4'"),
        ({"tile": 0}, "tile is 0"),
        ({"tile": "5 KB"}, "tile is '5 KB'"),
        ({"intensity_range": 3}, "intensity_range is 3"),
        ({"intensity_range": (2, 1)}, "black, then a larger white"),
        ({"intensity_range": (0, float("nan"))}, "black, then a larger white"),
        ({"spread": True}, "ensemble=True"),
    ],
)
def test_wrong_values_are_named(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        RunOptions(**wrong)


def test_values_of_other_libraries_mean_the_same() -> None:
    limits: Any = np.array([0, 255], np.uint8)
    wanted = RunOptions(precision="float16", tile=np.int64(64), intensity_range=limits)
    device: Any = torch.device("cuda", 1)
    assert replace(wanted, device=device) == RunOptions(
        device="cuda:1",
        precision=str(torch.float16),
        tile="64",
        intensity_range=(0.0, 255.0),
    )
