"""What runs on GPUs only, on imitations of them: no GPU is needed here."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.overrides import TorchFunctionMode
from torch_modes import NoFloat64

from napari_vdsr.imaging.intensities import work_dtype
from napari_vdsr.imaging.resample import resize_rows
from napari_vdsr.inference import transfer, window
from napari_vdsr.inference.shield import shielded
from napari_vdsr.inference.transfer import AxisWeights, Download, uploaded
from napari_vdsr.inference.window import restore_window, sum_device

CUDA = torch.device("cuda", 1)
DEVICES = [CUDA, torch.device("mps", 0), torch.device("xpu", 0)]


class Slices(TorchFunctionMode):
    """Slices tensors of devices that torch was built without, which it refuses."""

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if function is not Tensor.__getitem__:
            return function(*args, **(kwargs or {}))
        values, key = args
        axis = 0
        for part in key if isinstance(key, tuple) else (key,):
            if part is None:
                values = values.unsqueeze(axis)
            elif isinstance(part, int):
                values = values.select(axis, part)
                continue
            else:
                start, stop, _ = part.indices(values.shape[axis])
                values = values.narrow(axis, start, stop - start)
            axis += 1
        return values


@contextmanager
def without_memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tensors of any device that have all but values.

    Those of different devices do not mix, and whatever waits for a value raises.
    """

    def arrives(array: Any, device: torch.device, dtype: torch.dtype) -> Tensor:
        return torch.empty(array.shape, dtype=dtype, device=device)

    monkeypatch.setattr(window, "uploaded", arrives)
    with FakeTensorMode(), NoFloat64(), Slices():
        yield


class Engine:
    """Takes and gives what the engines do."""

    channels, bytes_per_pixel = 1, 1

    def __init__(self, device: torch.device, precision: torch.dtype) -> None:
        self.device, self.precision = device, precision

    def residual(self, x: Tensor) -> Tensor:
        assert (x.device, x.dtype, x.shape[:2]) == (self.device, torch.float32, (1, 1))
        return torch.empty_like(x)


@pytest.mark.parametrize("shape", [(12, 10), (12, 10, 4)])
@pytest.mark.parametrize(
    "dtype", ["uint8", "int16", "uint32", "uint64", "float32", "float64"]
)
@pytest.mark.parametrize("device", DEVICES, ids=str)
def test_every_device_is_given_what_it_knows_and_waits_for_nothing(
    device: torch.device,
    dtype: str,
    shape: tuple[int, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Float64 is summed on the host but for CUDA; nothing is read before the end."""
    image = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    work = work_dtype(image.dtype)
    where = sum_device(device, work)
    engine: Any = Engine(device, torch.float16)
    with without_memory(monkeypatch):
        weights = [
            torch.empty(rows.weights.shape, dtype=work, device=where)
            for rows in (resize_rows(n, 2 * n, 0, 2 * n) for n in shape[:2])
        ]
        (values,), total = restore_window(image, tuple(weights), engine, None, rings=4)  # type: ignore[arg-type]
        assert total is not None
        assert (values.device, values.dtype, total.device) == (where, work, device)
        assert values.shape[1:] == (24, 20)
        if where != CUDA:
            assert Download(values, image.dtype)._host.device.type == "cpu"


class Cuda:
    """CUDA's streams and two devices; notes what is pinned, moved and waited for.

    Waiting for an event uses the current device, as does leaving a stream of another
    one. Leaving the guard of a device does not.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.device = 0
        self.streams = [Stream(f"usual {index}", index, self) for index in (0, 1)]
        self.usual = list(self.streams)
        self.pinned: list[int] = []
        self.moved: list[torch.dtype] = []
        self.waits: list[str] = []
        self.used: set[int] = set()
        empty, to = torch.empty, Tensor.to

        def pinned(*shape: Any, pin_memory: bool = False, **options: Any) -> Tensor:
            if pin_memory:
                self.pinned.append(self.device)
            return empty(*shape, **options)

        def moved(values: Tensor, target: Any, **options: Any) -> Tensor:
            if not isinstance(target, torch.device):
                return to(values, target, **options)
            self.moved.append(values.dtype)
            return values.clone()

        index = self._index
        for name, value in {
            "is_initialized": lambda: True,
            "device_count": lambda: 2,
            "Stream": lambda device: Stream("copies", index(device), self),
            "default_stream": lambda device: self.usual[index(device)],
            "current_stream": lambda device: self.streams[index(device)],
            "device": self._guard,
            "stream": self._stream,
        }.items():
            monkeypatch.setattr(torch.cuda, name, value)
        monkeypatch.setattr(torch, "empty", pinned)
        monkeypatch.setattr(Tensor, "to", moved)
        monkeypatch.setattr(Tensor, "record_stream", lambda values, stream: None)

    @staticmethod
    def _index(device: Any) -> int:
        return int(getattr(device, "index", device))

    @contextmanager
    def _guard(self, device: Any) -> Iterator[None]:
        before, self.device = self.device, self._index(device)
        try:
            yield
        finally:
            self.device = before

    @contextmanager
    def _stream(self, chosen: "Stream") -> Iterator[None]:
        index, current = chosen.device.index, self.device
        before, self.streams[index] = self.streams[index], chosen
        self.device = index
        try:
            yield
        finally:
            self.streams[index] = before
            if current != index:
                self.used.add(current)
            self.device = current


class Stream:
    """One of its streams."""

    def __init__(self, name: str, index: int, cuda: Cuda) -> None:
        self.name, self.device, self.cuda = name, torch.device("cuda", index), cuda

    def wait_stream(self, other: "Stream") -> None:
        self.cuda.waits.append(f"{self.name} for {other.name}")

    def record_event(self) -> Any:
        def synchronize() -> None:
            self.cuda.used.add(self.cuda.device)

        return SimpleNamespace(synchronize=synchronize)


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cuda]:
    transfer._stream.cache_clear()
    yield Cuda(monkeypatch)
    transfer._stream.cache_clear()


@contextmanager
def own_stream(cuda: Cuda) -> Iterator[None]:
    """As a caller does who computes on the second device, beside others."""
    with torch.cuda.device(1), torch.cuda.stream(Stream("own", 1, cuda)):  # type: ignore[arg-type]
        yield


@pytest.mark.parametrize("fails", [False, True])
def test_streams_of_the_caller_take_turns_with_the_usual_one(
    fails: bool, cuda: Cuda
) -> None:
    """Weights that one stream had brought were used in another, maybe too early."""
    with own_stream(cuda), suppress(ZeroDivisionError), shielded():
        assert (cuda.streams, cuda.device) == (cuda.usual, 1)
        with shielded():
            assert cuda.waits == ["usual 1 for own"]
        assert 1 / (not fails)
    assert cuda.waits == ["usual 1 for own", "own for usual 1"]
    assert (cuda.streams, cuda.device) == (cuda.usual, 0)


def test_of_devices_that_nobody_chose_a_stream_on_nothing_is_done(
    cuda: Cuda, monkeypatch: pytest.MonkeyPatch
) -> None:
    with shielded():
        assert (cuda.waits, cuda.device) == ([], 0)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: False)
    monkeypatch.delattr(torch.cuda, "default_stream")
    with shielded():
        pass


