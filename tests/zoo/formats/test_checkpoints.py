import argparse
import collections
import datetime
import pathlib
import pickle
import struct
import zipfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_vdsr.errors import ModelError
from napari_vdsr.network import VDSR, network_from_state
from napari_vdsr.zoo.checkpoints import read_checkpoint, renamed
from napari_vdsr.zoo.formats import read_weights


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
    "averaged": lambda: torch.optim.swa_utils.AveragedModel(NETWORK).state_dict(),
    "counters among them": lambda: {"step": 3, "decay": torch.tensor(0.9), **STATE},
    "counters of a mean": lambda: {
        "params_ema": {
            **STATE,
            "num_updates": torch.tensor([7]),
            "decay": torch.ones(1),
        }
    },
    "beside anything": lambda: {
        "scheduler": {"milestones": collections.Counter([3, 3]), "by loss": {0.5: 1}},
        "arguments": argparse.Namespace(lr=0.1, data=pathlib.PurePosixPath("a")),
        "losses": np.arange(3.0),
        "by class": collections.defaultdict(list, a=[1]),
        "date": datetime.datetime(2020, 1, 1),
        "curve": torch.arange(100.0),
        "state_dict": STATE,
    },
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
    read, _ = read_weights(saved(state, new))
    for name, value in read.items():
        assert torch.equal(value, state[name].float())
    assert read.keys() == STATE.keys()


def test_storages_are_named_by_words_alone() -> None:
    # Tuples of tuples, each of which is there twice: to hash one takes for ever.
    pairs = b")q\x000" + b"h\x00h\x00\x86q\x000" * 60 + b"h\x00"
    parts = [pickle.dumps(value, 2) for value in (0x1950A86A20F9469CFC6C, 1001, {}, {})]
    with pytest.raises(ModelError, match="storages have no names"):
        read_checkpoint(b"".join(parts) + b"\x80\x02]" + pairs + b"a." + b"\0" * 64)


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
        b"J"
        + struct.pack("<i", offset)
        + b"(K\x01K\x01K\x01J"
        + struct.pack("<i", shape)
        + b"t"
        b"(K\x00K\x00K\x00J" + struct.pack("<i", stride) + b"t\x89NtRs."
    )


def test_a_tensor_made_by_hand_is_read() -> None:
    stored = bytes(range(40))
    data = packed(0, **{"data.pkl": rebuilt(10, 2, 4, 2), "data_0": stored})
    numbers = np.frombuffer(stored, "<f4")
    read = read_checkpoint(data)["conv0.weight"]
    assert np.array_equal(read.ravel(), numbers[2:10:2])


@pytest.mark.parametrize(
    "sizes",
    [
        (10, 0, 11, 1),
        (10, 7, 4, 1),
        (10, 0, 4, 4),
        (10, -1, 4, 1),
        (10, 0, -4, 1),
        (10, 9, 2, 1),
        (10, 0, 4, -1),
        (10, 0, 2**31 - 1, 0),
        (2**31 - 1, 0, 2**31 - 1, 1),
        (10, 2**31 - 1, 1, 1),
        (10, 0, 0, 1),
    ],
)
def test_a_tensor_beyond_its_storage_is_refused_without_memory(
    sizes: tuple[int, int, int, int],
    memory_below: Callable[[float], AbstractContextManager[None]],
) -> None:
    data = packed(0, **{"data.pkl": rebuilt(*sizes), "data_0": bytes(40)})
    with memory_below(20e6), pytest.raises(ModelError, match="damaged"):
        read_checkpoint(data)


def test_tensors_that_share_a_storage_cannot_multiply_it() -> None:
    view = torch.zeros(50_000, 1, 1, 1)
    with pytest.raises(ModelError, match="more numbers than the file"):
        read_checkpoint(saved({f"conv{index}.weight": view for index in range(1000)}))


def test_a_storage_with_many_small_parts_is_read_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    usual = zipfile.ZipFile.read
    names = []

    def read(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> bytes:
        names.append(part.filename)
        return usual(archive, part)

    monkeypatch.setattr(zipfile.ZipFile, "read", read)
    large = torch.zeros(5_000_000)
    views = {f"c{i}.weight": large[i : i + 1].view(1, 1, 1, 1) for i in range(1000)}
    assert len(read_checkpoint(saved(views))) == 1000
    assert sum("/data/" in name for name in names) == 1


def test_more_tensors_than_any_network_has_are_refused() -> None:
    views = {f"conv{index}.weight": torch.zeros(1, 1, 1, 1) for index in range(1001)}
    with pytest.raises(ModelError, match="more than 1,000 tensors"):
        read_checkpoint(saved(views, new=False))


def test_parts_of_a_zip_file_that_overlap_cannot_multiply_it() -> None:
    stored = saved({"a": torch.zeros(1, 1, 1, 100_000), "b": torch.ones(1, 1, 1, 1)})
    names = zipfile.ZipFile(BytesIO(stored)).namelist()
    first = next(name for name in names if name.endswith("data/0")).encode()
    other = first[:-1] + b"1"
    at, beside = (
        stored.rindex(b"PK\1\2", 0, stored.rindex(name)) for name in (first, other)
    )
    # The second part says that it lies where the first one does.
    copied = bytearray(stored)
    copied[beside + 16 : beside + 28] = stored[at + 16 : at + 28]
    copied[beside + 42 : beside + 46] = stored[at + 42 : at + 46]
    with pytest.raises(ModelError, match="damaged"):
        read_checkpoint(bytes(copied))


def test_a_zip_file_of_very_many_parts_is_refused_at_once() -> None:
    with pytest.raises(ModelError, match="more than 10,000 parts"):
        read_checkpoint(b"PK\3\4" + (b"PK\1\2" + bytes(42)) * 20_000)


@pytest.mark.parametrize("new", [True, False], ids=["zip", "legacy"])
def test_weights_that_float32_cannot_hold_are_refused(new: bool) -> None:
    state = {name: value.double() * 1e300 for name, value in STATE.items()}
    with pytest.raises(ModelError, match="not all finite"):
        network_from_state(read_weights(saved(state, new))[0])


def test_memory_that_was_never_written_is_not_read() -> None:
    """torch.load gives out such memory for a file of the older format like this."""
    data = saved(STATE, new=False)
    pickles, _, _ = data.rpartition(b"\x80\x02]q\x00(")  # the list of its storages
    with pytest.raises(ModelError, match="damaged"):
        read_checkpoint(pickles + b"\x80\x02].")


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
