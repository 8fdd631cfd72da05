import struct
import tracemalloc
import zlib
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import scipy.io
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from napari_vdsr.errors import ModelError
from napari_vdsr.zoo.formats.matlab import read_matlab


def cells(items: list[NDArray[Any]]) -> NDArray[Any]:
    column = np.empty((len(items), 1), dtype=object)
    column[:, 0] = items
    return column


def saved(compressed: bool = True, **variables: Any) -> bytes:
    file = BytesIO()
    scipy.io.savemat(file, variables, do_compression=compressed)
    return file.getvalue()


rng = np.random.default_rng(0)
WEIGHTS = [rng.normal(size=shape) for shape in [(3, 3, 1, 4), (3, 3, 4, 4), (3, 3, 4)]]
BIASES = [rng.normal(size=(n, 1)) for n in (4, 4, 1)]
MODEL = {"weight": cells(WEIGHTS), "bias": cells(BIASES)}


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weights_come_back_with_their_axes_in_our_order(
    dtype: str, compressed: bool
) -> None:
    model = {
        "weight": cells([weight.astype(dtype) for weight in WEIGHTS]),
        "bias": cells([bias.astype(dtype) for bias in BIASES]),
    }
    state = read_matlab(saved(compressed, other=[1, 2], model=model))
    assert state["conv0.weight"].shape == (4, 1, 3, 3)
    assert state["conv2.weight"].shape == (1, 4, 3, 3)
    assert state["conv1.weight"][3, 2, 0, 1] == np.float32(WEIGHTS[1][0, 1, 2, 3])
    assert np.array_equal(state["conv0.bias"], BIASES[0].ravel().astype("float32"))


def test_a_file_without_weights_says_what_is_in_it() -> None:
    with pytest.raises(ModelError, match="found: camera, gain"):
        read_matlab(saved(camera=np.ones(3), gain=2))


def test_weights_without_their_biases_are_refused() -> None:
    with pytest.raises(ModelError, match="3 weights, but 2 biases"):
        read_matlab(saved(model=MODEL | {"bias": cells(BIASES[:2])}))


def test_a_matlab_7_3_file_says_what_to_do() -> None:
    with pytest.raises(ModelError, match="-v7"):
        read_matlab(b"MATLAB 7.3 MAT-file" + bytes(200))


def header(order: str = "<") -> bytes:
    return b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack(f"{order}HH", 0x100, 0x4D49)


def matrix(kind: int, shape: tuple[int, ...], rest: bytes) -> bytes:
    flags = struct.pack("<IIII", 6, 8, kind, 0)
    sizes = struct.pack(f"<II{len(shape)}i", 5, 4 * len(shape), *shape)
    body = flags + sizes + bytes(-len(sizes) % 8) + struct.pack("<II", 1, 0) + rest
    return header() + struct.pack("<II", 14, len(body)) + body


HUGE = {
    "cells": matrix(1, (2**31 - 1, 2**31 - 1), bytes(8)),
    "numbers": matrix(6, (2**31 - 1, 4), struct.pack("<II", 9, 2**31)),
    "fields": matrix(2, (1, 1), struct.pack("<HHIII", 5, 4, 1, 1, 2**31)),
    "flood": header()
    + (lambda packed: struct.pack("<II", 15, len(packed)) + packed)(
        zlib.compress(struct.pack("<II", 14, 2**31) + bytes(1_000_000))
    ),
}


@pytest.mark.parametrize("kind", HUGE)
def test_what_is_declared_huge_takes_no_memory(kind: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(ModelError):
            read_matlab(HUGE[kind])
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()


def test_cells_in_cells_without_end_are_refused() -> None:
    inner = b""
    for _ in range(200):
        inner = matrix(1, (1, 1), inner)[128:]
    with pytest.raises(ModelError, match="deep"):
        read_matlab(header() + inner)


SAMPLES = [saved(False, model=MODEL), saved(True, model=MODEL)]


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, len(SAMPLES) - 1),
    st.lists(
        st.tuples(
            st.integers(120, 5000),
            st.binary(min_size=1, max_size=9)
            | st.sampled_from(
                [b"\xff" * 4, b"\x0e\0\0\0", b"\x01\0\0\0", b"\0\0\0\x7f"]
            ),
        ),
        min_size=1,
        max_size=4,
    ),
    st.integers(0, 5000),
)
def test_a_mutated_file_is_read_or_refused_with_a_typed_error(
    sample: int, changes: list[tuple[int, bytes]], length: int
) -> None:
    data = bytearray(SAMPLES[sample])
    for position, piece in changes:
        position %= len(data)
        data[position : position + len(piece)] = piece
    try:
        read_matlab(bytes(data[:length]) if length % 2 else bytes(data))
    except ModelError:
        pass
