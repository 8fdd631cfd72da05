"""Change the numerical modules in one place at a time and look if the tests notice.

    python scripts/mutants.py --every 3
    python scripts/mutants.py tiles --every 1

Prints every change that all tests of its module let pass, with its line, and the counts
at the end. A change that makes a test wait for ever is stopped and counts as noticed.
"""

import argparse
import ast
import copy
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[1]
MODULES = {  # and the tests that are to notice, the quickest first
    "tiles": (
        "inference/tiles",
        "inference/test_tiles lazy/test_blocks inference/test_exactness",
    ),
    "resample": ("imaging/resample", "imaging/test_resample peers/test_definitions"),
    "geometry": ("imaging/geometry", "imaging/test_geometry inference/test_arrays"),
    "psnr": (
        "evaluation/psnr",
        "evaluation/test_psnr evaluation/test_ssim peers/test_definitions",
    ),
    "range": (
        "evaluation/data_range",
        "evaluation/test_data_range evaluation/test_psnr",
    ),
    "degrade": ("training/degrade", "training/test_degrade training/test_pairs"),
    "microscope": ("simulation/microscope", "simulation/test_detection"),
}
SLOWEST = 300  # seconds of a run of tests

_REWRITE = "pytest.PytestAssertRewriteWarning"  # hypothesis is imported already

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}


def changed(node: ast.AST) -> Iterator[ast.AST]:
    """The node with one thing changed in it, in each way there is."""
    new: ast.AST = copy.deepcopy(node)
    match new:
        case ast.Compare(ops=[operator]) if type(operator) in COMPARISONS:
            new.ops = [COMPARISONS[type(operator)]()]
            yield new
        case ast.BinOp(op=operator) if type(operator) in OPERATORS:
            new.op = OPERATORS[type(operator)]()
            yield new
        case ast.BoolOp():
            new.op = ast.Or() if isinstance(new.op, ast.And) else ast.And()
            yield new
        case ast.UnaryOp(op=ast.Not() | ast.USub()):
            yield new.operand
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value) | float(value)):
            yield ast.Constant(value + 1)
        case ast.IfExp():
            yield new.body
            yield new.orelse
        case ast.Call(func=ast.Name(id="min" | "max") as name):
            name.id = {"min": "max", "max": "min"}[name.id]
            yield new


def mutants(source: str) -> Iterator[tuple[int, str, str]]:
    """Line, change in words and source of every mutant; docstrings stay."""
    tree = ast.parse(source)
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            if field in ("annotation", "returns", "decorator_list"):
                continue
            for index, node in enumerate(value if isinstance(value, list) else [value]):
                if not isinstance(node, ast.AST):
                    continue
                for new in changed(node):
                    words = f"{ast.unparse(node)}  ->  {ast.unparse(new)}"
                    _put(parent, field, index, new)
                    yield getattr(node, "lineno", 0), words, ast.unparse(tree)
                    _put(parent, field, index, node)


def _put(parent: ast.AST, field: str, index: int, node: ast.AST) -> None:
    value = getattr(parent, field)
    if isinstance(value, list):
        value[index] = node
    else:
        setattr(parent, field, node)


class Instead:
    """Imports a module from another source."""

    def __init__(self, name: str, source: str, path: Path) -> None:
        self._name, self._source, self._path = name, source, path

    def find_spec(self, name: str, *_: object) -> object:
        """The module's specification; None for all others."""
        from importlib.util import spec_from_file_location

        if name != self._name:
            return None
        return spec_from_file_location(name, self._path, loader=self)  # type: ignore[arg-type]

    def create_module(self, spec: object) -> None:
        """As usual."""

    def exec_module(self, module: ModuleType) -> None:
        """Run the other source in the module."""
        exec(compile(self._source, str(self._path), "exec"), vars(module))


def noticed(name: str, source: str, path: Path, tests: list[str]) -> bool:
    """Whether a test fails, or does not end, with this source in a process of its own.

    The libraries, which take long to import, come from this process.
    """
    child = os.fork()
    if child == 0:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        signal.alarm(SLOWEST)
        sys.meta_path.insert(0, Instead(name, source, path))  # type: ignore[arg-type]
        import pytest

        options = ["-x", "-q", "-p", "no:cacheprovider", "-W", f"ignore::{_REWRITE}"]
        os._exit(int(pytest.main([*options, *tests]) != 0))
    _, status = os.waitpid(child, 0)
    return status != 0


def main() -> None:
    """Try the mutants of the modules that are named, or of all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", choices=[*MODULES, []], help="of modules")
    parser.add_argument("--every", type=int, default=1, help="try only every n-th")
    arguments = parser.parse_args()
    os.chdir(ROOT)
    for library in ("hypothesis", "numpy", "openvino", "scipy.ndimage", "skimage"):
        __import__(library)
    __import__("torch")
    from hypothesis import Phase, settings

    # An example that fails is enough; it need not be a small one.
    settings.register_profile("mutants", phases=[Phase.explicit, Phase.generate])
    settings.load_profile("mutants")
    for key in arguments.names or MODULES:
        module, files = MODULES[key]
        path = ROOT / "src/napari_vdsr" / f"{module}.py"
        tests = [f"tests/{each}.py" for each in files.split()]
        name = f"napari_vdsr.{module.replace('/', '.')}"
        source = path.read_text(encoding="utf-8")
        if noticed(name, source, path, tests):
            raise SystemExit(f"{key}: its tests fail without any change")
        begun, tried, survived = time.monotonic(), 0, 0
        for line, words, mutant in list(mutants(source))[:: arguments.every]:
            tried += 1
            if not noticed(name, mutant, path, tests):
                survived += 1
                print(f"{module}.py:{line}: {words}", flush=True)
        took = time.monotonic() - begun
        print(f"{key}: {tried} changes, {survived} unnoticed, {took:.0f} s", flush=True)


if __name__ == "__main__":
    main()
