"""OME-Zarr with faults in what it says: mended or left out with a word."""

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st

from napari_vdsr.errors import FileError, VdsrWarning
from napari_vdsr.files import open_image
from napari_vdsr.files.ngff import (
    completed_omero,
    mended_omero,
    ngff_attributes,
    parse_image,
)

STEPS = [{"type": "scale", "scale": [1, 0.5, 0.25]}]
WINDOW = {"min": 0.0, "max": 9.0, "start": 1.0, "end": 5.0}


def written(path: Path, **changes: Any) -> Path:
    """Write an OME-Zarr of two channels, and change some entries."""
    axes: list[Any] = [{"name": "c", "type": "channel"}]
    axes += [{"name": n, "type": "space", "unit": "micrometer"} for n in "yx"]
    entry = {
        "axes": axes,
        "datasets": [{"path": "0", "coordinateTransformations": STEPS}],
    }
    channels = [{"label": n, "color": "FF0000", "window": WINDOW} for n in "ab"]
    ome = {
        "version": "0.5",
        "multiscales": [{**entry, **changes.get("entry", {})}],
        "omero": changes.get("omero", {"channels": channels}),
    }
    group: Any = zarr.create_group(str(path))
    group.create_array("0", data=np.ones((2, 8, 8), "u2"))
    file = path / "zarr.json"  # zarr itself may refuse to write what is no number
    file.write_text(
        json.dumps(json.loads(file.read_text()) | {"attributes": {"ome": ome}})
    )
    return path


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("00ff7F", "00ff7F"),
        ("#00FF7F", "00FF7F"),
        ("00FF7FFF", "00FF7F"),
        (0x00FF7F, "00FF7F"),
        (-16776961, "FF0000"),  # 0xFF0000FF, as a signed number
        ([0, 255, 127], "00FF7F"),
        ("green", "FFFFFF"),
        (1.5, "FFFFFF"),
        (None, "FFFFFF"),
    ],
)
def test_colours_become_six_hexadecimal_digits(said: Any, meant: str) -> None:
    mended, faults = mended_omero({"channels": [{"color": said}]})
    assert mended is not None
    assert mended["channels"][0]["color"] == meant
    assert bool(faults) == (said != meant)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (WINDOW, WINDOW),
        ({"min": "0", "max": "9", "start": "1", "end": "5"}, WINDOW),
        ({"min": 0, "max": 9}, {"min": 0, "max": 9}),
        ({"start": "0", "end": 9}, {"start": 0, "end": 9}),
        ({"min": "low", "max": 9}, None),
        ({"min": float("nan"), "max": 9}, None),
        ("0-9", None),
    ],
)
def test_windows_become_numbers(said: Any, meant: Any) -> None:
    mended, faults = mended_omero({"channels": [{"color": "FF0000", "window": said}]})
    assert mended is not None
    assert mended["channels"][0].get("window") == meant
    assert bool(faults) == (said != meant)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ({"start": 1, "end": 5}, {"min": 1, "max": 5, "start": 1, "end": 5}),
        ({"min": 0, "end": 5}, {"min": 0, "max": 5, "start": 0, "end": 5}),
        ({"end": 5}, {"min": 2, "max": 5, "start": 2, "end": 5}),
        ({}, {"min": 2, "max": 8, "start": 2, "end": 8}),
    ],
)
def test_gaps_of_windows_are_filled(said: Any, meant: Any) -> None:
    made = completed_omero({"channels": [{"window": said}]}, [(2, 8)])
    assert made == {"channels": [{"window": meant}]}


def test_what_was_mended_is_told(tmp_path: Path) -> None:
    channels = [{"label": 5, "color": 255, "window": {"min": "0", "max": "x"}}] * 2
    path = written(tmp_path / "a.zarr", omero={"channels": channels})
    with pytest.warns(VdsrWarning) as told, open_image(path) as image:
        said = image.picture.metadata.multiscale
    words = " ".join(str(each.message) for each in told)
    for word in ("not valid OME-Zarr and was mended", "color 255", "label 5", "window"):
        assert word in words
    assert said is not None
    assert said.omero is not None
    assert said.omero["channels"] == [{"label": "5", "color": "0000FF"}] * 2


@pytest.mark.parametrize(
    ("kind", "wrong", "expected"),
    [
        ("scale", 0, (1, 0.5, 0.75)),
        ("scale", np.nan, (1, 0.5, 0.75)),
        ("translation", np.inf, (1, 0, 3)),
    ],
)
def test_places_that_are_no_numbers_are_told_and_left_out(
    kind: str, wrong: float, expected: tuple[float, ...], tmp_path: Path
) -> None:
    steps = [*STEPS, {"type": kind, kind: [1, wrong, 3]}]
    entry = {"datasets": [{"path": "0", "coordinateTransformations": steps}]}
    with pytest.warns(VdsrWarning, match=f"mended: its {kind}"):
        image = open_image(written(tmp_path / "a.zarr", entry=entry))
    said = image.picture.metadata.multiscale
    assert said is not None
    assert getattr(said, kind) == expected


