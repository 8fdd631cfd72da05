"""Reading pickles of PyTorch checkpoints without being able to run anything.

A pickle is a small program. Python's own reader imports whatever it names and calls
it; this one knows the few instructions and the few names that checkpoints are made
of and builds plain containers and descriptions of tensors. It imports nothing,
calls nothing that the file names, and keeps no more than the file holds.
"""

import pickletools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, BinaryIO, NamedTuple

from napari_vdsr.errors import ModelError

_MOST_STEPS = 200_000  # a checkpoint of 20 layers takes 5,400

_ADVICE = (
    "Only tensors are read. In a program of yours that trusts the file, save the "
    "weights alone: torch.save(model.state_dict(), 'weights.pth')"
)


class Global(NamedTuple):
    """A name that a pickle wants to import; here it stays a name."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


class Storage(NamedTuple):
    """Where the numbers of tensors lie in a checkpoint."""

    kind: str
    key: str
    size: int


class TensorRef(NamedTuple):
    """A tensor, before its numbers are read: a view of a storage."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


@dataclass(eq=False)
class Module:
    """What is left of a pickled ``torch.nn.Module``: its attributes, no code."""

    kind: Global
    attributes: dict[str, Any] = field(default_factory=dict)


def read_pickle(stream: BinaryIO) -> Any:
    """Read one pickle and leave the stream behind it.

    Parameters
    ----------
    stream : binary file
        Positioned where the pickle begins.

    Returns
    -------
    object
        Numbers, strings, lists, tuples, dicts, `TensorRef`, `Storage` and
        `Module`; None in the place of what is known and of no interest.

    Raises
    ------
    ModelError
        When the pickle names anything that is neither a tensor nor a module, which
        includes every attempt to run code, or is damaged.
    """
    machine = _Machine()
    try:
        for step, (code, argument, _) in enumerate(pickletools.genops(stream)):
            if step >= _MOST_STEPS:
                raise ModelError(f"its pickle has more than {_MOST_STEPS} steps")
            machine.run(code.name, argument)
        return machine.result()
    # pickletools may warn of strange escapes, which is an error for those who ask.
    except (ArithmeticError, LookupError, TypeError, ValueError, Warning) as error:
        raise ModelError(
            f"its pickle is damaged ({type(error).__name__}: {error})"
        ) from error


class _Machine:
    """The stack on which a pickle builds its objects."""

    def __init__(self) -> None:
        self._stack: list[Any] = []
        self._below: list[list[Any]] = []
        self._memo: dict[int, Any] = {}
        self._classes: set[Global] = set()
        self._modules: set[Global] = set()

    def run(self, code: str, argument: Any) -> None:
        """Take one step."""
        if code in _VALUES:
            self._stack.append(_VALUES[code](argument))
            return
        step = getattr(self, f"_{code.lower()}", None)
        if step is None:
            raise ModelError(
                f"its pickle has an instruction {code}, which no checkpoint needs"
            )
        step(argument)

    def result(self) -> Any:
        """Take what was built, unless names were left over that are no modules."""
        strange = sorted(str(name) for name in self._classes - self._modules)
        if strange:
            raise ModelError(
                f"it names {', '.join(strange[:5])}, which is no tensor. {_ADVICE}"
            )
        return self._stack.pop()

    def _since_mark(self) -> list[Any]:
        items = self._stack
        self._stack = self._below.pop()
        return items

    def _proto(self, _: Any) -> None:
        pass

    _frame = _stop = _proto

    def _mark(self, _: Any) -> None:
        self._below.append(self._stack)
        self._stack = []

    def _pop(self, _: Any) -> None:
        self._stack.pop()

    def _put(self, index: Any) -> None:
        self._memo[index] = self._stack[-1]

    _binput = _long_binput = _put

    def _memoize(self, _: Any) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def _get(self, index: Any) -> None:
        self._stack.append(self._memo[index])

    _binget = _long_binget = _get

    def _tuple(self, _: Any) -> None:
        items = self._since_mark()
        self._stack.append(tuple(items))

    def _last(self, count: int) -> None:
        if len(self._stack) < count:
            raise ValueError("a tuple of more than there is")
        self._stack[-count:] = [tuple(self._stack[-count:])]

    def _tuple1(self, _: Any) -> None:
        self._last(1)

    def _tuple2(self, _: Any) -> None:
        self._last(2)

    def _tuple3(self, _: Any) -> None:
        self._last(3)

    def _append(self, _: Any) -> None:
        item = self._stack.pop()
        _of(self._stack[-1], list).append(item)

    def _appends(self, _: Any) -> None:
        items = self._since_mark()
        _of(self._stack[-1], list).extend(items)

    def _setitem(self, _: Any) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        _of(self._stack[-1], dict)[_of(key, str | int)] = value

    def _setitems(self, _: Any) -> None:
        items = self._since_mark()
        _of(self._stack[-1], dict).update(_pairs(items[::2], items[1::2]))

    def _global(self, argument: Any) -> None:
        self._name(*argument.split(" ", 1))

    def _stack_global(self, _: Any) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        self._name(_of(module, str), _of(name, str))

    def _name(self, module: str, name: str) -> None:
        known = Global(module, name)
        if known not in _CALLS and known not in _STORAGES and known not in _INERT:
            self._classes.add(known)
        self._stack.append(known)

    def _reduce(self, _: Any) -> None:
        arguments, function = self._stack.pop(), self._stack.pop()
        call = _CALLS.get(_of(function, Global))
        if call is None:
            raise ModelError(f"it wants to run {function}, which is refused. {_ADVICE}")
        self._stack.append(call(*_of(arguments, tuple)))

    def _newobj(self, _: Any) -> None:
        arguments, kind = self._stack.pop(), self._stack.pop()
        if _of(kind, Global) not in self._classes or arguments != ():
            raise ModelError(f"it wants to make a {kind}, which is refused. {_ADVICE}")
        self._stack.append(Module(kind))

    def _build(self, _: Any) -> None:
        state = self._stack.pop()
        target = self._stack[-1]
        if isinstance(target, Module):
            if not {"_modules", "_parameters"} <= _of(state, dict).keys():
                raise ModelError(
                    f"it wants to set up a {target.kind}, which is no torch module"
                )
            target.attributes = state
            self._modules.add(target.kind)
        # Attributes of dicts and tensors say nothing about weights.
        elif target is not None and not isinstance(target, dict | TensorRef):
            raise ModelError(
                f"it wants to set up a {type(target).__name__}, which is refused"
            )

    def _binpersid(self, _: Any) -> None:
        what, *rest = _of(self._stack.pop(), tuple)
        if what == "module":  # class, source file and source text, never looked at
            self._stack.append(_of(rest[0], Global))
            return
        if what != "storage" or rest[0] not in _STORAGES:
            raise ModelError(
                f"its pickle refers to an unknown thing {str(what)[:40]!r}"
            )
        kind, key, _location, size = rest[:4]
        self._stack.append(Storage(kind.name, _of(key, str), _of(size, int)))


