"""Faults put in on purpose, and what happens then, as a table.

    xvfb-run -a python benchmarks/faults.py

Every row is tried as often as it says; the exit status is 1 when one promise is broken.
`--tries` and `--mutants` say how often, `--only` chooses.
"""

import argparse
import logging
import os
import pickle
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import torch
import zarr
from PIL import Image

from napari_vdsr import memory
from napari_vdsr.errors import FileError, ModelError, VdsrError
from napari_vdsr.files import open_image
from napari_vdsr.files.opening import check_memory
from napari_vdsr.network import VDSR
from napari_vdsr.zoo import Model, load_model
from napari_vdsr.zoo.formats import read_weights

_SIZE = 320  # pixels a side of the image that is enlarged
_SUFFIXES = (".png", ".tif", ".zarr")
_STEPS = 120


class Trial:
    """A folder with an image, and the command line on it."""

    def __init__(self, folder: Path, chance: random.Random, mutants: int) -> None:
        self.folder, self.chance, self.mutants = folder, chance, mutants
        self.image = folder / "image.tif"
        noise = np.random.default_rng(0).integers(0, 4000, (_SIZE // 8,) * 2, np.uint16)
        tifffile.imwrite(self.image, noise.repeat(8, 0).repeat(8, 1))
        self.images = folder / "images"
        self.images.mkdir()
        for number in range(4):
            block = noise[number * 9 :, :64][:48] >> 4
            Image.fromarray(block.astype(np.uint8)).save(self.images / f"{number}.png")
        self._whole: dict[str, Any] = {}
        self._seconds: dict[str, float] = {}

    def enlarging(self, suffix: str, *more: str) -> list[str]:
        """A command that enlarges the image."""
        target = self.folder / f"result{suffix}"
        told = ["--model", "vdsr5", "--device", "cpu", "--precision", "float32"]
        return ["upscale", str(self.image), str(target), *told, *more]

    def training(self, *more: str) -> list[str]:
        """A command that trains a small network."""
        target = str(self.folder / "trained.safetensors")
        told = ["--recipe", "adapt", "--steps", str(_STEPS), "--depth", "3"]
        told += ["--patch", "16", "--batch", "4", "--device", "cpu"]
        return ["train", str(self.images), "--output", target, *told, *more]

    def start(self, command: list[str], **options: Any) -> "subprocess.Popen[str]":
        """Start a command."""
        program = [sys.executable, "-m", "napari_vdsr", *command]
        pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(program, **{**pipes, **options})

    def run(self, command: list[str], **options: Any) -> tuple[int, str]:
        """Run a command: its status, and what it said."""
        process = self.start(command, **options)
        _, said = process.communicate()
        assert "Traceback" not in said, said
        return process.returncode, said

    def clean(self) -> None:
        """Remove results."""
        kept = {self.image, self.images}
        for path in self.folder.iterdir():
            if path not in kept:
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def read(self, target: Path) -> Any:
        """What a result holds: pixels or weights."""
        if target.suffix == ".safetensors":
            return list(load_model(target).network.state_dict().values())
        if target.suffix == ".zarr":
            return [zarr.open_array(str(target / "0"), mode="r")[...]]
        return [open_image(target).read().array]

    def whole(self, command: list[str]) -> Any:
        """The result of a command that nobody disturbs."""
        target = self.target(command)
        if target.name not in self._whole:
            self.clean()
            began = time.monotonic()
            status, said = self.run(command)
            assert status == 0, said
            self._seconds[target.name] = time.monotonic() - began
            self._whole[target.name] = self.read(target)
            self.clean()
        return self._whole[target.name]

    def seconds(self, command: list[str]) -> float:
        """How long that took."""
        self.whole(command)
        return self._seconds[self.target(command).name]

    def target(self, command: list[str]) -> Path:
        """The file that a command writes."""
        train = "--output" in command
        return Path(command[command.index("--output") + 1] if train else command[2])

    def checkpoint(self, command: list[str]) -> Path:
        """Where a training keeps its state meanwhile."""
        target = self.target(command)
        return target.with_name(f"{target.name}.checkpoint")

    def equals(self, command: list[str]) -> bool:
        """Whether a result equals that of a command that nobody disturbed."""
        pairs = zip(self.read(self.target(command)), self.whole(command), strict=True)
        return all(np.array_equal(one, other) for one, other in pairs)

    def chunks(self) -> list[Path]:
        """Chunks of the finest level of an unfinished OME-Zarr."""
        level = self.folder / "result.zarr.part" / "0" / "c"
        return sorted(
            path for path in level.rglob("*") if path.name.isdigit() and path.is_file()
        )

    def until(self, what: Callable[[], object], process: Any) -> None:
        """Wait until something is so, or a process has ended."""
        while not what() and process.poll() is None:
            time.sleep(0.01)


def killed(trial: Trial, command: list[str], ready: Callable[[], object]) -> None:
    """Start a command and kill it some time after it is ready."""
    process = trial.start(command)
    trial.until(ready, process)
    time.sleep(trial.chance.uniform(0, 0.5))
    process.kill()
    process.wait()


def kill_enlarging(suffix: str) -> Callable[[Trial], str]:
    """Make a fault: kill -9 while an image is enlarged."""

    def fault(trial: Trial) -> str:
        command = trial.enlarging(suffix)
        seconds = trial.seconds(command)
        at = time.monotonic() + trial.chance.uniform(0.3, 0.95) * seconds
        killed(trial, command, lambda: time.monotonic() > at)
        target = trial.target(command)
        assert not target.exists() or trial.equals(command)
        status, said = trial.run([*command, "--overwrite"])
        assert status == 0 and trial.equals(command), said
        return "no result in part; the same command again gives it, equal to the bit"

    return fault


def kill_training(trial: Trial) -> str:
    """Kill -9 while a network is trained."""
    command = trial.training()
    trial.whole(command)
    killed(trial, command, trial.checkpoint(command).exists)
    if not trial.target(command).exists():
        status, said = trial.run([*command, "--resume"])
        assert status == 0, said
    assert trial.equals(command)
    return "`--resume` gives the weights of an undisturbed training, to the bit"


def kill_at_the_end_of_training(trial: Trial) -> str:
    """Kill -9 between the model and the removal of its checkpoint."""
    command = trial.training()
    trial.whole(command)
    state = trial.checkpoint(command)
    process = trial.start(command)
    trial.until(state.exists, process)
    kept = state.read_bytes()
    assert process.wait() == 0
    state.write_bytes(kept)
    status, said = trial.run([*command, *trial.chance.choice([[], ["--resume"]])])
    assert status == 0 and "is finished" in said and not state.exists(), said
    return "the same command says that it is finished, and removes the checkpoint"


def stop_by(number: signal.Signals) -> Callable[[Trial], str]:
    """Make a fault: a signal at any moment."""

    def fault(trial: Trial) -> str:
        command = trial.enlarging(".png")
        seconds = trial.seconds(command)
        process = trial.start(command)
        time.sleep(trial.chance.uniform(0, seconds))
        process.send_signal(number)
        process.communicate()
        # Before the program has begun, Python or the system ends it.
        assert process.returncode in (0, 128 + number, -number), process.returncode
        left = {path.name for path in trial.folder.iterdir()} - {"image.tif", "images"}
        if process.returncode == 0 or left:  # it was just done: the result is whole
            assert left == {"result.png"} and trial.equals(command), left
        return f"exit status {128 + number}; no file is left, or the whole result"

    return fault


def fill_the_disk(suffix: str) -> Callable[[Trial], str]:
    """Make a fault: no file may have more than 60 kB."""

    def limited() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))

    def fault(trial: Trial) -> str:
        train = suffix == ".safetensors"
        command = trial.training() if train else trial.enlarging(suffix)
        status, said = trial.run(command, preexec_fn=limited)
        assert status == 1 and "the disk is full" in said, said
        assert not trial.target(command).exists()
        return "exit status 1, `the disk is full …`, no result in part"

    return fault


