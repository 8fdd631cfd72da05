"""Blocks as tasks of dask, which are made when somebody asks for them.

A graph that lists all blocks of a large stack takes gigabytes and minutes, and napari
looks at a few blocks at a time.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import product
from math import isnan, prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dask.array as da
from dask._task_spec import DataNode, List, Task, TaskRef
from dask.base import tokenize
from dask.highlevelgraph import HighLevelGraph, Layer, MaterializedLayer

from napari_vdsr.errors import InputError
from napari_vdsr.files.opening import state_of
from napari_vdsr.files.zarr_chunks import Present, folder_of, store_of
from napari_vdsr.lazy.blocks import Part, chunked_pixels

if TYPE_CHECKING:
    import numpy as np


Key = Any
Function = Callable[..., "np.ndarray[Any, Any]"]


class Blocks(Layer):
    """The tasks that make the blocks of one array from those of the source.

    `axes` say how each axis is cut. `function` is called with `arguments`, which may
    hold a `TaskRef`, the parts of a block and the chunks of the source.
    """

    def __init__(
        self,
        name: str,
        source: str,
        axes: Sequence[tuple[Part, ...]],
        function: Function,
        arguments: tuple[Any, ...],
    ) -> None:
        super().__init__()
        self.name = name
        self._source = source
        self._axes = axes
        self._function = function
        self._arguments = arguments

    def __getitem__(self, key: Key) -> Task:
        if key not in self:
            raise KeyError(key)
        parts = tuple(axis[i] for axis, i in zip(self._axes, key[1:], strict=True))
        chunks = product(*(part.chunks for part in parts))
        refs = List(*(TaskRef((self._source, *index)) for index in chunks))
        return Task(key, self._function, *self._arguments, parts, refs)

    def __contains__(self, key: object) -> bool:
        return (
            isinstance(key, tuple)
            and len(key) == len(self._axes) + 1
            and key[0] == self.name
            and all(
                0 <= index < len(axis)
                for index, axis in zip(key[1:], self._axes, strict=True)
            )
        )

    def __iter__(self) -> Iterator[Key]:
        return product([self.name], *(range(len(axis)) for axis in self._axes))

    def __len__(self) -> int:
        return prod(map(len, self._axes))

    @property
    def has_legacy_tasks(self) -> bool:
        """No: dask need not look through them for keys."""
        return False

    def is_materialized(self) -> bool:
        """No: every task is made when it is asked for."""
        return False

    def get_output_keys(self) -> set[Key]:
        """The keys of all blocks."""
        return set(self)

    def cull(
        self, keys: set[Key], all_hlg_keys: Collection[Key]
    ) -> tuple[Layer, Mapping[Key, set[Key]]]:
        """Make the tasks that are asked for, and say what they need."""
        tasks = {key: self[key] for key in keys if key in self}
        needed = {key: set(task.dependencies) for key, task in tasks.items()}
        return MaterializedLayer(tasks, annotations=self.annotations), needed


def array_of_blocks(
    name: str,
    source: da.Array,
    axes: Sequence[tuple[Part, ...]],
    function: Function,
    arguments: tuple[Any, ...],
    shared: Mapping[str, object] | None = None,
    dtype: "np.dtype[Any] | None" = None,
) -> da.Array:
    """A lazy array whose blocks are made from windows of another one.

    Two arrays of one name have to be the same. `axes` say how each axis is cut.
    `function` is called with the shared values, `arguments`, the parts of a block and
    the chunks of the source that these name. `shared` are large values under names of
    their own: a cluster sends each of them to a worker only once. `dtype` is that of
    the source unless it is given.
    """
    shared = shared or {}
    first = tuple(TaskRef(key) for key in shared)
    blocks = Blocks(name, source.name, axes, function, (*first, *arguments))
    graph = source.dask
    nodes = {key: {key: DataNode(key, value)} for key, value in shared.items()}
    layers = {**graph.layers, **nodes, name: blocks}
    needs = {
        **graph.dependencies,
        **{key: set() for key in nodes},
        name: {*source.__dask_layers__(), *nodes},
    }
    chunks = tuple(
        tuple(part.out.stop - part.out.start for part in axis) for axis in axes
    )
    whole = HighLevelGraph(layers, needs)
    return _array(whole, name, chunks, dtype or source.dtype)


def as_dask(array: Any) -> da.Array:
    """A dask array of the chunks of any chunked array (zarr, h5py …); nothing is read.

    Raises `InputError` when the sizes of its chunks are not known.
    """
    if not isinstance(array, da.Array):
        chunks = getattr(array, "chunks", None) or "auto"
        array = da.from_array(array, chunks, fancy=False)  # type: ignore[no-untyped-call]
    if any(isnan(size) for size in array.shape):
        raise InputError(
            f"the image has shape {array.shape}, which is not known yet: call its "
            "compute_chunk_sizes() first"
        )
    return _present(array)


def _present(array: da.Array) -> da.Array:
    """The same array, of which no zarr is read that is gone."""
    graph = array.dask
    guarded = {
        name: MaterializedLayer(
            {key: DataNode(key, Present(source, folder))},
            annotations=graph.layers[name].annotations,
        )
        for name, key, source in _sources(array)
        if (folder := folder_of(source)) is not None
    }
    if not guarded:
        return array
    whole = HighLevelGraph({**graph.layers, **guarded}, graph.dependencies)
    return _array(whole, array.name, array.chunks, array.dtype, array._meta)


def _guarded(array: Any) -> Any:
    """The same array, which is not read when it is a zarr that is gone."""
    folder = folder_of(array)
    return array if folder is None else Present(array, folder)


def _sources(array: da.Array) -> Iterator[tuple[str, Key, Any]]:
    """Layer, key and value of what the chunks of an array are read from."""
    for name, layer in array.dask.layers.items():
        if layer.is_materialized() and len(layer) == 1:
            for key, node in layer.items():
                yield name, key, node.value if isinstance(node, DataNode) else node


def readable(array: Any) -> Any:
    """An array that gives pixels where it is sliced; those of dask are checked."""
    if isinstance(array, da.Array):
        return chunked_pixels(_present(array))
    return _guarded(array)


def unread(array: Any) -> da.Array:
    """An array as the one chunk, not yet read, of a source of `array_of_blocks`.

    Whoever is given that chunk slices it, and so reads no more than it needs.
    """
    name = f"unread-{tokenize(array)}"
    key = (name, *(0 for _ in array.shape))
    graph = {key: DataNode(key, _guarded(array))}
    chunks = tuple((size,) for size in array.shape)
    return _array(graph, name, chunks, array.dtype)


def _array(
    graph: Any, name: str, chunks: Any, dtype: Any, meta: Any = None
) -> da.Array:
    return da.Array(graph, name, chunks, dtype, meta)  # type: ignore[no-untyped-call]


def identity_of(name: str, pixels: Any, files: Iterable[Path]) -> dict[str, Any]:
    """What changes when an array is no longer the one it was, for JSON.

    `files` are those of `files_of`, and whatever else the pixels come from.
    """
    states = {str(file): state_of(file) for file in sorted(files)}
    return {"name": name, "pixels": tokenize(pixels), "files": states}


def files_of(pixels: Any) -> set[Path]:
    """The files and folders that an array is known to be read from.

    Mapped files, zarr arrays in folders, and dask arrays made of these arrays; dask
    copies mapped files into memory. dask's name for a file, and that of zarr, does not
    change when somebody writes to it.
    """
    arrays = [pixels]
    if isinstance(pixels, da.Array):
        arrays = [source for _, _, source in _sources(pixels)]
    arrays = [each.array if isinstance(each, Present) else each for each in arrays]
    return {
        Path(place)
        for array in arrays
        for place in (
            getattr(array, "filename", None),  # numpy.memmap
            store_of(array),  # zarr.Array
        )
        if isinstance(place, (str, Path)) and Path(place).exists()
    }