def _of(value: Any, kind: Any) -> Any:
    """Return a value that has to be of this type."""
    if not isinstance(value, kind):
        msg = f"a {type(value).__name__} in the wrong place"
        raise ModelError(f"its pickle is damaged: {msg}")
    return value


def _pairs(keys: Any, values: Any) -> dict[str | int, Any]:
    # Other keys could take for ever to hash.
    return {_of(key, str | int): value for key, value in zip(keys, values, strict=True)}


def _text(argument: Any) -> str:
    """A string of Python 2, which pickletools takes for Latin-1."""
    return str(argument).encode("latin-1").decode("utf-8", "replace")


def _as_is(argument: Any) -> Any:
    return argument


_VALUES: dict[str, Callable[[Any], Any]] = {
    "NONE": lambda _: None,
    "NEWTRUE": lambda _: True,
    "NEWFALSE": lambda _: False,
    "EMPTY_DICT": lambda _: {},
    "EMPTY_LIST": lambda _: [],
    "EMPTY_TUPLE": lambda _: (),
    **dict.fromkeys(("STRING", "BINSTRING", "SHORT_BINSTRING"), _text),
    **dict.fromkeys(("INT", "BININT", "BININT1", "BININT2"), _as_is),
    **dict.fromkeys(("LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"), _as_is),
    **dict.fromkeys(
        ("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"), _as_is
    ),
    **dict.fromkeys(("BINBYTES", "SHORT_BINBYTES", "BINBYTES8"), _as_is),
}


def _ordered_dict(items: Any = ()) -> dict[str | int, Any]:
    pairs = [_of(pair, list | tuple) for pair in _of(items, list | tuple)]
    return _pairs([key for key, _ in pairs], [value for _, value in pairs])


def _rebuild_tensor(
    storage: Any, offset: Any, shape: Any, stride: Any, *_: Any
) -> TensorRef:
    sizes = [*_of(shape, tuple), *_of(stride, tuple), offset]
    if any(type(size) is not int or size < 0 for size in sizes):
        raise ModelError("its pickle is damaged: a tensor of impossible size")
    return TensorRef(_of(storage, Storage), offset, shape, stride)


def _parameter(tensor: Any, *_: Any) -> TensorRef:
    return TensorRef(*_of(tensor, TensorRef))


def _nothing(*_: Any) -> None:
    """Stand for what is known to be harmless and of no interest."""


# What stands for a call to these names. No function here comes from the file.
_CALLS: dict[Global, Callable[..., Any]] = {
    Global("collections", "OrderedDict"): _ordered_dict,
    Global("torch._utils", "_rebuild_tensor"): _rebuild_tensor,
    Global("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    Global("torch._utils", "_rebuild_parameter"): _parameter,
    Global("torch.nn.parameter", "Parameter"): _parameter,
    Global("torch.nn.backends.thnn", "_get_thnn_function_backend"): _nothing,
    Global("torch", "Size"): _nothing,
    Global("torch", "device"): _nothing,
    Global("__builtin__", "set"): _nothing,
    Global("builtins", "set"): _nothing,
    Global("numpy", "dtype"): _nothing,
    Global("numpy.core.multiarray", "scalar"): _nothing,
    Global("numpy._core.multiarray", "scalar"): _nothing,
    Global("_codecs", "encode"): _nothing,
}

_STORAGES = frozenset(
    Global(module, f"{kind}Storage")
    for module in ("torch", "torch.cuda")
    for kind in (
        *("Float", "Double", "Half", "BFloat16"),
        *("Byte", "Char", "Short", "Int", "Long", "Bool"),
    )
)

_INERT = frozenset(
    Global("torch", name)
    for name in ("float16", "bfloat16", "float32", "float64", "int64", "uint8")
)
