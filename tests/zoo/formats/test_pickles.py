import argparse
import collections
import datetime
import pathlib
import pickle
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from io import BytesIO
from typing import Any

import numpy as np
import pytest

from napari_vdsr.errors import ModelError
from napari_vdsr.zoo.pickles import Inert, PickleReader


def read(data: bytes) -> Any:
    return PickleReader(BytesIO(data)).load()


class Reducing:
    """Pickles as a call of anything."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.made = (function, arguments)

    def __reduce__(self) -> Any:
        return self.made


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_plain_values_come_back(protocol: int) -> None:
    value = {"a": [1, -2, 2**70, 1.5, None, True, False], "b": ((), (1,), "ä", "x")}
    value["c"] = value["a"]
    back = read(pickle.dumps(value, protocol))
    assert back == value
    assert back["c"] is back["a"]


def test_strings_of_python_2_are_read_as_utf_8() -> None:
    assert read(b"\x80\x02U\x02\xc3\xa4.") == "ä"


def test_pickles_are_read_one_after_another() -> None:
    stream = BytesIO(pickle.dumps(1, 2) + pickle.dumps("a", 2) + b"rest")
    reader = PickleReader(stream)
    assert (reader.load(), reader.load()) == (1, "a")
    assert stream.read() == b"rest"


class Settings(collections.UserDict):  # type: ignore[type-arg]
    pass


BESIDE = {
    "counter": collections.Counter("abc"),
    "namespace": argparse.Namespace(lr=0.1),
    "array": np.arange(3),
    "scalar": np.float64(1),
    "random state": np.random.RandomState(0),
    "generator": np.random.default_rng(0),
    "path": pathlib.PurePosixPath("a/b"),
    "date": datetime.datetime(2020, 1, 1),
    "float keys": {0.5: 1, (1, 2): 3, None: 4, b"x": 5},
    "set": {1, 2},
    "frozen set": frozenset({(1, 2)}),
    "queue": collections.deque([1, 2], 3),
    "own class": Settings(a=1),
    "function": len,
    "class": Settings,
    "slice": slice(1, 2),
    "complex": 1j,
    "bytes": b"x",
    "range": range(3),
}


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("kind", BESIDE)
def test_what_stands_beside_the_weights_is_inert(kind: str, protocol: int) -> None:
    data = pickle.dumps({"beside": BESIDE[kind], "epoch": 3}, protocol)
    assert read(data)["epoch"] == 3


def test_dicts_of_other_kinds_are_dicts() -> None:
    content = collections.defaultdict(list, a=1)
    assert read(pickle.dumps(content)) == {"a": 1}
    assert read(pickle.dumps(collections.OrderedDict(b=2))) == {"b": 2}


EVIL = {
    "os.system, protocol 2": b"\x80\x02cos\nsystem\nX\x05\x00\x00\x00false\x85R.",
    "os.system, protocol 4": pickle.dumps(Reducing(__import__("os").system, "false")),
    "posix.system": b"\x80\x02cposix\nsystem\nX\x05\x00\x00\x00false\x85R.",
    "builtins.eval": pickle.dumps(Reducing(eval, "1")),
    "builtins.exec": pickle.dumps(Reducing(exec, "1")),
    "__builtin__.eval": b"\x80\x02c__builtin__\neval\nX\x01\x00\x00\x001\x85R.",
    "pickle.loads": pickle.dumps(Reducing(pickle.loads, b"N.")),
    "Popen made": b"\x80\x02csubprocess\nPopen\nX\x05\x00\x00\x00false\x85\x81.",
    "Popen made as if a module": (
        b"\x80\x02csubprocess\nPopen\nX\x05\x00\x00\x00false\x85\x81"
        b"}(X\x08\x00\x00\x00_modules}X\x0b\x00\x00\x00_parameters}ub."
    ),
    "Popen made empty": b"\x80\x02csubprocess\nPopen\n)\x81.",
    "Popen set up": b"\x80\x02csubprocess\nPopen\n)\x81}b.",
    "only named": b"\x80\x02cos\nsystem\n.",
    "named in a list": b"\x80\x02]cos\nsystem\na.",
    "torch.load": b"\x80\x02ctorch\nload\nX\x01\x00\x00\x00x\x85R.",
    "torch.hub.load": b"\x80\x02ctorch.hub\nload\nX\x01\x00\x00\x00x\x85R.",
    "numpy.load": b"\x80\x02cnumpy\nload\nX\x01\x00\x00\x00x\x85R.",
    "instance, old way": b"(X\x05\x00\x00\x00falseios\nsystem\n.",
    "object, old way": b"(cos\nsystem\nX\x05\x00\x00\x00falseo.",
    "extension": b"\x80\x02\x82\x01.",
    "made with keywords": b"\x80\x04cos\nsystem\n)}\x92.",
    "persistent name": b"\x80\x02Pos.system\n.",
    "persistent thing": b"\x80\x02X\x02\x00\x00\x00os\x85Q.",
    "call through a tensor": (
        b"\x80\x02ctorch._utils\n_rebuild_parameter\ncos\nsystem\n\x85R."
    ),
    "storage of a name": b"\x80\x02X\x07\x00\x00\x00storagecos\nsystem\n\x86Q.",
}

# These name nothing that runs programs by itself, so they become inert.
DULL = {
    "builtins.getattr": pickle.dumps(Reducing(getattr, "x", "upper")),
    "dotted name": b"\x80\x04\x8c\x05torch\x8c\x0bhub.reducer\x93.",
    "call of what was made": b"\x80\x02ccollections\nOrderedDict\n)R)R.",
    "a class of ours": b"\x80\x02cnapari_vdsr.zoo.model\nModel\n)R.",
    "state of what was made": (
        b"\x80\x02cfoo\nBar\n)\x81}X\x09\x00\x00\x00__class__X\x01\x00\x00\x00xsb."
    ),
    "the registry of instructions": b"\x80\x02ccopyreg\n_inverted_registry\n.",
}


@pytest.mark.parametrize("kind", EVIL)
def test_whatever_could_run_code_is_refused(kind: str) -> None:
    with pytest.raises(ModelError):
        read(EVIL[kind])


@pytest.mark.parametrize("kind", DULL)
def test_other_calls_make_nothing(kind: str) -> None:
    assert type(read(DULL[kind])) is Inert


@pytest.mark.parametrize("name", ["os.system", "builtins.eval", "subprocess.Popen"])
def test_what_is_refused_is_named(name: str) -> None:
    module, _, function = name.rpartition(".")
    data = f"\x80\x02c{module}\n{function}\n)R.".encode("latin-1")
    with pytest.raises(ModelError, match=f"{name}.*refused.*state_dict"):
        read(data)


WATCHED = """
import pickle, sys
from io import BytesIO
from napari_vdsr.errors import ModelError
from napari_vdsr.zoo.pickles import PickleReader

