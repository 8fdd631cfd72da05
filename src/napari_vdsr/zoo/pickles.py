"""Reading the pickles of PyTorch checkpoints without running anything they name.

A pickle is a small program that imports what it names and calls it. Here a name is
looked up in a table of twelve and never imported: those in it make plain containers
and descriptions of tensors, every other one stands for an object that does nothing.

This is Python's own reader in Python, not the one in C and not ``torch.load``. The one
in C allocates what a memo index announces (4 GB for a file of 90 bytes), and
``torch.load``, even with a `pickle_module` of ours, fills tensors of the older format
with memory that was never written and decides by itself what is TorchScript.
"""

import pickle
from collections.abc import Callable
from typing import Any, BinaryIO, NamedTuple

from napari_vdsr.errors import ModelError

_MOST_STEPS = 500_000  # half a second; a checkpoint of 20 layers takes 5,400
_LONGEST_NAME = 200
_LARGEST_SIZE = 1 << 40
_MOST_AXES = 8
_MOST_ARGUMENTS = 16

# Nothing that is named runs. These tell that a file was made to do harm.
_HARMFUL_MODULES = frozenset(
    "_pickle bdb code codeop commands cProfile ctypes importlib marshal "
    "multiprocessing nt os pdb pickle pip posix profile pty pydoc runpy shutil socket "
    "subprocess sys timeit webbrowser".split()
)
_HARMFUL_NAMES = frozenset(
    "__import__ breakpoint compile eval exec execfile load loads open system".split()
)


class Storage(NamedTuple):
    """Where the numbers of tensors lie in a checkpoint: a kind as ``FloatStorage``."""

    kind: str
    key: str


