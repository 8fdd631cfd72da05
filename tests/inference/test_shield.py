"""The same bits whatever the caller has set, and the caller's settings as they were."""

import os
import runpy
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import napari_vdsr
from napari_vdsr.errors import Cancelled, InputError, VdsrWarning
from napari_vdsr.inference import engine as engine_module
from napari_vdsr.inference import shield
from napari_vdsr.inference.engine import computes_bfloat16
from napari_vdsr.inference.shield import shielded
from napari_vdsr.inference.torch_engine import TorchEngine, relative_error
from napari_vdsr.inference.upscaler import Upscaler
from napari_vdsr.options import RunOptions
from napari_vdsr.training import TrainingConfig, recipe
from napari_vdsr.training.prepare import prepare
from napari_vdsr.training.trainer import Trainer
from napari_vdsr.zoo import load_model

CPU = torch.device("cpu")
HAS_PRECISIONS = hasattr(torch.backends, "fp32_precision")
TREE = [
    ("generic", "all"),
    *((kind, op) for kind in ("cuda", "mkldnn") for op in ("all", "conv", "matmul")),
]


def with_tree(kind: str, op: str, value: str) -> None:
    torch._C._set_fp32_precision_setter(kind, op, value)


# Settings of the process or of numpy: called to set them.
SWITCHES: dict[str, Callable[[], object]] = {
    "float64": partial(torch.set_default_dtype, torch.float64),
    "bfloat16": partial(torch.set_default_dtype, torch.bfloat16),
    "meta": partial(torch.set_default_device, "meta"),
    "products in high": partial(torch.set_float32_matmul_precision, "high"),
    "products in medium": partial(torch.set_float32_matmul_precision, "medium"),
    "old TF32": partial(setattr, torch.backends.cuda.matmul, "allow_tf32", True),
    "no old TF32": partial(setattr, torch.backends.cudnn, "allow_tf32", False),
    "deterministic": partial(torch.use_deterministic_algorithms, True),
    "warns": partial(torch.use_deterministic_algorithms, True, warn_only=True),
    "no oneDNN": partial(setattr, torch.backends.mkldnn, "enabled", False),
    "benchmark": partial(setattr, torch.backends.cudnn, "benchmark", True),
    "no cuDNN": partial(setattr, torch.backends.cudnn, "enabled", False),
    "numpy raises": partial(np.seterr, all="raise"),
    "numpy is silent": partial(np.seterr, all="ignore"),
}
if HAS_PRECISIONS:
    SWITCHES |= {
        f"{kind} {op} {value}": partial(with_tree, kind, op, value)
        for kind, op in TREE
        for value in ("ieee", "tf32", *(["bf16"] if kind != "cuda" else []))
    }

# Settings of a thread: entered and left.
MODES: dict[str, Callable[[], AbstractContextManager[object]]] = {
    "autocast": partial(torch.autocast, "cpu", torch.bfloat16),
    "autocast in float16": partial(torch.autocast, "cpu", torch.float16),
    "no grad": torch.no_grad,
    "inference": torch.inference_mode,
    "grad": torch.enable_grad,
    "on meta": partial(torch.device, "meta"),
}


def told(read: Callable[[], object]) -> object:
    """What a switch tells; some refuse to when old and new ones are mixed."""
    try:
        return read()
    except RuntimeError:
        return "refuses"


def state() -> dict[str, object]:
    """All settings of this process and thread."""
    read: dict[str, Callable[[], object]] = {
        "dtype": torch.get_default_dtype,
        "modes": torch.overrides._get_current_function_mode_stack,
        "products": torch.get_float32_matmul_precision,
        "old products": lambda: torch.backends.cuda.matmul.allow_tf32,
        "old": lambda: torch.backends.cudnn.allow_tf32,
        "deterministic": torch.get_deterministic_debug_mode,
        "mkldnn": lambda: torch.backends.mkldnn.enabled,
        "benchmark": lambda: torch.backends.cudnn.benchmark,
        "exact": lambda: torch.backends.cudnn.deterministic,
        "cudnn": lambda: torch.backends.cudnn.enabled,
        "numpy": np.geterr,
        "grad": torch.is_grad_enabled,
        "inference": torch.is_inference_mode_enabled,
        "autocast": lambda: torch.is_autocast_enabled("cpu"),
        "autocast dtype": lambda: torch.get_autocast_dtype("cpu"),
    }
    values = {name: told(each) for name, each in read.items()}
    if HAS_PRECISIONS:
        # What a line says itself is seen when those above it say nothing.
        getter = torch._C._get_fp32_precision_getter
        own = {}
        for key in [*TREE, ("cuda", "rnn"), ("mkldnn", "rnn")]:
            values[f"precision {key}"] = getter(*key)
        for key in TREE:
            own[key] = getter(*key)
            with_tree(*key, "none")
        for key, value in own.items():
            with_tree(*key, value)
            values[f"own {key}"] = value
    return values