def limit_memory(trial: Trial) -> str:
    """A container with less memory than an image needs."""
    groups = trial.folder / "groups"
    groups.mkdir()
    (trial.folder / "own").write_text("0::/\n")
    limits = {"max": 1 << 30, "current": 1 << 29, "stat": "inactive_file 0"}
    for name, content in limits.items():
        (groups / f"memory.{name}").write_text(f"{content}\n")
    before = memory._OWN_GROUPS, memory._ALL_GROUPS
    memory._OWN_GROUPS, memory._ALL_GROUPS = trial.folder / "own", groups
    try:
        check_memory("image.tif", 1 << 30)
    except FileError as error:
        return f"`{error}`"
    finally:
        memory._OWN_GROUPS, memory._ALL_GROUPS = before
    raise AssertionError("it was not noticed")


def mutants_of(data: bytes, trial: Trial) -> Iterator[bytes]:
    """Copies with flipped, missing, doubled or foreign bytes."""
    for _ in range(trial.mutants):
        mutant = bytearray(data)
        for _ in range(trial.chance.choice([1, 1, 2, 8])):
            at = trial.chance.randrange(max(1, len(mutant)))
            length = trial.chance.choice([1, 2, 4, 64, 1024])
            kind = trial.chance.randrange(4)
            if kind == 0:
                mutant[at : at + length] = trial.chance.randbytes(length)
            elif kind == 1:
                del mutant[at : at + length]
            elif kind == 2:
                mutant[at:at] = mutant[at : at + length]
            else:
                del mutant[at:]
        yield bytes(mutant)


