import json
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_vdsr.errors import ModelError
from napari_vdsr.network import VDSR, network_from_state
from napari_vdsr.zoo import load_model
from napari_vdsr.zoo.checkpoints import renamed
from napari_vdsr.zoo.formats import (
    read_metadata,
    read_native,
    write_native,
)

STATE = VDSR(depth=3, features=4).state_dict()
METADATA = {"title": "A model", "licence": "CC0", "note": "ä"}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("native") / "a.safetensors"
    write_native(path, STATE, METADATA, overwrite=False)
    return path


def test_tensors_and_metadata_come_back(path: Path) -> None:
    state, metadata = read_native(path.read_bytes())
    assert metadata == read_metadata(path) == METADATA
    assert all(torch.equal(state[name], STATE[name]) for name in STATE)


def with_header(header: object, data: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


DAMAGED = {
    "empty": b"",
    "short": b"\x10\0\0",
    "huge header": b"\xff" * 7 + b"\x7f{}",
    "no header": bytes(8) + b"{",
    "no JSON": b"\x03\0\0\0\0\0\0\0{a}",
    "no object": with_header([1]),
    "deep": (100_000).to_bytes(8, "little") + b"[" * 100_000,
    "metadata of numbers": with_header({"__metadata__": 1}),
    "unknown type": with_header(
        {"a": {"dtype": "X9", "shape": [1], "data_offsets": [0, 4]}}, bytes(4)
    ),
    "more than there is": with_header(
        {"a": {"dtype": "F32", "shape": [2**62], "data_offsets": [0, 2**62]}}, bytes(4)
    ),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_file_is_a_typed_error(kind: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="damaged"):
        read_native(DAMAGED[kind])


def test_metadata_of_a_damaged_file_is_a_typed_error(tmp_path: Path) -> None:
    for kind in ("empty", "huge header", "no JSON", "no object", "deep"):
        (tmp_path / "a.safetensors").write_bytes(DAMAGED[kind])
        with pytest.raises(ModelError, match=r"a\.safetensors is damaged"):
            read_metadata(tmp_path / "a.safetensors")


def test_ten_thousand_layers_are_refused_by_their_number(tmp_path: Path) -> None:
    state = {f"c{index}.weight": torch.zeros(1, 1, 1, 1) for index in range(10_000)}
    write_native(tmp_path / "deep.safetensors", state, {}, overwrite=False)
    with pytest.raises(ModelError, match="10000 tensors are not those of"):
        load_model(tmp_path / "deep.safetensors")


@pytest.mark.parametrize(
    ("dtype", "reason"),
    [(torch.float8_e4m3fn, "float8_e4m3fn"), (torch.int8, "int8")],
)
def test_numbers_that_are_no_weights_are_refused(
    dtype: torch.dtype, reason: str, tmp_path: Path
) -> None:
    state = {name: value.to(dtype) for name, value in STATE.items()}
    write_native(tmp_path / "small.safetensors", state, {}, overwrite=False)
    with pytest.raises(ModelError, match=f"dtype {reason}: expected float16"):
        load_model(tmp_path / "small.safetensors")


def test_numbers_too_large_for_float32_are_refused(tmp_path: Path) -> None:
    state = {name: value.double() * 1e300 for name, value in STATE.items()}
    write_native(tmp_path / "large.safetensors", state, {}, overwrite=False)
    with pytest.raises(ModelError, match="not all finite"):
        load_model(tmp_path / "large.safetensors")


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 900), st.binary(min_size=1, max_size=5)),
        min_size=1,
        max_size=4,
    ),
    st.integers(0, 2000),
)
def test_a_mutated_file_is_read_or_refused_with_a_typed_error(
    path: Path, changes: list[tuple[int, bytes]], length: int
) -> None:
    data = bytearray(path.read_bytes())
    for position, piece in changes:
        data[position : position + len(piece)] = piece
    try:
        state, _ = read_native(bytes(data[:length]) if length % 2 else bytes(data))
        network_from_state(renamed(state))
    except ModelError:
        pass