@contextmanager
def caller(names: list[str]) -> Iterator[None]:
    """Be a caller who has set all of these, first the switches, in this order."""
    numpy = np.geterr()
    try:
        with ExitStack() as modes:
            for name in sorted(names, key=MODES.__contains__):
                if name in MODES:
                    modes.enter_context(MODES[name]())
                else:
                    SWITCHES[name]()
            yield
    finally:
        np.seterr(**numpy)
        torch.set_default_dtype(torch.float32)
        torch.set_default_device(None)
        torch.use_deterministic_algorithms(False)
        torch.backends.mkldnn.enabled = torch.backends.cudnn.enabled = True
        torch.backends.cudnn.benchmark = False
        for key in TREE if HAS_PRECISIONS else ():
            with_tree(*key, "none")
        torch.set_float32_matmul_precision("highest")
        torch.backends.cudnn.allow_tf32 = True


anything = st.lists(st.sampled_from([*SWITCHES, *MODES]), max_size=7, unique=True)


def image(dtype: str) -> NDArray[Any]:
    """Much white and black beside noise; too large for torch's small convolutions."""
    values = np.random.default_rng(8).random((40, 33)) * 1.4 - 0.2
    values = values.clip(0, 1)
    return (values * (65535 if dtype == "uint16" else 1)).astype(dtype)


def enlarged(dtype: str, with_torch: bool) -> NDArray[Any]:
    """The result of `upscale`, or that of torch's engine alone."""
    pixels = image(dtype)
    if not with_torch:
        return napari_vdsr.upscale(pixels, 3, model="vdsr5", device="cpu")
    model = load_model("vdsr5")
    own = TorchEngine(model.network, CPU, torch.float32)
    upscaler = Upscaler(RunOptions(model, device="cpu"), engine=own)
    return upscaler.region(pixels, (120, 99))


KINDS = [
    (dtype, with_torch) for dtype in ("uint16", "float32") for with_torch in (0, 1)
]
PLAIN: dict[Any, NDArray[Any]] = {}


@pytest.fixture(scope="module", autouse=True)
def plain() -> None:
    """Enlarge in a process where nothing was set."""
    PLAIN.update({kind: enlarged(*kind) for kind in KINDS})


@given(anything, st.sampled_from(KINDS))
def test_any_state_of_the_caller_gives_the_same_bits_and_stays(
    names: list[str], kind: Any
) -> None:
    with caller(names):
        before = state()
        result = enlarged(*kind)
        assert state() == before
    np.testing.assert_array_equal(result, PLAIN[kind])


@pytest.mark.parametrize("name", [*SWITCHES, *MODES])
def test_each_state_by_itself(name: str) -> None:
    with caller([name]):
        before = state()
        engine_module.forget_engines()  # so that they are made in this state as well
        for kind in KINDS:
            result = enlarged(*kind)
            assert state() == before
            np.testing.assert_array_equal(result, PLAIN[kind])
    engine_module.forget_engines()


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_white_stays_white_within_autocast(dtype: str) -> None:
    """3,152 of 4,096 white pixels became 0, and float32 raised (doctr#1342)."""
    white = np.full((32, 32), 65535 if dtype == "uint16" else 1, dtype)
    with torch.autocast("cpu"):
        result = napari_vdsr.upscale(white, 2, model="vdsr5", device="cpu")
    assert (result == white[0, 0]).all()


class _Stops:
    def reset(self, total: float | None = None) -> None:
        """Nothing to do."""

    def update(self, n: float = 1) -> None:
        assert state() == self.expected  # it is called with the caller's settings
        raise Cancelled("stopped")

    expected: dict[str, object]