def count(what: Callable[[bytes], object], data: bytes, trial: Trial) -> str:
    """Try mutants: how many are read, how many refused with words."""
    found: Counter[str] = Counter()
    slowest = 0.0
    for mutant in mutants_of(data, trial):
        began = time.process_time()
        try:
            what(mutant)
            found["read"] += 1
        except (VdsrError, MemoryError):
            found["refused"] += 1
        slowest = max(slowest, time.process_time() - began)
    assert slowest < 5, f"{slowest:.1f} s"
    return f"{found['refused']} refused with words, {found['read']} read, no crash"


def damage_weights(kind: str) -> Callable[[Trial], str]:
    """Make a fault: files of weights with other bytes."""

    def fault(trial: Trial) -> str:
        network = VDSR(depth=3, features=4)
        stream, path = BytesIO(), trial.folder / "a.safetensors"
        new = kind == "zip"
        torch.save(network.state_dict(), stream, _use_new_zipfile_serialization=new)
        Model(network, "a").save(path)
        native = kind == "safetensors"
        data = path.read_bytes() if native else stream.getvalue()
        return count(read_weights, data, trial)

    return fault


def damage_image(suffix: str) -> Callable[[Trial], str]:
    """Make a fault: images with other bytes."""

    def fault(trial: Trial) -> str:
        path = trial.folder / f"a{suffix}"
        pixels = np.random.default_rng(0).integers(0, 255, (40, 50), np.uint8)
        if suffix == ".tif":
            tifffile.imwrite(path, pixels, compression="zlib", tile=(16, 16))
        else:
            Image.fromarray(pixels).save(path)
        data = path.read_bytes()

        def read(mutant: bytes) -> None:
            path.write_bytes(mutant)
            with open_image(path, warn=False) as image:
                image.read()

        return count(read, data, trial)

    return fault


