"""The walks through the code stay short, and nothing is made or opened twice.

Where OpenVINO is not installed they have one file more, the engine of torch.
"""

from pathlib import Path

import walks


def test_an_array_takes_a_short_way() -> None:
    walk = walks.walk_of_array()
    assert len(walk.files) <= 23, walk.files
    assert walk.count("Upscaler.__init__") == 1
    assert walk.count("WeightFile.__init__") == 0, "read and hashed once a process"


def test_a_plain_layer_loads_nothing_of_lazy_ones() -> None:
    walk = walks.walk_of_layer()
    assert len(walk.files) <= 26, walk.files
    assert not [name for name in walk.files if name.startswith("lazy/")]


def test_a_command_opens_source_and_target_once(tmp_path: Path) -> None:
    walk = walks.walk_of_command(tmp_path)
    assert len(walk.files) <= 41, walk.files
    assert walk.count("Upscaler.__init__") == 1
    assert walk.count("open_image") == 1
    assert walk.count("PartialZarr.__init__") == 1
    assert walk.count("WeightFile.__init__") == 0
    assert not [name for name in walk.files if name.startswith("lazy/")], "no cluster"