@given(anything)
@settings(max_examples=10)
def test_the_settings_stay_when_the_work_is_cancelled_or_fails(
    names: list[str],
) -> None:
    with caller(names):
        stops = _Stops()
        before = stops.expected = state()
        options: Any = {"model": "vdsr5", "device": "cpu", "progress": stops}
        with pytest.raises(Cancelled):
            napari_vdsr.upscale(image("uint16"), 2, **options)
        with pytest.raises(InputError):
            napari_vdsr.upscale(np.full((9, 9), np.inf), 2, **options)
        with pytest.raises(ZeroDivisionError), shielded():
            _ = 1 / 0
        assert state() == before


@given(anything)
@settings(max_examples=10)
def test_half_precision_is_judged_in_the_same_way(names: list[str]) -> None:
    expected = relative_error(CPU, torch.bfloat16)
    with caller(names):
        assert relative_error(CPU, torch.bfloat16) == expected


def test_the_last_of_several_threads_restores_the_settings() -> None:
    inside, leave, left = threading.Event(), threading.Event(), threading.Event()

    def other() -> None:
        with shielded():
            inside.set()
            leave.wait(10)
        left.set()

    with caller(["products in medium", "float64"]):
        before = state()
        thread = threading.Thread(target=other)
        with shielded():
            thread.start()
            assert inside.wait(10)
        assert torch.get_default_dtype() is torch.float32
        assert torch.get_float32_matmul_precision() == "highest"
        leave.set()
        assert left.wait(10)
        thread.join()
        assert state() == before


def trained(pixels: NDArray[Any], config: TrainingConfig) -> dict[str, torch.Tensor]:
    trainer = Trainer(prepare([pixels], config), config, device="cpu")
    for _ in trainer.run():
        pass
    return dict(trainer.model().network.state_dict())


def test_training_beside_enlarging_gives_the_same_as_alone() -> None:
    """The first to leave took the settings away that the other computed with."""
    pixels = (np.random.default_rng(1).random((48, 240)) * 255).astype("uint8")
    config = recipe(
        "quick", steps=6, depth=3, patch=16, batch=2, sizes=(1.0,), factors=(2.0,)
    )
    expected = trained(pixels, config)
    done, results = threading.Event(), []

    def enlarge() -> None:
        while not done.is_set():
            results.append(enlarged("uint16", with_torch=True))

    with caller(["products in medium", "float64", "old TF32"]):
        before = state()
        thread = threading.Thread(target=enlarge)
        thread.start()
        try:
            weights = trained(pixels, config)
        finally:
            done.set()
            thread.join()
        assert state() == before
    for name, value in expected.items():
        np.testing.assert_array_equal(weights[name].numpy(), value.numpy())
    assert results
    for result in results:
        np.testing.assert_array_equal(result, PLAIN["uint16", 1])


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_training_gives_the_same_weights_in_any_state(precision: str) -> None:
    pixels = (np.random.default_rng(1).random((48, 240)) * 255).astype("uint8")
    changes: dict[str, Any] = {
        **{"steps": 3, "depth": 3, "patch": 16, "batch": 2, "precision": precision},
        **{"sizes": (1.0,), "factors": (2.0,), "validate_every": 2},
    }
    if precision == "bfloat16" and not computes_bfloat16():
        pytest.skip("this processor does not compute in bfloat16")
    config = recipe("quick", **changes)

    expected = trained(pixels, config)
    for names in (
        ["float64", "autocast"],
        ["inference", "meta", "no oneDNN"],
        ["no grad", "products in medium", "deterministic", "numpy raises"],
        *([["generic all bf16", "bfloat16"]] if HAS_PRECISIONS else []),
    ):
        with caller(names):
            before = state()
            weights = trained(pixels, config)
            assert state() == before
        for name, value in expected.items():
            assert value.dtype is torch.float32
            np.testing.assert_array_equal(
                weights[name].numpy(), value.numpy(), str(names)
            )


