"""Files of PyTorch's ``torch.save``: the zip format and the older one.

Both are pickles with the numbers beside them. The pickle is read by
`napari_vdsr.zoo.formats.pickles`, which runs nothing.
"""

import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from io import BytesIO
from math import prod
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import ModelError
from napari_vdsr.zoo.formats.numbers import as_weights
from napari_vdsr.zoo.formats.pickles import (
    Module,
    Storage,
    TensorRef,
    read_pickle,
)

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_MOST_TENSORS = 10_000

# Bytes per number of the storages that can hold weights; the others are skipped.
_FLOATS = {"FloatStorage": "f4", "DoubleStorage": "f8", "HalfStorage": "f2"}
_BYTES = {
    **{"FloatStorage": 4, "DoubleStorage": 8, "HalfStorage": 2, "BFloat16Storage": 2},
    **{"ByteStorage": 1, "CharStorage": 1, "BoolStorage": 1},
    **{"ShortStorage": 2, "IntStorage": 4, "LongStorage": 8},
}

# Where training scripts put the weights, the best ones first.
_PLACES = (
    *("params_ema", "ema", "state_dict", "model_state_dict", "params", "model"),
    *("net", "network", "generator", "weights"),
)

_Reader = Callable[[Storage], bytes]


def read_checkpoint(data: bytes) -> dict[str, NDArray[np.float32]]:
    """Read the weights in a file of ``torch.save``.

    Parameters
    ----------
    data : bytes
        The whole file: a ``state_dict``, a checkpoint that has one among other
        things, or a whole module.

    Returns
    -------
    dict of str to ndarray of float32
        Tensors by their names in the file.

    Raises
    ------
    ModelError
        When the file holds anything else or is damaged.
    """
    try:
        if data.startswith(b"PK"):
            content, read, order = _opened_zip(data)
        else:
            content, read, order = _opened_legacy(data)
    except (*_DAMAGE, OverflowError) as error:
        raise ModelError(f"it is damaged ({type(error).__name__}: {error})") from error
    tensors = _weights_in(content)
    # Many tensors may share a storage; copies of it would grow without bound.
    if sum(prod(ref.shape) for ref in tensors.values()) > len(data):
        raise ModelError("it is damaged: its tensors hold more numbers than the file")
    return {name: _array(ref, read, order) for name, ref in tensors.items()}


_DAMAGE = (
    *(EOFError, LookupError, NotImplementedError, OSError, RuntimeError),
    *(TypeError, ValueError, struct.error, zipfile.BadZipFile, zlib.error),
)


def _opened_zip(data: bytes) -> tuple[Any, _Reader, str]:
    """Content, reader of storages and byte order of a file since PyTorch 1.6."""
    archive = zipfile.ZipFile(BytesIO(data))
    names = {name.partition("/")[2]: info for name, info in archive.NameToInfo.items()}
    if "data.pkl" not in names or "constants.pkl" in names:
        raise ModelError("it is a zip file, but not one of torch.save")

    def member(name: str) -> bytes:
        info = names.get(name)
        if info is None:
            raise ModelError(f"it is damaged: its part {name} is missing")
        # torch compresses nothing; what is compressed could be of any size.
        if info.compress_type != zipfile.ZIP_STORED:
            raise ModelError(
                f"its part {name} is compressed, which torch.save never does"
            )
        try:
            return archive.read(info)
        except _DAMAGE as error:
            raise ModelError(f"its part {name} is damaged: {error}") from error

    order = "<"
    if "byteorder" in names:
        order = ">" if member("byteorder").strip() == b"big" else "<"
    content = read_pickle(BytesIO(member("data.pkl")))
    return content, lambda storage: member(f"data/{storage.key}"), order


def _opened_legacy(data: bytes) -> tuple[Any, _Reader, str]:
    """Content, reader of storages and byte order of a file before PyTorch 1.6."""
    stream = BytesIO(data)
    if read_pickle(stream) != _LEGACY_MAGIC:
        raise ModelError("it is a pickle, but not one of torch.save")
    read_pickle(stream)  # version of the protocol
    system = read_pickle(stream)
    little = not isinstance(system, dict) or system.get("little_endian", True)
    order = "<" if little else ">"
    content = read_pickle(stream)
    places = dict(_stored(stream, read_pickle(stream), content, order))

    def read(storage: Storage) -> bytes:
        if storage.key not in places:
            raise ModelError(
                f"it is damaged: its storage {storage.key[:40]} is missing"
            )
        return data[places[storage.key]]

    return content, read, order


