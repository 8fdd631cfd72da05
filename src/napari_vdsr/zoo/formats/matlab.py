"""The weights that the authors of VDSR published: a MATLAB 5 file.

The format is described in https://www.mathworks.com/help/pdf_doc/matlab/matfile_format.pdf.
Of it, this reads what weights need: numbers, cells and structures. Reading it here
and not with scipy is for safety: ``scipy.io.loadmat`` can crash the whole program on a
damaged file.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import ModelError
from napari_vdsr.zoo.formats.numbers import as_weights

_LARGEST = 1 << 28  # bytes that a compressed variable may unpack to

_CELL, _STRUCT = 1, 2
_COMPRESSED, _MATRIX = 15, 14
_NUMBERS = {
    **{1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4"},
    **{7: "f4", 9: "f8", 12: "i8", 13: "u8"},
}
_DEEPEST = 8


class Element(NamedTuple):
    """A tagged piece of the file."""

    kind: int
    data: memoryview


@dataclass
class _Reader:
    """Elements of a byte string, one after another."""

    data: memoryview
    order: str
    position: int = 0

    def left(self) -> int:
        """Bytes that have not been read."""
        return len(self.data) - self.position

    def element(self) -> Element:
        """Read the next one."""
        tag, size = struct.unpack_from(f"{self.order}II", self.data, self.position)
        start = self.position + 8
        if tag >> 16:  # up to four bytes stand in the tag itself
            tag, size, start = tag & 0xFFFF, tag >> 16, self.position + 4
            self.position += 8
            largest = 4
        else:
            # Compressed elements are the only ones that are not padded.
            padded = size if tag == _COMPRESSED else -(-size // 8) * 8
            self.position = min(start + padded, len(self.data))
            largest = len(self.data) - start
        if size > largest:
            raise ValueError(f"a part of {size} bytes where {largest} are left")
        return Element(tag, self.data[start : start + size])

    def numbers(self) -> NDArray[Any]:
        """Read the next one as a flat array."""
        kind, data = self.element()
        dtype = np.dtype(self.order + _NUMBERS[kind])
        return np.frombuffer(
            data[: len(data) // dtype.itemsize * dtype.itemsize], dtype
        )


def is_matlab(data: bytes) -> bool:
    """Whether a file says that it is MATLAB's."""
    return data.startswith(b"MATLAB ")


def read_matlab(data: bytes) -> dict[str, NDArray[np.float32]]:
    """Read VDSR weights from a MATLAB file.

    Parameters
    ----------
    data : bytes
        The whole file: a structure with the cells ``weight``, of shape
        (k, k, in, out), and ``bias``, as Kim, Lee and Lee published it.

    Returns
    -------
    dict of str to ndarray of float32
        ``conv0.weight`` (out, in, k, k), ``conv0.bias`` (out,) and so on.

    Raises
    ------
    ModelError
        When the file holds anything else or is damaged.
    """
    if data[124:126] == b"\x00\x02" or data.startswith(b"MATLAB 7.3"):
        raise ModelError("it is a MATLAB 7.3 file: save it again in MATLAB with '-v7'")
    names = []
    try:
        for name, value in _variables(data):
            if isinstance(value, dict) and {"weight", "bias"} <= value.keys():
                return _layers(value["weight"], value["bias"])
            names.append(name[:40])
    except (LookupError, TypeError, ValueError, struct.error, zlib.error) as error:
        raise ModelError(f"it is damaged ({type(error).__name__}: {error})") from error
    found = ", ".join(names[:8]) or "nothing"
    raise ModelError(
        f"there is no structure with weight and bias in it (found: {found})"
    )


def _layers(weights: Any, biases: Any) -> dict[str, NDArray[np.float32]]:
    if not (isinstance(weights, list) and isinstance(biases, list)):
        raise ModelError("its weight and bias are not cells with one matrix a layer")
    if len(weights) != len(biases):
        raise ModelError(f"it has {len(weights)} weights, but {len(biases)} biases")
    state = {}
    for index, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        # MATLAB drops trailing axes of one.
        shape = (*weight.shape, 1, 1)[:4]
        filters = weight.reshape(shape).transpose(3, 2, 0, 1)
        state[f"conv{index}.weight"] = as_weights(filters)
        state[f"conv{index}.bias"] = as_weights(bias.ravel())
    return state


def _variables(data: bytes) -> Iterator[tuple[str, Any]]:
    """Names and values of a file, one at a time."""
    order = ">" if data[126:128] == b"MI" else "<"
    reader = _Reader(memoryview(data)[128:], order)
    while reader.left() >= 8:
        kind, part = reader.element()
        if kind == _COMPRESSED:
            unpacked = zlib.decompressobj().decompress(part, _LARGEST)
            kind, part = _Reader(memoryview(unpacked), order).element()
        if kind == _MATRIX:
            yield _matrix(part, order, 0)


def _matrix(data: memoryview, order: str, depth: int) -> tuple[str, Any]:
    """Name and value: an array, a list for cells or a dict for a structure."""
    if depth > _DEEPEST:
        raise ValueError(f"matrices nested more than {_DEEPEST} deep")
    if not data:
        return "", np.empty(0)
    reader = _Reader(data, order)
    kind = int(reader.numbers()[0]) & 0xFF
    shape = tuple(int(size) for size in reader.numbers())
    name = bytes(reader.element().data).decode("latin-1")

    def cells(count: int) -> list[Any]:
        if count > reader.left():
            raise ValueError(f"{count} matrices in {reader.left()} bytes")
        return [
            _matrix(reader.element().data, order, depth + 1)[1] for _ in range(count)
        ]

    if kind == _CELL:
        return name, cells(prod(shape))
    if kind == _STRUCT:
        length = int(reader.numbers()[0])
        names = bytes(reader.element().data)
        fields = [
            names[start : start + length].split(b"\0")[0].decode("latin-1")
            for start in range(0, len(names), max(length, 1))
        ]
        return name, dict(zip(fields, cells(len(fields)), strict=True))
    return name, reader.numbers().reshape(shape, order="F")