def test_an_optional_engine_that_fails_is_left_with_a_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In a Turkish locale OpenVINO cannot be imported; older ones lack operations."""

    def fails(*arguments: object) -> None:
        raise RuntimeError("Unexpected locale")

    monkeypatch.setattr(engine_module, "has_openvino", lambda: True)
    monkeypatch.setattr(engine_module, "compile_for_openvino", fails)
    engine_module.forget_engines()
    with pytest.warns(VdsrWarning, match="Unexpected locale.*using torch") as caught:
        result = enlarged("float32", with_torch=False)
    assert len(caught) == 1
    np.testing.assert_array_equal(result, PLAIN["float32", 1])
    engine_module.forget_engines()


FORKS = """
import os, sys, threading
import numpy as np
import torch
import napari_vdsr
from napari_vdsr.inference import engine
from napari_vdsr.inference.device import device_lock
from napari_vdsr.inference.shield import shielded
from napari_vdsr.inference.upscaler import Upscaler
from napari_vdsr.options import RunOptions

if sys.argv[1] == "torch":
    engine.has_openvino = lambda: False
torch.set_num_threads(4)
torch.set_default_dtype(torch.float64)
image = np.random.default_rng(0).random((150, 150), np.float32)
model = napari_vdsr.load_model("vdsr5")
upscaler = Upscaler(RunOptions(model, device="cpu"))
expected = upscaler.region(image, (300, 300))
inside = threading.Event()

def other():  # does not come back in the child, and holds everything
    with engine._ready._lock, device_lock(torch.device("cpu")), shielded():
        inside.set()
        threading.Event().wait()

threading.Thread(target=other, daemon=True).start()
inside.wait()
child = os.fork()
if child == 0:
    assert torch.get_default_dtype() is torch.float64
    for result in (
        upscaler.region(image, (300, 300)),
        napari_vdsr.upscale(image, 2, model=model, device="cpu"),
    ):
        assert np.abs(result - expected).max() < 1e-6
    assert torch.get_default_dtype() is torch.float64
    print("child done", flush=True)
    os._exit(0)
os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("way", ["torch", "fastest"])
def test_a_child_process_computes_after_a_fork(way: str) -> None:
    """It waited for ever for the threads of its parent (pytorch#89693)."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKS, way],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"OMP_NUM_THREADS": "2"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "child done\n"


X = torch.linspace(0, 1, 56).reshape(7, 8)
FINE = {
    "requires grad": X.clone().requires_grad_(),
    "bfloat16": X.bfloat16(),
    "negative view": torch.complex(X, -X).conj().imag,
    "zeros without memory": torch._efficientzerotensor((7, 8)),
    "transposed": X.t().contiguous().t(),
    "strided": X.repeat_interleave(2, 1)[:, ::2],
    "expanded": X[:1].expand(7, 8),
}
REFUSED = {
    "meta": X.to("meta"),
    "sparse": X.to_sparse(),
    "oneDNN": X.to_mkldnn(),
    "float8": X.to(torch.float8_e4m3fn),
    "conjugate": torch.complex(X, X).conj(),
}


@pytest.mark.parametrize("name", FINE)
def test_a_tensor_in_any_state_is_enlarged_as_its_values_are(name: str) -> None:
    tensor = FINE[name]
    values = tensor.detach().clone().resolve_neg().float().add(0).numpy()
    options: Any = {"model": "vdsr5", "device": "cpu"}
    expected = torch.from_numpy(napari_vdsr.upscale(values, 2, **options))
    result = napari_vdsr.upscale(tensor, 2, **options)
    assert result.dtype is tensor.dtype
    assert not result.requires_grad
    assert torch.equal(result, expected.to(tensor.dtype))


@pytest.mark.parametrize("name", REFUSED)
def test_a_tensor_that_cannot_be_had_is_refused_with_words(name: str) -> None:
    for work in (napari_vdsr.upscale, partial(napari_vdsr.psnr, X)):
        with pytest.raises(InputError):
            work(REFUSED[name])


def test_advice_of_torch_on_its_switches_is_given_to_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """torch 2.9 gives it once a process: here it comes before a user's work."""
    asked = 0

    def advises() -> bool:
        nonlocal asked
        asked += 1
        warnings.warn("Please use the new API settings to control TF32", stacklevel=2)
        return False

    monkeypatch.setattr(torch._C, "_get_cublas_allow_tf32", advises)
    runpy.run_path(shield.__file__)
    assert asked == 1