def test_kept_weights_are_ready_for_every_stream(cuda: Cuda) -> None:
    weights = AxisWeights("bicubic")
    with own_stream(cuda):
        first = weights.part(10, 20, slice(0, 20), CUDA, torch.float32)
    # The usual stream waits for them, and the computation is in that one.
    assert cuda.waits == ["usual 1 for own", "usual 1 for copies", "own for usual 1"]
    assert weights.part(10, 20, slice(0, 20), CUDA, torch.float32) is first


class OnTheSecondGpu(Tensor):
    """A tensor that says it is on a GPU."""

    device = CUDA


def test_the_second_gpu_alone_is_used(cuda: Cuda) -> None:
    """With cuda:1 alone, half a gigabyte was taken on cuda:0."""
    image = np.arange(12, dtype=np.uint16).reshape(3, 4)
    values = uploaded(image, CUDA, torch.float32)
    result = Download(values.as_subclass(OnTheSecondGpu), image.dtype)
    np.testing.assert_array_equal(result.array(), image)
    assert cuda.pinned == [1, 1]
    assert cuda.used == {1}
    assert cuda.device == 0


@pytest.mark.parametrize(
    ("dtype", "work", "travels"),
    [
        ("uint8", torch.float32, torch.uint8),
        ("uint16", torch.float32, torch.uint16),
        ("uint32", torch.float64, torch.uint32),
        ("float64", torch.float32, torch.float32),  # weights
        ("float64", torch.float64, torch.float64),
        ("bool", torch.float32, torch.bool),
    ],
)
def test_copies_take_as_few_bytes_as_they_can(
    dtype: str, work: torch.dtype, travels: torch.dtype, cuda: Cuda
) -> None:
    image = np.array([[0, 1], [1, 1]]).astype(dtype)
    values = uploaded(image, CUDA, work)
    assert values.dtype is work
    assert cuda.moved == [travels]
    np.testing.assert_array_equal(values, image)


@pytest.mark.parametrize("dtype", ["int64", "uint64"])
def test_integers_that_cuda_does_not_know_are_made_when_they_are_read(
    dtype: str, cuda: Cuda
) -> None:
    """Each tile was waited for."""
    limits = np.iinfo(dtype)
    exact = torch.tensor([[-1e30, 3.5, 2.0**53, 1e30]], dtype=torch.float64)
    result = Download(exact.as_subclass(OnTheSecondGpu), np.dtype(dtype))
    assert result._host.dtype is torch.float64
    expected = np.array([[limits.min, 4, 2**53, limits.max]], dtype)
    np.testing.assert_array_equal(result.array(), expected)


def test_the_second_thread_is_not_the_one_that_computes() -> None:
    """Results of a GPU are written, and their memory touched, beside its work."""
    from napari_vdsr.inference.transfer import writer_beside

    for device, beside in ((torch.device("cpu"), False), (CUDA, True)):
        with writer_beside(device) as (writer, ahead):
            done = writer.submit(threading.get_ident).result()
        assert (done != threading.get_ident()) is beside
        assert bool(ahead) is beside
