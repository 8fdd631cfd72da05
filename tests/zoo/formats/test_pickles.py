import pickle
import struct
import sys
import tracemalloc
from collections.abc import Callable
from contextlib import nullcontext
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from napari_vdsr.errors import ModelError
from napari_vdsr.zoo.formats.pickles import read_pickle


def read(data: bytes) -> Any:
    return read_pickle(BytesIO(data))


class Reducing:
    """Pickles as a call of anything."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.made = (function, arguments)

    def __reduce__(self) -> Any:
        return self.made


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_plain_values_come_back(protocol: int) -> None:
    value = {"a": [1, -2, 2**70, 1.5, None, True, False], "b": ((), (1,), "ä", b"x")}
    value["c"] = value["a"]
    back = read(pickle.dumps(value, protocol))
    assert back == value
    assert back["c"] is back["a"]


def test_strings_of_python_2_are_read_as_utf_8() -> None:
    assert read(b"\x80\x02U\x02\xc3\xa4.") == "ä"


def test_the_stream_is_left_behind_the_pickle() -> None:
    stream = BytesIO(pickle.dumps(1) + pickle.dumps(2) + b"rest")
    assert (read_pickle(stream), read_pickle(stream)) == (1, 2)
    assert stream.read() == b"rest"


EVIL = {
    "os.system, protocol 2": b"\x80\x02cos\nsystem\nX\x05\x00\x00\x00false\x85R.",
    "os.system, protocol 4": pickle.dumps(Reducing(__import__("os").system, "false")),
    "posix.system": b"\x80\x02cposix\nsystem\nX\x05\x00\x00\x00false\x85R.",
    "builtins.eval": pickle.dumps(Reducing(eval, "1")),
    "builtins.exec": pickle.dumps(Reducing(exec, "1")),
    "__builtin__.eval": b"\x80\x02c__builtin__\neval\nX\x01\x00\x00\x001\x85R.",
    "builtins.getattr": pickle.dumps(Reducing(getattr, "x", "upper")),
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
    "dotted name": b"\x80\x04\x8c\x05torch\x8c\x0aserializat\x93.",
    "instance, old way": b"(X\x05\x00\x00\x00falseios\nsystem\n.",
    "object, old way": b"(cos\nsystem\nX\x05\x00\x00\x00falseo.",
    "extension": b"\x80\x02\x82\x01.",
    "made with keywords": b"\x80\x04cos\nsystem\n)}\x92.",
    "call of a made thing": b"\x80\x02ccollections\nOrderedDict\n)R)R.",
    "persistent name": b"\x80\x02Pos.system\n.",
    "persistent thing": b"\x80\x02X\x02\x00\x00\x00os\x85Q.",
    "call through a tensor": (
        b"\x80\x02ctorch._utils\n_rebuild_parameter\ncos\nsystem\n\x85R."
    ),
}


@pytest.mark.parametrize("kind", EVIL)
def test_whatever_could_run_code_is_refused(kind: str) -> None:
    with pytest.raises(ModelError):
        read(EVIL[kind])


@pytest.mark.parametrize("name", ["os.system", "builtins.eval", "subprocess.Popen"])
def test_what_is_refused_is_named(name: str) -> None:
    module, _, function = name.rpartition(".")
    data = f"\x80\x02c{module}\n{function}\n)R.".encode("latin-1")
    with pytest.raises(ModelError, match=f"{name}.*refused.*state_dict"):
        read(data)


def test_nothing_is_run_and_nothing_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = tmp_path / "trace"
    (tmp_path / "trap_of_this_test.py").write_text(
        f"open({str(trace)!r}, 'w')\nclass Net: pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    module = b"}(X\x08\x00\x00\x00_modules}X\x0b\x00\x00\x00_parameters}ub"
    for end in (b".", b")R.", b")\x81.", b")\x81" + module + b"."):
        with pytest.raises(ModelError) if len(end) < 9 else nullcontext():
            read(b"\x80\x02ctrap_of_this_test\nNet\n" + end)
    command = f"touch {trace}".encode()
    length = struct.pack("<I", len(command))
    with pytest.raises(ModelError, match=r"os\.system"):
        read(b"\x80\x02cos\nsystem\nX" + length + command + b"\x85R.")
    assert "trap_of_this_test" not in sys.modules
    assert not trace.exists()


HUGE = {
    "memo": b"\x80\x02Nr\xff\xff\xff\x7f.",
    "string": b"\x80\x02X\xff\xff\xff\x7fabc.",
    "long string": b"\x80\x04\x8d" + b"\xff" * 7 + b"\x7f" + b"abc.",
    "bytes": b"\x80\x04\x8e" + b"\xff" * 7 + b"\x3f" + b"abc.",
    "integer": b"\x80\x02\x8b\xff\xff\xff\x7fabc.",
    "frame": b"\x80\x04\x95" + b"\xff" * 7 + b"\x3f" + b"N.",
    "nested keys": b"\x80\x02" + b")q\x00" + b"h\x00h\x00\x86q\x00" * 60 + b"}h\x00Ns.",
    "no end": b"\x80\x02" + b"N0" * 110_000 + b"N.",
}


@pytest.mark.parametrize("kind", HUGE)
def test_what_is_declared_huge_takes_no_memory(kind: str) -> None:
    tracemalloc.start()
    try:
        if kind in ("memo", "frame"):
            assert read(HUGE[kind]) is None
        else:
            with pytest.raises(ModelError):
                read(HUGE[kind])
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "data", [b"", b".", b"\x80\x02", b"\x80\x02}", b"\x80\x02N", b"\x80\x02Nt.", b"?"]
)
def test_a_damaged_pickle_is_a_typed_error(data: bytes) -> None:
    with pytest.raises(ModelError, match="damaged"):
        read(data)