@pytest.mark.parametrize("omero", [5, [], {}, {"channels": "x"}, {"channels": [1, 2]}])
def test_channels_that_cannot_be_understood_are_left_out(
    omero: Any, tmp_path: Path
) -> None:
    path = written(tmp_path / "a.zarr", omero=omero)
    with pytest.warns(VdsrWarning, match="mended"), open_image(path) as image:
        said = image.picture.metadata.multiscale
    assert said is not None
    assert said.omero is None


def test_channels_of_another_number_are_left_out(tmp_path: Path) -> None:
    channels = [{"color": "FF0000", "window": WINDOW}] * 3
    path = written(tmp_path / "a.zarr", omero={"channels": channels})
    with (
        pytest.warns(VdsrWarning, match=r"describes 3 channels .*and has 2"),
        open_image(path) as image,
    ):
        assert image.picture.metadata.multiscale is not None
        assert image.picture.metadata.multiscale.omero is None


@pytest.mark.parametrize(
    ("names", "types", "axes"),
    [
        ("cyy", ("channel", "space", "space"), "CYX"),
        ("xxx", ("space", "space", "space"), "ZYX"),
        ("yyx", ("time", "space", "space"), "TYX"),
    ],
)
def test_axes_of_one_name_get_their_own(
    names: str, types: tuple[str, ...], axes: str, tmp_path: Path
) -> None:
    described = [{"name": n, "type": t} for n, t in zip(names, types, strict=True)]
    path = written(
        tmp_path / "a.zarr", entry={"axes": described}, omero={"channels": []}
    )
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with open_image(path) as image:
            said = image.picture.metadata.multiscale
            assert image.picture.axes == axes
    assert any("are taken for" in str(each.message) for each in told)
    assert said is not None
    assert "".join(axis.name for axis in said.axes) == axes.lower()


@pytest.mark.parametrize(
    ("version", "axes"), [("0.1", None), ("0.2", None), ("0.3", list("tczyx"))]
)
def test_older_versions_are_read(version: str, axes: Any, tmp_path: Path) -> None:
    group: Any = zarr.create_group(str(tmp_path / "a.zarr"), zarr_format=2)
    data = np.arange(120, dtype="u2").reshape(1, 2, 1, 10, 6)
    group.create_array("0", data=data)
    group.create_array("1", data=data[..., ::2, ::2])
    entry = {"version": version, "datasets": [{"path": "0"}, {"path": "1"}]}
    group.attrs["multiscales"] = [{**entry, **({"axes": axes} if axes else {})}]
    for path in (tmp_path / "a.zarr", tmp_path / "a.zarr" / "0"):
        with open_image(path) as image:
            picture = image.read()
        assert (picture.axes, picture.pixel_size) == ("TCZYX", None)
        np.testing.assert_array_equal(picture.array, data)


def test_a_version_that_is_not_known_is_named(tmp_path: Path) -> None:
    group: Any = zarr.create_group(str(tmp_path / "a.zarr"))
    group.create_array("0", data=np.ones((8, 8)))
    entry = {"datasets": [{"path": "0"}]}
    group.attrs["ome"] = {"version": "0.9", "multiscales": [entry]}
    with pytest.raises(FileError, match=r"Zarr 0\.9, but .*as .*a\.zarr/0 with"):
        open_image(tmp_path / "a.zarr")
    with open_image(tmp_path / "a.zarr" / "0", axes_told=True) as image:
        assert image.picture.axes == "YX"


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["channels", "color", "window", "min", "max", "label", "x"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(omero=JSON, more=JSON)
def test_whatever_is_said_of_channels_the_result_is_valid(
    omero: Any, more: Any
) -> None:
    pytest.importorskip("ome_zarr_models")
    from ome_zarr_models.common.omero import Omero

    for said in (omero, {"channels": omero}, {"channels": [omero, more]}):
        mended, _ = mended_omero(said)
        if mended is None:
            continue
        limits = [(0.0, 1.0)] * len(mended["channels"])
        completed = completed_omero(mended, limits)
        assert completed is not None
        Omero.model_validate(completed)
        for channel in completed["channels"]:
            assert isinstance(channel.get("label", ""), str)
            assert isinstance(channel.get("active", True), bool)


@given(name=JSON, axis=JSON, unit=JSON)
def test_whatever_axes_are_called_the_result_is_valid(
    name: Any, axis: Any, unit: Any
) -> None:
    pytest.importorskip("ome_zarr_models")
    from ome_zarr_models.v05.multiscales import Multiscale

    axes = [{"name": "q", "type": axis, "unit": unit}]
    axes += [{"name": n, "type": "space", "unit": unit} for n in "yx"]
    datasets = [{"path": "0", "coordinateTransformations": STEPS}]
    entry = {"name": name, "axes": axes, "datasets": datasets}
    found = parse_image("a", {"multiscales": [entry]}, len)
    assert found is not None
    made = ngff_attributes(found.multiscale, [(2, 8, 8)], "0.5")["ome"]
    (multiscale,) = made["multiscales"]
    json.dumps(multiscale)
    Multiscale.model_validate(multiscale)
    assert all(set(each) <= {"name", "type", "unit"} for each in multiscale["axes"])
    assert {"name", "type", "metadata", "version"} <= {*multiscale, *made}
    assert all(isinstance(each["type"], str) for each in multiscale["axes"])
