"""The walks through the code: which files a call enters, how deep, what it opens.

    python benchmarks/walks.py
    python benchmarks/walks.py --files

Prints for `upscale` of an array, of a napari layer and for `napari-vdsr upscale` of an
OME-Zarr the files of the package that are entered once everything is imported and the
weights are read, the functions and the depth of their calls, how many upscalers are
built, and how often weights, the source and the result are opened.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import numpy as np

import napari_vdsr

PACKAGE = Path(napari_vdsr.__file__).parent


@dataclass
class Walk:
    """What was entered on the way."""

    functions: set[CodeType] = field(default_factory=set)
    calls: dict[str, int] = field(default_factory=dict)
    depth: int = 0

    @property
    def files(self) -> list[str]:
        """Files of the package, without what only defines names."""
        names = {code.co_filename for code in self.functions}
        return sorted(str(Path(name).relative_to(PACKAGE)) for name in names)

    def count(self, name: str) -> int:
        """How often a function was entered, such as "Upscaler.__init__"."""
        return self.calls.get(name, 0)

    def __str__(self) -> str:
        opened = {
            "upscalers built": "Upscaler.__init__",
            "weight files read": "WeightFile.__init__",
            "sources opened": "open_image",
            "unfinished zarrs opened": "PartialZarr.__init__",
        }
        counts = ", ".join(
            f"{self.count(name)} {what}" for what, name in opened.items()
        )
        return (
            f"{len(self.files)} files, {len(self.functions)} functions, "
            f"{self.depth} deep; {counts}"
        )


@contextmanager
def walking() -> Iterator[Walk]:
    """Note every function of the package that this thread enters."""
    walk = Walk()
    inside = str(PACKAGE)
    before = sys.getprofile()
    depth = 0

    def note(frame: FrameType, event: str, _: Any) -> None:
        nonlocal depth
        code = frame.f_code
        # Bodies of modules and classes, comprehensions and the like are no functions.
        if not code.co_filename.startswith(inside) or code.co_name.startswith("<"):
            return
        if event == "call":
            depth += 1
            walk.depth = max(walk.depth, depth)
            walk.functions.add(code)
            name = code.co_qualname
            walk.calls[name] = walk.calls.get(name, 0) + 1
        elif event == "return":
            depth -= 1

    sys.setprofile(note)
    try:
        yield walk
    finally:
        sys.setprofile(before)


def walk_of_array() -> Walk:
    """`upscale(array)`, the second time: the network is ready."""
    image = np.random.default_rng(0).random((24, 24), np.float32)
    return _second(lambda: napari_vdsr.upscale(image, 2, device="cpu"))


def walk_of_layer() -> Walk:
    """`upscale(layer)`."""
    from napari.layers import Image

    layer = Image(np.random.default_rng(0).random((24, 24), np.float32))
    return _second(lambda: napari_vdsr.upscale(layer, 2, device="cpu"))


def walk_of_command(folder: Path) -> Walk:
    """`napari-vdsr upscale big.zarr out.zarr`."""
    import zarr

    from napari_vdsr.cli import main

    source = folder / "big.zarr"
    pixels = np.random.default_rng(0).integers(0, 4000, (2, 80, 80)).astype("uint16")
    zarr.create_array(str(source), data=pixels, chunks=(1, 40, 40))
    status = []

    def run() -> None:
        target = str(folder / f"out-{len(status)}.zarr")
        with redirect_stderr(StringIO()):
            status.append(main(["upscale", str(source), target, "--device", "cpu"]))

    walk = _second(run)
    assert status == [0, 0]
    return walk


def _second(call: Callable[[], object]) -> Walk:
    """The walk of a call after one that has imported all modules."""
    from napari_vdsr.inference.upscaler import forget_upscalers

    call()
    forget_upscalers()
    with walking() as walk:
        call()
    return walk


def main() -> None:
    """Print the walks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", action="store_true", help="list the files, too")
    with_files = parser.parse_args().files
    with tempfile.TemporaryDirectory() as folder:
        walks = {
            "upscale(array)": walk_of_array(),
            "upscale(layer)": walk_of_layer(),
            "napari-vdsr upscale big.zarr out.zarr": walk_of_command(Path(folder)),
        }
    for name, walk in walks.items():
        print(f"{name}: {walk}")
        if with_files:
            print("".join(f"    {file}\n" for file in walk.files))


if __name__ == "__main__":
    main()
