"""The same run as a Python script, for the clipboard."""

from collections.abc import Sequence
from itertools import groupby

from napari_vdsr.plugin.enlarge.plan import Region, Task
from napari_vdsr.plugin.enlarge.settings import Settings


def as_script(tasks: Sequence[Task], settings: Settings) -> str:
    """Write a program that makes the same results in napari's console.

    It also runs in a script with a viewer.
    """
    lines = [
        "import napari",
        "from napari_vdsr.layers import upscale_layer",
        "",
        "viewer = napari.current_viewer()",
    ]
    for layer, group in groupby(tasks, key=lambda task: task.layer):
        lines += ["", f"layer = viewer.layers[{layer.name!r}]"]
        for task in group:
            words = [*_arguments(task, settings), *_region_words(task.region)]
            call = ", ".join(["layer", *words])
            if len(call) > 60:
                call = "\n    " + ",\n    ".join(["layer", *words]) + ",\n"
            if settings.options.spread:
                lines.append(f"viewer.layers.extend(upscale_layer({call}))")
            else:
                lines.append(f"viewer.add_layer(upscale_layer({call}))")
    return "\n".join(lines) + "\n"


def _arguments(task: Task, settings: Settings) -> list[str]:
    """Keywords of the call; those with default values are left out."""
    units = [str(task.layer.units[axis]) for axis in task.plan.yx]
    scaling = settings.scaling_in(units)
    words = [f"{name}={value!r}" for name, value in scaling.items()]
    chosen = {"model": settings.model, **settings.options.keywords()}
    return [*words, *(f"{name}={value!r}" for name, value in chosen.items())]


def _region_words(region: Region | None) -> list[str]:
    if region is None:
        return []
    parts = ", ".join(f"slice({part.start}, {part.stop})" for part in region)
    return [f"region=({parts})"]
