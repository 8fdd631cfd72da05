"""What dask may change without notice, because it is private there."""

from importlib import import_module
from inspect import signature

import dask
import pytest


@pytest.mark.parametrize("name", ["DataNode", "List", "Task", "TaskRef"])
def test_dask_has_what_graphs_are_made_of(name: str) -> None:
    where = "napari_vdsr/lazy/graph.py makes its tasks of it: see what dask has instead"
    try:
        module = import_module("dask._task_spec")
    except ImportError:
        pytest.fail(f"dask {dask.__version__} has no dask._task_spec: {where}")
    kind = getattr(module, name, None)
    assert kind is not None, f"dask._task_spec has no {name} any more: {where}"
    wanted = {"DataNode": 2, "Task": 2, "TaskRef": 1}.get(name, 0)
    found = list(signature(kind.__init__).parameters)[1:]
    assert len(found) >= wanted, f"{name} takes {found} now: {where}"


def test_tasks_of_dask_need_and_give_what_they_did() -> None:
    from dask._task_spec import DataNode, List, Task, TaskRef

    refs = List(TaskRef(("a", 0)), TaskRef(("a", 1)))
    task = Task("sum", lambda first, both: first + sum(both), TaskRef("one"), refs)
    words = "dask._task_spec works otherwise now: mend napari_vdsr/lazy/graph.py"
    assert set(task.dependencies) == {"one", ("a", 0), ("a", 1)}, words
    values = {"one": DataNode("one", 1)(), ("a", 0): 2, ("a", 1): 3}
    assert task(values) == 6, words
