import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_vdsr.errors import ModelError
from napari_vdsr.network import VDSR, network_from_state
from napari_vdsr.zoo.formats.checkpoints import read_checkpoint
from napari_vdsr.zoo.formats.layouts import renamed


def saved(content: Any, new: bool = True) -> bytes:
    file = BytesIO()
    torch.save(content, file, _use_new_zipfile_serialization=new)
    return file.getvalue()


NETWORK = VDSR(depth=3, features=4, bias=True, first_padding="zeros")
STATE = NETWORK.state_dict()


def trained() -> dict[str, Any]:
    """A checkpoint as training scripts write it, with what goes on beside."""
    optimizer = torch.optim.Adam(NETWORK.parameters())
    NETWORK(torch.rand(1, 1, 8, 8)).mean().backward()
    before = {name: value.clone() for name, value in STATE.items()}
    optimizer.step()
    NETWORK.load_state_dict(before)
    return {
        "epoch": 3,
        "best": np.float64(37.5),
        "optimizer": optimizer.state_dict(),
        "state_dict": NETWORK.state_dict(),
    }


CONTENTS: dict[str, Callable[[], Any]] = {
    "state_dict": lambda: STATE,
    "plain dict": lambda: dict(STATE),
    "trained": trained,
    "under another word": lambda: {"epoch": 1, "my_weights": STATE},
    "whole module": lambda: NETWORK,
    "module in a checkpoint": lambda: {"epoch": 1, "model": NETWORK},
    "in parallel": lambda: torch.nn.DataParallel(NETWORK).state_dict(),
    "parameters": lambda: dict(NETWORK.named_parameters()),
    "not contiguous": lambda: {
        name: value.mT.contiguous().mT if value.ndim == 4 else value
        for name, value in STATE.items()
    },
    "part of a larger tensor": lambda: {
        name: torch.stack([value + 1, value])[1] for name, value in STATE.items()
    },
}