files = pickle.load(sys.stdin.buffer)
seen = []
sys.addaudithook(lambda event, arguments: seen.append((event, arguments)))
for data in files:
    try:
        PickleReader(BytesIO(data)).load()
    except ModelError:
        pass
print(sorted({event for event, _ in seen}))
"""


def test_nothing_is_run_opened_or_imported() -> None:
    module = b"}(X\x08\x00\x00\x00_modules}X\x0b\x00\x00\x00_parameters}ub"
    files = [*EVIL.values(), *DULL.values(), *map(pickle.dumps, BESIDE.values())]
    files += [
        b"\x80\x02cthis\ns\n" + end
        for end in (b".", b")R.", b")\x81.", b")\x81" + module + b".")
    ]
    done = subprocess.run(
        [sys.executable, "-c", WATCHED],
        input=pickle.dumps(files),
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode().strip() == "[]"


MARKS = {
    "memo": b"\x80\x02Nr\xff\xff\xff\x7f.",
    "frame": b"\x80\x04\x95" + b"\xff" * 7 + b"\x3f" + b"N.",
}
HUGE = {
    "string": b"\x80\x02X\xff\xff\xff\x7fabc.",
    "long string": b"\x80\x04\x8d" + b"\xff" * 7 + b"\x7f" + b"abc.",
    "bytes": b"\x80\x04\x8e" + b"\xff" * 7 + b"\x3f" + b"abc.",
    "byte array": b"\x80\x05\x96" + b"\x00\x00\x00\x80\x00\x00\x00\x00" + b"abc.",
    "integer": b"\x80\x02\x8b\xff\xff\xff\x7fabc.",
    "no end": b"\x80\x02" + b"N0" * 300_000 + b"N.",
}


@pytest.mark.parametrize("kind", [*MARKS, *HUGE])
def test_what_is_declared_huge_takes_no_memory(
    kind: str, memory_below: Callable[[float], AbstractContextManager[None]]
) -> None:
    with memory_below(20e6):
        if kind in MARKS:
            assert read(MARKS[kind]) is None
        else:
            with pytest.raises(ModelError):
                read(HUGE[kind])


TWICE = b"h\x00h\x00\x86q\x00"  # a pair of twice the same, kept in its place
PAIRS = b"\x80\x02" + b")q\x00" + TWICE * 60
MANY = b"\x80\x02(" + b"N" * 100_000 + b"lq\x000"  # a list, kept
NAME = b"X" + (1_000_000).to_bytes(4, "little") + b"a" * 1_000_000
NESTED = 450_000
ENDLESS = {
    "key of pairs": PAIRS + b"}h\x00Ns.",
    "keys of pairs": PAIRS + b"}(h\x00Nu.",
    "dict of pairs": PAIRS + b"0(h\x00Nd.",
    "set of pairs": b"\x80\x04\x8f(" + b")q\x00" + TWICE * 60 + b"\x90.",
    "frozen set of pairs": b"\x80\x04(" + b")q\x00" + TWICE * 60 + b"\x91.",
    "reduced by pairs": PAIRS + b"ccollections\nCounter\nh\x00\x85R.",
    "dict of the same list": (
        MANY + b"ccollections\nOrderedDict\nh\x00\x85R0" * 50_000 + b"N."
    ),
    "calls with the same list": (
        MANY + b"ctorch._utils\n_rebuild_parameter\nh\x00R0" * 50_000 + b"N."
    ),
    "references of the same list": MANY + b"h\x00Q0" * 200_000 + b"N.",
    "shapes of the same list": (
        MANY + b"ctorch._utils\n_rebuild_tensor\n(NK\x00h\x00h\x00tR0" * 50_000 + b"N."
    ),
    "names of one long string": (
        b"\x80\x04" + NAME + b"q\x000" + b"h\x00h\x00\x930" * 200_000 + b"N."
    ),
    "tuples": b"\x80\x02)" + b"\x85" * NESTED + b".",
    "lists": b"\x80\x02" + b"]" * (NESTED // 2) + b"a" * (NESTED // 2 - 1) + b".",
    "key of tuples": b"\x80\x02})" + b"\x85" * NESTED + b"Ns.",
    "dicts": b"\x80\x02" + b"}X\x01\0\0\0a" * 150_000 + b"N" + b"s" * 150_000 + b".",
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_what_would_take_for_ever_ends(kind: str) -> None:
    start = time.thread_time()
    try:
        read(ENDLESS[kind])
    except ModelError as error:
        assert len(str(error)) < 400
    # A second or two; without the limits it takes minutes.
    assert time.thread_time() - start < 60


@pytest.mark.parametrize(
    "data", [b"", b".", b"\x80\x02", b"\x80\x02}", b"\x80\x02N", b"\x80\x02Nt."]
)
def test_a_damaged_pickle_is_a_typed_error(data: bytes) -> None:
    with pytest.raises(ModelError, match="damaged"):
        read(data)


def test_an_unknown_instruction_is_named() -> None:
    with pytest.raises(ModelError, match=r"instruction '\?'"):
        read(b"?")