def endless_weights(trial: Trial) -> str:
    """Weights that name programs, have no end or lead elsewhere."""
    ran, folder = Path("ran"), trial.folder / "weights"
    folder.mkdir()
    pairs = b")q\x000" + b"h\x00h\x00\x86q\x000" * 60 + b"h\x00"
    parts = [pickle.dumps(it, 2) for it in (0x1950A86A20F9469CFC6C, 1001, {}, {})]
    legacy = b"".join(parts) + b"\x80\x02]" + pairs + b"a." + b"\0" * 64
    (folder / "pairs.pth").write_bytes(legacy)
    stream = BytesIO()
    torch.save({"a": _Trap()}, stream)
    (folder / "trap.pth").write_bytes(stream.getvalue())
    many = {f"l{i}.weight": torch.zeros(1, 1, 1, 1) for i in range(9_000)}
    torch.save(many, folder / "layers.pth")
    os.mkfifo(folder / "pipe.pth")
    (folder / "zero.pth").symlink_to("/dev/zero")
    (folder / "circle.pth").symlink_to(folder / "circle.pth")
    for path in sorted(folder.iterdir()):
        began = time.process_time()
        try:
            load_model(path)
        except (ModelError, FileError):
            assert time.process_time() - began < 5, path
        else:
            raise AssertionError(f"{path} was read")
    assert not ran.exists()
    return f"all {len(list(folder.iterdir()))} refused with words, nothing of them runs"


class _Trap:
    def __reduce__(self) -> Any:
        return os.system, ("touch ran",)