@pytest.mark.parametrize("new", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("kind", CONTENTS)
def test_weights_come_back_as_they_were(kind: str, new: bool) -> None:
    state = renamed(read_checkpoint(saved(CONTENTS[kind](), new)))
    assert state.keys() == STATE.keys()
    for name, value in state.items():
        assert np.allclose(value, STATE[name].numpy(), atol=1e-6)
    tensors = {name: torch.tensor(value) for name, value in state.items()}
    assert network_from_state(tensors).depth == 3


@pytest.mark.parametrize("new", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_become_float32(dtype: torch.dtype, new: bool) -> None:
    state = {name: value.to(dtype) for name, value in STATE.items()}
    for name, value in read_checkpoint(saved(state, new)).items():
        assert value.dtype == np.float32
        assert np.array_equal(value, state[name].float().numpy())


def test_averaged_weights_are_preferred() -> None:
    averaged = {name: value + 1 for name, value in STATE.items()}
    read = read_checkpoint(saved({"params": dict(STATE), "params_ema": averaged}))
    assert np.array_equal(read["conv0.bias"], averaged["conv0.bias"].numpy())


class Trap:
    def __reduce__(self) -> Any:
        import os

        return os.system, ("touch /tmp/never",)


@pytest.mark.parametrize("new", [True, False], ids=["zip", "legacy"])
def test_code_beside_weights_is_refused_by_name(new: bool) -> None:
    with pytest.raises(ModelError, match=r"(posix|nt)\.system"):
        read_checkpoint(saved({"state_dict": STATE, "extra": Trap()}, new))


def test_integers_are_no_weights() -> None:
    with pytest.raises(ModelError, match="LongStorage"):
        read_checkpoint(saved({"conv0.weight": torch.ones(1, 1, 3, 3).long()}))


@pytest.mark.parametrize("new", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("content", [{"epoch": 3, "loss": [1.0]}, [1, 2], None, {}])
def test_a_checkpoint_without_weights_says_what_is_in_it(
    content: Any, new: bool
) -> None:
    with pytest.raises(ModelError, match="no weights in it"):
        read_checkpoint(saved(content, new))


def test_a_module_that_holds_itself_is_refused() -> None:
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 3))
    network._modules["1"] = network
    with pytest.raises(ModelError, match="without end"):
        read_checkpoint(saved(network))


def packed(compression: int, **parts: bytes) -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, data in parts.items():
            archive.writestr(f"archive/{name.replace('_', '/')}", data)
    return file.getvalue()


def rebuilt(count: int, offset: int, shape: int, stride: int) -> bytes:
    """A pickle of one tensor whose sizes are free to choose."""
    return (
        b"\x80\x02}X\x0c\x00\x00\x00conv0.weightctorch._utils\n_rebuild_tensor_v2\n("
        b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000"
        b"X\x03\x00\x00\x00cpuJ" + struct.pack("<i", count) + b"tQ"
        b"J" + struct.pack("<i", offset) + b"(J" + struct.pack("<i", shape) + b"t"
        b"(J" + struct.pack("<i", stride) + b"t\x89NtRs."
    )


def test_a_tensor_made_by_hand_is_read() -> None:
    stored = bytes(range(40))
    data = packed(0, **{"data.pkl": rebuilt(10, 2, 4, 2), "data_0": stored})
    numbers = np.frombuffer(stored, "<f4")
    assert np.array_equal(read_checkpoint(data)["conv0.weight"], numbers[2:10:2])


@pytest.mark.parametrize(
    "sizes",
    [
        (10, 0, 11, 1),
        (10, 7, 4, 1),
        (10, 0, 4, 4),
        (10, -1, 4, 1),
        (10, 0, -4, 1),
        (10, 0, 4, -1),
        (10, 0, 2**31 - 1, 0),
        (2**31 - 1, 0, 2**31 - 1, 1),
        (10, 2**31 - 1, 1, 1),
        (10, 0, 0, 1),
    ],
)
def test_a_tensor_beyond_its_storage_is_refused_without_memory(
    sizes: tuple[int, int, int, int],
) -> None:
    data = packed(0, **{"data.pkl": rebuilt(*sizes), "data_0": bytes(40)})
    tracemalloc.start()
    try:
        with pytest.raises(ModelError, match="damaged"):
            read_checkpoint(data)
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()


def test_tensors_that_share_a_storage_cannot_multiply_it() -> None:
    view = torch.zeros(50_000)
    with pytest.raises(ModelError, match="more numbers than the file"):
        read_checkpoint(saved({f"conv{index}.bias": view for index in range(1000)}))


def test_a_part_that_would_unpack_to_a_flood_is_refused() -> None:
    data = packed(
        zipfile.ZIP_DEFLATED, **{"data.pkl": b"\x80\x02" + b"N0" * 10_000_000 + b"N."}
    )
    assert len(data) < 100_000
    with pytest.raises(ModelError, match="compressed"):
        read_checkpoint(data)


def test_a_missing_part_is_named() -> None:
    with pytest.raises(ModelError, match="data/0 is missing"):
        read_checkpoint(packed(0, **{"data.pkl": rebuilt(10, 0, 4, 1)}))


def test_a_torchscript_file_is_refused() -> None:
    with pytest.raises(ModelError, match=r"not one of torch\.save"):
        read_checkpoint(packed(0, **{"data.pkl": b"N.", "constants.pkl": b"N."}))


SAMPLES = [
    saved(STATE),
    saved(STATE, False),
    saved(NETWORK),
    saved(NETWORK, False),
    saved(trained(), False),
]


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.integers(0, len(SAMPLES) - 1),
    st.lists(
        st.tuples(
            st.integers(0, 6000),
            st.binary(min_size=1, max_size=9)
            | st.sampled_from([b"\xff" * 8, bytes(8), b"R", b".", b"cos\nsystem\n)R"]),
        ),
        min_size=1,
        max_size=4,
    ),
    st.integers(0, 40_000),
)
def test_a_mutated_checkpoint_is_read_or_refused_with_a_typed_error(
    sample: int, changes: list[tuple[int, bytes]], length: int
) -> None:
    data = bytearray(SAMPLES[sample])
    for position, piece in changes:
        position %= len(data)
        data[position : position + len(piece)] = piece
    cut = bytes(data[:length]) if length % 2 else bytes(data)
    try:
        state = renamed(read_checkpoint(cut))
        network_from_state({name: torch.tensor(value) for name, value in state.items()})
    except ModelError:
        pass
