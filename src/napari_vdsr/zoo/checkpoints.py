"""Files of `torch.save`, in both formats, and what layers are called in them.

Both are pickles with the numbers beside them. The pickle is read by
`napari_vdsr.zoo.pickles`, which runs nothing, and no number outside a
storage is ever looked at.
"""

import re
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from itertools import pairwise
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import ModelError
from napari_vdsr.zoo.pickles import Inert, PickleReader, TensorRef

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_MOST_MEMBERS = 10_000  # of a zip file
_MOST_TENSORS = 1_000
_MOST_STEPS = 10_000  # through the modules of a network
_LONGEST_NAME = 200
_CHANNELS = (1, 3)  # of an image
_PARAMETER = re.compile(r"(?:(.+)\.)?(weight|bias)")

# dtypes of the storages that can hold weights; bfloat16 is the upper half of float32.
_FLOATS = {
    **{"FloatStorage": "f4", "DoubleStorage": "f8", "HalfStorage": "f2"},
    "BFloat16Storage": "u2",
}
# Bytes per number of all storages, to find the next one in the older format.
_BYTES = {
    **{"FloatStorage": 4, "DoubleStorage": 8, "HalfStorage": 2, "BFloat16Storage": 2},
    **{"ByteStorage": 1, "CharStorage": 1, "BoolStorage": 1, "UntypedStorage": 1},
    **{"ShortStorage": 2, "IntStorage": 4, "LongStorage": 8},
    **{"ComplexFloatStorage": 8, "ComplexDoubleStorage": 16},
}

# Where training scripts put the weights, the best ones first.
_PLACES = (
    *("params_ema", "ema", "state_dict", "model_state_dict", "params", "model"),
    *("net", "network", "generator", "weights"),
)


class _Opened(NamedTuple):
    """A checkpoint: what its pickle holds, and how to read a storage by its key."""

    content: Any
    storage: Callable[[str], bytes]
    order: str


def read_checkpoint(data: bytes) -> dict[str, NDArray[Any]]:
    """Read the weights in a file of ``torch.save``.

    It may hold a ``state_dict``, a checkpoint that has one among other things, or a
    whole module; tensors come back as float16, float32 or float64, by their names.
    """
    try:
        opened = _open_zip(data) if data.startswith(b"PK") else _open_legacy(data)
        tensors = _weights_in(opened.content)
        # Many tensors may share a storage; copies of it would grow without bound.
        if sum(prod(ref.shape) for ref in tensors.values()) > len(data):
            raise ModelError(
                "it is damaged: its tensors hold more numbers than the file"
            )
        numbers = _read_storages(opened, tensors, most=len(data))
    except ModelError:
        raise
    except Exception as error:  # a damaged file makes zipfile raise anything
        reason = f"{type(error).__name__}: {error}"[:200]
        raise ModelError(f"it is damaged ({reason})") from error
    return {
        name: _array(ref, numbers[ref.storage.key], opened.order)
        for name, ref in tensors.items()
    }


def _open_zip(data: bytes) -> _Opened:
    """Open a file since PyTorch 1.6."""
    if data.count(b"PK\1\2") > _MOST_MEMBERS:
        raise ModelError(f"it is a zip file of more than {_MOST_MEMBERS:,} parts")
    archive = zipfile.ZipFile(BytesIO(data))
    members = {part.filename.partition("/")[2]: part for part in archive.infolist()}
    if "data.pkl" not in members or "constants.pkl" in members:
        raise ModelError("it is a zip file, but not one of torch.save")

    def member(name: str) -> bytes:
        if name not in members:
            raise ModelError(f"it is damaged: its part {name[:40]} is missing")
        # torch compresses nothing; what is compressed could be of any size.
        if members[name].compress_type != zipfile.ZIP_STORED:
            raise ModelError(
                f"its part {name[:40]} is compressed, which torch.save never does"
            )
        return archive.read(members[name])

    big = "byteorder" in members and member("byteorder").strip() == b"big"
    content = PickleReader(BytesIO(member("data.pkl"))).load()
    return _Opened(content, lambda key: member(f"data/{key}"), ">" if big else "<")


