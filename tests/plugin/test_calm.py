"""What the GUI thread does while the user presses buttons."""

import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from napari_vdsr.plugin.enlarge import panel as panel_module
from napari_vdsr.plugin.enlarge import work
from napari_vdsr.plugin.enlarge.panel import SuperResolution

OpenPanel = Callable[..., SuperResolution]

_listening: list[list[str]] = []


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if not (_listening and event == "open"):
        return
    path, mode, _ = arguments
    reads = mode is None or "r" in mode
    if reads and threading.current_thread() is threading.main_thread():
        _listening[0].append(str(path))


sys.addaudithook(_hear)  # there is no way to take it out again


@pytest.fixture
def opened_files() -> Iterator[list[str]]:
    """Give the files that the GUI thread opens."""
    _listening.append([])
    yield _listening[0]
    _listening.clear()


def test_one_press_of_run_plans_once_lists_models_once_and_reads_no_file(
    viewer: Any,
    open_panel: OpenPanel,
    settle: Any,
    qtbot: Any,
    opened_files: list[str],
    monkeypatch: pytest.MonkeyPatch,
    cells: Any,
) -> None:
    viewer.add_image(cells, name="cells")
    panel = open_panel()
    panel.form["factor"].value = "3"
    calls: Counter[str] = Counter()

    def counted(module: Any, name: str) -> None:
        original = getattr(module, name)

        def call(*arguments: Any, **options: Any) -> Any:
            calls[name] += 1
            return original(*arguments, **options)

        monkeypatch.setattr(module, name, call)

    counted(panel_module, "plan_batch")
    counted(work, "models")
    opened_files.clear()
    panel.controls.button.click()
    qtbot.waitUntil(lambda: not panel.running)
    assert "Done" in settle(panel)
    assert len(viewer.layers) == 2
    assert calls == {"plan_batch": 1, "models": 1}
    # Libraries read files of their own at first, and free memory is no file on a disk.
    ours = [
        name
        for name in opened_files
        if not name.startswith(("/proc/", "/sys/"))
        and not name.endswith((".pyc", ".py"))
        and "site-packages" not in name
    ]
    assert ours == []


def test_a_run_of_several_layers_leaves_the_selection_alone(
    viewer: Any, open_panel: OpenPanel, run: Any, cells: Any
) -> None:
    """napari makes the controls of all selected layers anew whenever it hears of one.

    Qt tells of a change, of nothing, when a layer comes between selected ones.
    """
    sources = [viewer.add_image(cells), viewer.add_image(cells)]
    viewer.layers.selection = set(sources)
    panel = open_panel()
    heard: list[Any] = []
    viewer.layers.selection.events.changed.connect(heard.append)
    run(panel)
    assert len(viewer.layers) == 4
    assert heard == []
    assert viewer.layers.selection == set(sources)
