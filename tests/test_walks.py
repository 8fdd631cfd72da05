"""The walks through the code stay short, and nothing is made or opened twice."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "walks.py"


@pytest.fixture(scope="module")
def walks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("walks", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_an_array_takes_a_short_way(walks: ModuleType) -> None:
    walk = walks.walk_of_array()
    assert len(walk.files) <= 36, walk.files
    assert walk.count("Upscaler.__init__") == 1
    assert walk.count("WeightFile.__init__") == 0, "read and hashed once a process"


def test_a_command_opens_source_and_target_once(
    walks: ModuleType, tmp_path: Path
) -> None:
    walk = walks.walk_of_command(tmp_path)
    assert len(walk.files) <= 71, walk.files
    assert walk.count("Upscaler.__init__") == 1
    assert walk.count("open_image") == 1
    assert walk.count("PartialZarr.__init__") == 1
    assert walk.count("WeightFile.__init__") == 0
    assert walk.count("UpscaleSettings.__getstate__") == 0, "nothing is pickled"