def _open_legacy(data: bytes) -> _Opened:
    """Open a file before PyTorch 1.6."""
    stream = BytesIO(data)
    reader = PickleReader(stream)
    if reader.load() != _LEGACY_MAGIC:
        raise ModelError("it is a pickle, but not one of torch.save")
    reader.load()  # version of the protocol
    system = reader.load()
    big = isinstance(system, dict) and not system.get("little_endian", True)
    order = ">" if big else "<"
    content = reader.load()
    places: dict[str, slice] = {}
    keys = reader.load()
    # To hash tuples within tuples, each of which is there twice, takes for ever.
    if type(keys) is not list or not all(type(key) is str for key in keys):
        raise ModelError("it is damaged: its storages have no names")
    for key in keys:  # the numbers of the storages follow one another
        (count,) = struct.unpack(f"{order}q", stream.read(8))
        size = count * _BYTES[reader.storages[key]]
        if size < 0:
            raise ModelError(f"it is damaged: a storage of {count} numbers")
        places[key] = slice(stream.tell(), stream.tell() + size)
        stream.seek(size, 1)
    return _Opened(content, lambda key: data[places[key]], order)


def _read_storages(
    opened: _Opened, tensors: dict[str, TensorRef], most: int
) -> dict[str, bytes]:
    """Read each storage once; parts of a zip file may overlap, so they are counted."""
    numbers: dict[str, bytes] = {}
    for key in {ref.storage.key for ref in tensors.values()}:
        numbers[key] = opened.storage(key)
        most -= len(numbers[key])
        if most < 0:
            raise ModelError("it is damaged: its parts hold more than the file")
    return numbers


def _weights_in(content: Any) -> dict[str, TensorRef]:
    """The weights of the network, wherever a training script put them."""
    places = content if isinstance(content, dict) else {}
    for found in (content, *map(places.get, _PLACES), *places.values()):
        tensors = dict(_named_tensors(found))
        if any(len(ref.shape) == 4 for ref in tensors.values()):
            return tensors
    names = ", ".join(place[:40] for place in list(places)[:8])
    raise ModelError(
        f"there are no weights in it (found: {names or type(content).__name__}); "
        "expected a state_dict, alone or under one of: " + ", ".join(_PLACES)
    )


def _named_tensors(content: Any) -> Iterator[tuple[str, TensorRef]]:
    """Tensors of a state_dict or module, but for counters."""
    if isinstance(content, Inert):
        members = _in_modules(content)
    else:
        members = iter(content.items() if isinstance(content, dict) else ())
    count = 0
    for name, value in members:
        if isinstance(value, TensorRef) and not is_counter(name, value.shape):
            count += 1
            if count > _MOST_TENSORS or len(name) > _LONGEST_NAME:
                raise ModelError(f"it has more than {_MOST_TENSORS:,} tensors")
            yield name, value


def _in_modules(network: Inert) -> Iterator[tuple[str, Any]]:
    """Parameters and buffers of a module, by the names that ``state_dict`` gives."""
    waiting = [("", network)]
    steps = 0
    while waiting:
        prefix, module = waiting.pop()
        for group in ("_parameters", "_buffers", "_modules"):
            members = module.attributes.get(group)
            for name, value in members.items() if isinstance(members, dict) else ():
                steps += 1
                # A module can hold itself.
                if steps > _MOST_STEPS or len(prefix) + len(name) > _LONGEST_NAME:
                    raise ModelError("its modules are nested without end")
                if isinstance(value, Inert):
                    waiting.append((f"{prefix}{name}.", value))
                yield f"{prefix}{name}", value