def change_unfinished(what: str) -> Callable[[Trial], str]:
    """Make a fault: somebody changes an unfinished OME-Zarr."""

    def fault(trial: Trial) -> str:
        command = trial.enlarging(".zarr")
        trial.whole(command)
        killed(trial, command, lambda: len(trial.chunks()) >= 2)
        chunks = trial.chunks()
        if len(chunks) >= 2:
            one, other = trial.chance.sample(chunks, 2)
            before = one.read_bytes()
            if what == "swapped":
                one.write_bytes(other.read_bytes())
                other.write_bytes(before)
            else:
                one.write_bytes(
                    before[: len(before) // 2] + b"\0" + before[len(before) // 2 + 1 :]
                )
        status, said = trial.run([*command, "--overwrite"])
        assert status == 0 and trial.equals(command), said
        return "noticed by its checksum and made again: the result is equal to the bit"

    return fault


def change_the_source(trial: Trial) -> str:
    """Replace a source while it is enlarged."""
    command = trial.enlarging(".zarr")
    trial.whole(command)
    before = trial.image.read_bytes()
    process = trial.start(command)
    trial.until(trial.chunks, process)
    other = trial.folder / "other.tif"
    tifffile.imwrite(other, np.zeros((_SIZE, _SIZE), np.uint16))
    other.replace(trial.image)
    _, said = process.communicate()
    trial.image.write_bytes(before)
    assert process.returncode == 1 and not trial.target(command).exists(), said
    return "exit status 1 with words, no result"


def two_at_once(trial: Trial) -> str:
    """Two processes write one result."""
    for command, mark in (
        (trial.enlarging(".zarr"), "result.zarr.part"),
        (trial.training(), ".trained.safetensors.lock"),
    ):
        trial.whole(command)
        process = trial.start(command)
        trial.until((trial.folder / mark).exists, process)
        process.send_signal(signal.SIGSTOP)  # it may not end before the second begins
        status, said = trial.run(command)
        process.send_signal(signal.SIGCONT)
        assert status == 1 and "is writing" in said, said
        assert process.wait() == 0 and trial.equals(command)
        trial.clean()
    return "the second one is refused with words, the first one is not disturbed"


def kill_a_worker(trial: Trial) -> str:
    """Kill -9 for one of two workers of a cluster."""
    import psutil

    command = trial.enlarging(".zarr")
    trial.whole(command)
    process = trial.start([*command, "--workers", "2"])
    trial.until(trial.chunks, process)
    with suppress(psutil.Error, IndexError):
        family = psutil.Process(process.pid).children(recursive=True)
        workers = [it for it in family if "spawn_main" in " ".join(it.cmdline())]
        trial.chance.choice(workers).kill()
    _, said = process.communicate()
    assert process.returncode == 0 and trial.equals(command), said
    return "the others do its work: the result is equal to the bit"


def close_the_viewer(trial: Trial) -> str:
    """Close a viewer while its panel computes."""
    import gc
    from weakref import ref

    import napari
    from qtpy.QtCore import QThreadPool
    from qtpy.QtWidgets import QApplication

    from napari_vdsr.plugin.enlarge.panel import SuperResolution

    before = set(threading.enumerate())
    viewer = napari.Viewer(show=False)
    layer = viewer.add_image(np.random.default_rng(0).random((900, 900)), name="image")
    panel = SuperResolution(viewer)
    viewer.window.add_dock_widget(panel, name="Super-resolution")
    end = time.monotonic() + 20
    while not panel.running and time.monotonic() < end:
        QApplication.processEvents()
        panel.controls.button.click()
    assert panel.running
    end = time.monotonic() + trial.chance.uniform(0, 0.5)
    while time.monotonic() < end:
        QApplication.processEvents()
    kept = [ref(layer), ref(panel), ref(viewer)]
    viewer.close()
    del viewer, layer, panel
    assert QThreadPool.globalInstance().waitForDone(60_000)
    for _ in range(3):
        QApplication.processEvents()
        gc.collect()
    assert not [it for it in kept if it() is not None]
    assert set(threading.enumerate()) <= before, threading.enumerate()
    return "the run stops; no thread, layer, panel or viewer is left"


FAULTS: dict[str, Callable[[Trial], str]] = {
    **{f"kill -9 while enlarging to {it}": kill_enlarging(it) for it in _SUFFIXES},
    "kill -9 while training": kill_training,
    "kill -9 after the model, before its checkpoint goes": kill_at_the_end_of_training,
    **{
        f"{it.name} at any moment": stop_by(it)
        for it in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    },
    **{f"full disk, {it}": fill_the_disk(it) for it in (*_SUFFIXES, ".safetensors")},
    "memory limit of a container": limit_memory,
    **{
        f"mutants of weights, {it}": damage_weights(it)
        for it in ("safetensors", "zip", "legacy")
    },
    **{f"mutants of images, {it}": damage_image(it) for it in (".tif", ".png")},
    "weights that run programs, never end, or are no files": endless_weights,
    **{
        f"a chunk of an unfinished OME-Zarr {it}": change_unfinished(it)
        for it in ("swapped", "damaged")
    },
    "the source replaced while it is enlarged": change_the_source,
    "two processes at once, enlarging and training": two_at_once,
    "a worker of a cluster killed": kill_a_worker,
    "the viewer closed while its panel computes": close_the_viewer,
}
"""What is put in, by name."""

_ONCE = ("mutants", "memory", "weights")  # need no second try


@contextmanager
def a_trial(seed: int, mutants: int) -> Iterator[Trial]:
    """Give a folder for trials, and the seed of all that is random."""
    with tempfile.TemporaryDirectory() as folder:
        yield Trial(Path(folder), random.Random(seed), mutants)


def rows(names: list[str], tries: int, trial: Trial) -> Iterator[tuple[str, str, bool]]:
    """Try faults; give a row of the table each, and whether the promise was kept."""
    for name in names:
        once = name.startswith(_ONCE)
        times = 1 if once else tries
        try:
            for _ in range(times):
                trial.clean()
                said, kept = FAULTS[name](trial), True
        except AssertionError:
            said, kept = f"**broken**: {traceback.format_exc(limit=-1)}", False
        count = trial.mutants if name.startswith("mutants") else times
        yield f"| {name} | {count} |", f" {said} |", kept


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tries", type=int, default=3)
    parser.add_argument("--mutants", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="how their names begin")
    given = parser.parse_args()
    print("| fault | tries | what happens |\n| --- | --- | --- |", flush=True)
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # it tells of mutants
    broken = 0
    with a_trial(given.seed, given.mutants) as trial:
        names = [name for name in FAULTS if name.startswith(given.only)]
        for name, said, kept in rows(names, given.tries, trial):
            print(name + said, flush=True)
            broken += not kept
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