def _stored(
    stream: BinaryIO, keys: Any, content: Any, order: str
) -> Iterator[tuple[str, slice]]:
    """Where the numbers of each storage lie, which follow one another."""
    sizes = {ref.storage.key: _BYTES[ref.storage.kind] for ref in _references(content)}
    for key in keys if isinstance(keys, list) else []:
        (count,) = struct.unpack(f"{order}q", stream.read(8))
        start = stream.tell()
        if key not in sizes or count < 0:
            raise ModelError(
                f"it is damaged: a storage {str(key)[:40]} of {count} numbers"
            )
        stop = start + count * sizes[key]
        yield key, slice(start, stop)
        stream.seek(stop)


def _references(content: Any) -> Iterator[TensorRef]:
    """All tensors of a checkpoint, each container visited once."""
    seen: set[int] = set()
    waiting = [content]
    while waiting:
        item = waiting.pop()
        if isinstance(item, TensorRef):
            yield item
        elif isinstance(item, dict | list | tuple | Module) and id(item) not in seen:
            seen.add(id(item))
            item = item.attributes if isinstance(item, Module) else item
            waiting.extend(item.values() if isinstance(item, dict) else item)


def _weights_in(content: Any) -> dict[str, TensorRef]:
    """The weights of the network, wherever a training script put them."""
    if isinstance(content, Module) or _is_state(content):
        return _flat(content)
    places = content if isinstance(content, dict) else {}
    for place in (*_PLACES, *places):
        found = places.get(place)
        if isinstance(found, Module) or _is_state(found):
            return _flat(found)
    names = ", ".join(str(place)[:40] for place in list(places)[:8])
    raise ModelError(
        f"there are no weights in it (found: {names or type(content).__name__}); "
        "expected a state_dict, alone or under one of: " + ", ".join(_PLACES)
    )


def _is_state(content: Any) -> bool:
    return (
        isinstance(content, dict)
        and bool(content)
        and all(isinstance(value, TensorRef) for value in content.values())
    )


def _flat(content: Any) -> dict[str, TensorRef]:
    """Tensors by their names, as ``state_dict`` would give them."""
    if not isinstance(content, Module):
        return {str(name): tensor for name, tensor in content.items()}
    tensors: dict[str, TensorRef] = {}
    waiting = [("", content)]
    steps = 0
    while waiting:
        prefix, module = waiting.pop()
        for group in ("_parameters", "_buffers", "_modules"):
            members = module.attributes.get(group, {})
            for name, value in members.items() if isinstance(members, dict) else ():
                steps += 1
                if isinstance(value, TensorRef):
                    tensors[f"{prefix}{name}"] = value
                elif isinstance(value, Module):
                    waiting.append((f"{prefix}{name}.", value))
        # A module can hold itself.
        if steps > _MOST_TENSORS or len(prefix) > 1000:
            raise ModelError("its modules are nested without end")
    return tensors


def _array(ref: TensorRef, read: _Reader, order: str) -> NDArray[np.float32]:
    """The numbers of a tensor."""
    kind = ref.storage.kind
    if kind not in _FLOATS and kind != "BFloat16Storage":
        raise ModelError(
            f"its weights are of type {kind}: expected floating-point numbers"
        )
    count = prod(ref.shape)
    last = ref.offset + sum(
        (size - 1) * step for size, step in zip(ref.shape, ref.stride, strict=False)
    )
    numbers = read(ref.storage)
    held = len(numbers) // _BYTES[kind]
    if len(ref.shape) != len(ref.stride) or not 0 < count <= held or last >= held:
        raise ModelError(
            f"it is damaged: a tensor of shape {ref.shape[:6]} "
            f"in a storage of {held} numbers"
        )
    flat = _decoded(numbers[: held * _BYTES[kind]], kind, order)[ref.offset :]
    steps = [step * flat.itemsize for step in ref.stride]
    view = np.lib.stride_tricks.as_strided(flat, ref.shape, steps, writeable=False)
    return as_weights(view)


def _decoded(numbers: bytes, kind: str, order: str) -> NDArray[Any]:
    if kind in _FLOATS:
        return np.frombuffer(numbers, dtype=f"{order}{_FLOATS[kind]}")
    # bfloat16 is the upper half of float32.
    halves = np.frombuffer(numbers, dtype=f"{order}u2").astype(np.uint32)
    return (halves << 16).view(np.float32)