def _array(ref: TensorRef, numbers: bytes, order: str) -> NDArray[Any]:
    """The numbers of a tensor, all of which have to lie within its storage."""
    kind = ref.storage.kind
    if kind not in _FLOATS:
        raise ModelError(
            f"its weights are of type {kind[:40]}: expected floating-point numbers"
        )
    size = _BYTES[kind]
    held = len(numbers) // size
    count = prod(ref.shape)
    steps = zip(ref.shape, ref.stride, strict=True)
    last = ref.offset + sum((length - 1) * step for length, step in steps)
    if not 0 < count <= held or last >= held:
        raise ModelError(
            f"it is damaged: a tensor of shape {ref.shape} in a storage of {held}"
        )
    dtype = order + _FLOATS[kind]
    flat = np.frombuffer(numbers, dtype, held - ref.offset, ref.offset * size)
    strides = [step * size for step in ref.stride]
    view = np.lib.stride_tricks.as_strided(flat, ref.shape, strides, writeable=False)
    if kind == "BFloat16Storage":
        return (view.astype(np.uint32) << 16).view(np.float32)
    return view.astype(view.dtype.newbyteorder("="))


def is_counter(name: str, shape: tuple[int, ...]) -> bool:
    """Whether a tensor is no weight, but counts steps or updates of a mean."""
    return not shape or (shape == (1,) and not name.endswith(("weight", "bias")))


def renamed(state: Mapping[str, Any]) -> dict[str, Any]:
    """Name the layers ``conv0``, ``conv1`` and so on, in the order in which they run.

    Names differ from one code base to the next, so the order is read off their numbers
    and the shapes; that they fit together is checked when the network is built.

    Examples
    --------
    >>> import numpy as np
    >>> first, last = np.zeros((8, 1, 3, 3)), np.zeros((1, 8, 3, 3))
    >>> sorted(renamed({"module.out.weight": last, "module.in.weight": first}))
    ['conv0.weight', 'conv1.weight']
    """
    if len(state) > _MOST_TENSORS or max(map(len, state), default=0) > _LONGEST_NAME:
        raise ModelError(f"{len(state)} tensors are not those of a VDSR or an SRCNN")
    state = {
        name: values
        for name, values in state.items()
        if not is_counter(name, tuple(values.shape))
    }
    parts = {name: _PARAMETER.fullmatch(name) for name in state}
    shapes = {
        match[1]: tuple(state[name].shape)
        for name, match in parts.items()
        if match and match[1] and match[2] == "weight"
    }
    places = {layer: place for place, layer in enumerate(_order(shapes) or ())}
    new = {
        name: f"conv{places[match[1]]}.{match[2]}"
        for name, match in parts.items()
        if match and match[1] in places
    }
    if not new or len(new) < len(state):
        shown = ", ".join(sorted(state)[:8])
        more = f", … ({len(state)})" if len(state) > 8 else ""
        raise ModelError(
            f"unknown layout of layers: {shown}{more}. Expected the weights and biases "
            "of convolutions that run one after another, numbered in that order; the "
            "first and the last may have names of their own"
        )
    return {new[name]: values for name, values in state.items()}


def _order(shapes: Mapping[str, tuple[int, ...]]) -> list[str] | None:
    """Names of the layers in the order in which they run, None if that is unclear."""
    if any(len(shape) != 4 for shape in shapes.values()):
        return None
    numbered = _numbered(list(shapes))
    if numbered is not None:
        return numbered
    first = [name for name, shape in shapes.items() if shape[1] in _CHANNELS]
    last = [name for name, shape in shapes.items() if shape[0] in _CHANNELS]
    if len(first) != 1 or len(last) != 1 or first == last:
        return None
    middle = _numbered([name for name in shapes if name not in (*first, *last)])
    return None if middle is None else [*first, *middle, *last]


def _numbered(names: list[str]) -> list[str] | None:
    """Names in the order of their numbers, if they differ in nothing else.

    Where a name has several numbers, each is the same in all or grows in all.
    """
    numbers = {name: tuple(map(int, re.findall(r"\d{1,4}", name))) for name in names}
    if len({re.sub(r"\d{1,4}", "#", name) for name in names}) > 1:
        return None
    ordered = sorted(names, key=numbers.__getitem__)
    for column in zip(*(numbers[name] for name in ordered), strict=True):
        grows = all(one < other for one, other in pairwise(column))
        if len(set(column)) > 1 and not grows:
            return None
    unique = len(set(numbers.values())) == len(names)
    return ordered if unique else None
