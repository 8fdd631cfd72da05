"""What devices say of their memory, and words for one that is full."""

import re
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from napari_vdsr.errors import VdsrError
from napari_vdsr.inference import engine as engine_module
from napari_vdsr.inference.device import (
    device_failures,
    free_memory,
    is_out_of_memory,
    memory_errors,
    release_memory,
    tile_edge,
)
from napari_vdsr.inference.upscaler import Upscaler
from napari_vdsr.options import RunOptions
from napari_vdsr.zoo import Model

FULL = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    MemoryError(),
    *map(
        RuntimeError,
        [
            "CUDA error: out of memory",
            "CUDA error: CUBLAS_STATUS_ALLOC_FAILED",
            "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
            "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
            "HIP error: hipErrorOutOfMemory",
            "XPU out of memory. Tried to allocate 64.00 GiB",
            "Native API failed. Native API returns: 39 "
            "(UR_RESULT_ERROR_OUT_OF_DEVICE_MEMORY)",
            "level_zero backend failed with error: 40 "
            "(UR_RESULT_ERROR_OUT_OF_RESOURCES)",
            "UR error: UR_RESULT_ERROR_OUT_OF_HOST_MEMORY",
            "MPS backend out of memory (MPS allocated: 5.00 GB)",
            "Invalid buffer size: 19.38 GiB",
            "DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes",
            "DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes",
            "unable to mmap 4096 bytes: Cannot allocate memory (12)",
            "Exception from src/inference: std::bad_alloc",
        ],
    ),
]
OTHERS = [
    RuntimeError(text)
    for text in (
        "CUDA error: an illegal memory access was encountered",
        "GET was unable to find an engine to execute this computation",
        "out of resource: shared memory, Required: 300000, Hardware limit: 232448",
        "Input type (float) and bias type (c10::Half) should be the same",
        "CUDA error: device-side assert triggered",
    )
]


@pytest.mark.parametrize("error", FULL, ids=str)
def test_a_full_memory_is_understood_in_every_library_s_words(error: Exception) -> None:
    assert is_out_of_memory(error)


@pytest.mark.parametrize("error", OTHERS, ids=str)
def test_other_faults_are_not_about_a_full_memory(error: Exception) -> None:
    assert not is_out_of_memory(error)
    with (
        pytest.raises(RuntimeError) as caught,
        memory_errors(torch.device("cpu"), "for this", "do that"),
    ):
        raise error
    assert caught.value is error


@pytest.mark.parametrize(
    "words",
    [
        "CUDA error: an illegal memory access was encountered\nFor debugging",
        "CUDA error: unspecified launch failure",
        "cuDNN error: CUDNN_STATUS_EXECUTION_FAILED",
        "HIP error: unspecified launch failure",
        "level_zero backend failed with error: 20 (UR_RESULT_ERROR_DEVICE_LOST)",
        "Error: command buffer exited with error status.",
    ],
)
def test_a_device_that_stopped_working_is_named(words: str) -> None:
    expected = rf"cuda:1 stopped working \({re.escape(words.splitlines()[0])}\): start"
    with (
        pytest.raises(VdsrError, match=expected),
        memory_errors(torch.device("cuda", 1), "for this", "do that"),
    ):
        raise RuntimeError(words)


def test_a_device_that_stopped_working_has_no_memory_to_give(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def lost() -> None:
        raise RuntimeError("CUDA error: unspecified launch failure")

    monkeypatch.setattr(torch.cuda, "empty_cache", lost)
    release_memory(torch.device("cuda", 0))


def test_other_errors_are_no_failures_of_a_device() -> None:
    for error in (RuntimeError("shapes differ"), KeyError("x"), *FULL):
        with (
            pytest.raises(type(error)) as caught,
            device_failures(torch.device("cuda", 1)),
        ):
            raise error
        assert caught.value is error


def test_a_device_too_full_for_the_network_is_named(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(engine_module, "_prepared", full)
    engine_module.forget_engines()
    with pytest.raises(VdsrError, match="cpu has too little memory for small: close"):
        Upscaler(RunOptions(model, device="cpu"))


def card(free: int, reserved: int = 0, allocated: int = 0) -> Any:
    """The part of torch that tells the memory of a device."""
    return SimpleNamespace(
        mem_get_info=lambda device: (free, 80_000_000_000),
        memory_reserved=lambda device: reserved,
        memory_allocated=lambda device: allocated,
    )


@pytest.mark.parametrize("kind", ["cuda", "xpu"])
def test_memory_that_torch_keeps_is_free(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second run was given smaller tiles, as the first one's memory was kept."""
    device = torch.device(kind, 0)
    monkeypatch.setattr(torch, kind, card(700_000_000))
    before = free_memory(device), tile_edge("auto", 512, 20, device)
    monkeypatch.setattr(torch, kind, card(140_000_000, 600_000_000, 40_000_000))
    assert (free_memory(device), tile_edge("auto", 512, 20, device)) == before
    assert before[0] == 700_000_000


@pytest.mark.parametrize("fault", [RuntimeError("not supported"), AttributeError("x")])
def test_a_device_that_does_not_tell_its_memory_gets_usual_tiles(
    fault: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some Intel GPUs refuse, and older releases of torch cannot ask."""

    def refuses(device: torch.device) -> None:
        raise fault

    monkeypatch.setattr(torch, "xpu", SimpleNamespace(mem_get_info=refuses))
    device = torch.device("xpu", 0)
    assert free_memory(device) is None
    assert tile_edge("auto", 512, 20, device) == 1024