class TensorRef(NamedTuple):
    """A tensor, before its numbers are read: a view of a storage, in elements."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


class Mapping(dict[str, Any]):
    """A dict that keeps what stands under a string; other keys may never hash."""

    def __setitem__(self, key: Any, value: Any) -> None:
        if type(key) is str:
            super().__setitem__(key, value)


class Inert:
    """Stands for an object of a class that is not in the table; does nothing.

    A pickled ``torch.nn.Module`` is one with `attributes`.
    """

    attributes = Mapping()

    def ignore(self, *_: Any) -> None:
        """Take what a pickle would put into the object."""

    append = extend = add = update = __setitem__ = ignore


class _Known(NamedTuple):
    """A name of the table, and what is made in place of a call to it."""

    make: Callable[..., Any]


class _Kind(NamedTuple):
    """The class of a storage."""

    name: str


class _Steps(dict[int, Any]):
    """The instructions of pickles, of which only so many are carried out."""

    left = _MOST_STEPS

    def __getitem__(self, code: int) -> Any:
        self.spend(1)
        return super().__getitem__(code)

    def __missing__(self, code: int) -> Any:
        raise ModelError(
            f"its pickle has an instruction {chr(code)!r} that no checkpoint needs"
        )

    def spend(self, count: int) -> None:
        """Count steps, and end the reading of a pickle that has too many."""
        self.left -= count
        if self.left < 0:
            raise ModelError(f"its pickle has more than {_MOST_STEPS:,} steps")


class PickleReader(pickle._Unpickler):
    """Reads one pickle after another from a stream; they share a limit of steps.

    What comes back is made of numbers, strings, lists, tuples, `Mapping`, `TensorRef`,
    `Storage` and `Inert`.
    """

    stack: list[Any]
    append: Callable[[Any], None]
    pop_mark: Callable[[], list[Any]]

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__(stream, encoding="utf-8", errors="replace")
        self.storages: dict[str, str] = {}  # kinds by keys
        self._steps = _Steps(_INSTRUCTIONS)
        self.dispatch = self._steps  # type: ignore[misc]

    def load(self) -> Any:
        """Read the next pickle, and leave the stream behind it."""
        self.memo: dict[int, Any] = {}
        try:
            return super().load()
        except ModelError:
            raise
        except Exception as error:  # a damaged pickle makes Python raise anything
            reason = f"{type(error).__name__}: {error}"[:200]
            raise ModelError(f"its pickle is damaged ({reason})") from error

    def find_class(self, module: str, name: str) -> Any:
        """Look a name up in the table."""
        if len(module) + len(name) > _LONGEST_NAME:
            return Inert()
        top, last = module.partition(".")[0], name.rpartition(".")[2]
        if top in _HARMFUL_MODULES or last in _HARMFUL_NAMES:
            raise ModelError(
                f"it names {module}.{name}, which can run programs: it is refused, and "
                "nothing of it was run. In a program that trusts the file, save the "
                "weights alone: torch.save(model.state_dict(), 'weights.pth')"
            )
        if top == "torch" and name.endswith("Storage"):
            return _Kind(name)
        make = _TABLE.get(f"{module}.{name}")
        return Inert() if make is None else _Known(make)

    def persistent_load(self, pid: Any) -> Any:
        """Give what lies beside the pickle: a storage, or the class of a module."""
        what, kind, key = pid[:3]
        if what == "module":
            return Inert()
        if what != "storage" or type(kind) is not _Kind or type(key) is not str:
            raise ValueError("a reference to something that is no storage")
        self.storages.setdefault(key, kind.name)
        return Storage(kind.name, key)

    def _call(self) -> None:
        """Call a name of the table; a call of anything else makes an inert object."""
        arguments, called = self.stack.pop(), self.stack.pop()
        if not isinstance(called, _Known):
            self.append(Inert())
            return
        if len(arguments) > _MOST_ARGUMENTS:
            raise ValueError(f"a call with {len(arguments)} arguments")
        if called.make is _mapping:  # which goes through its first argument
            self._steps.spend(sum(len(x) for x in arguments if type(x) is list))
        self.append(called.make(*arguments))

    def _call_with_keywords(self) -> None:
        self.stack.pop()
        self._call()

    def _inert_from_mark(self) -> None:
        self.pop_mark()
        self.append(Inert())

    def _inert_by_name(self) -> None:
        self.load_global()  # type: ignore[attr-defined]
        self._inert_from_mark()

    def _inert(self) -> None:
        self.append(Inert())

    def _build(self) -> None:
        """Set attributes; only those of modules are kept."""
        state = self.stack.pop()
        if isinstance(self.stack[-1], Inert) and isinstance(state, Mapping):
            self.stack[-1].attributes = state

    def _empty_mapping(self) -> None:
        self.append(Mapping())

    def _mapping_from_mark(self) -> None:
        items = iter(self.pop_mark())
        self.append(_mapping(list(zip(items, items, strict=True))))


def _mapping(items: Any = (), *_: Any) -> Mapping:
    """A dict of a list of pairs, if any."""
    mapping = Mapping()
    for key, value in items if type(items) is list else ():
        mapping[key] = value
    return mapping


def _tensor(storage: Any, offset: Any, shape: Any, stride: Any, *_: Any) -> TensorRef:
    """A view of a storage; whether it lies within is checked where it is read."""
    if not isinstance(storage, Storage):
        raise TypeError("a tensor without a storage")
    if max(len(shape), len(stride)) > _MOST_AXES or len(shape) != len(stride):
        raise ValueError(f"a tensor of {len(shape)} axes and {len(stride)} strides")
    if any(
        type(size) is not int or not 0 <= size < _LARGEST_SIZE
        for size in (offset, *shape, *stride)
    ):
        raise ValueError("a tensor of impossible size")
    return TensorRef(storage, offset, tuple(shape), tuple(stride))


def _parameter(tensor: Any, *_: Any) -> Any:
    """The tensor of a parameter."""
    return tensor


def _subclass(made: Any, _: Any, arguments: Any, *__: Any) -> Any:
    """The tensor of an instance of a subclass of torch.Tensor."""
    known = isinstance(made, _Known) and made.make is _tensor
    return _tensor(*arguments[:_MOST_ARGUMENTS]) if known else Inert()


_TABLE: dict[str, Callable[..., Any]] = {
    "builtins.dict": _mapping,
    "__builtin__.dict": _mapping,
    "collections.OrderedDict": _mapping,
    "collections.defaultdict": _mapping,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _tensor,
    "torch._tensor._rebuild_from_type_v2": _subclass,
    "torch.nn.parameter.Parameter": _parameter,
    "torch.nn.parameter.Buffer": _parameter,
}

# Those that would hash or call anything, or make something of a size that is only
# announced, are ours. Those that are missing look into registries of Python.
_INSTRUCTIONS = {
    **pickle._Unpickler.dispatch,
    pickle.REDUCE[0]: PickleReader._call,
    pickle.NEWOBJ[0]: PickleReader._call,
    pickle.NEWOBJ_EX[0]: PickleReader._call_with_keywords,
    pickle.OBJ[0]: PickleReader._inert_from_mark,
    pickle.INST[0]: PickleReader._inert_by_name,
    pickle.BUILD[0]: PickleReader._build,
    pickle.EMPTY_DICT[0]: PickleReader._empty_mapping,
    pickle.DICT[0]: PickleReader._mapping_from_mark,
    pickle.EMPTY_SET[0]: PickleReader._inert,
    pickle.FROZENSET[0]: PickleReader._inert_from_mark,
    pickle.BYTEARRAY8[0]: pickle._Unpickler.dispatch[pickle.BINBYTES8[0]],
}
for _code in (
    *(pickle.EXT1, pickle.EXT2, pickle.EXT4, pickle.PERSID),
    *(pickle.NEXT_BUFFER, pickle.READONLY_BUFFER),
):
    del _INSTRUCTIONS[_code[0]]
