"""The same run as a Python script, for the clipboard."""

from collections.abc import Sequence
from itertools import groupby

from napari_vdsr.plugin.model.jobs import Job, Region
from napari_vdsr.plugin.model.settings import Settings


def as_script(jobs: Sequence[Job], settings: Settings) -> str:
    """Write a program that makes the same results in napari's console.

    It also runs in a script with a viewer.
    """
    lines = [
        "import napari",
        "from napari_vdsr.layers import upscale_layer",
        "",
        "viewer = napari.current_viewer()",
    ]
    arguments = _arguments(settings)
    for layer, group in groupby(jobs, key=lambda job: job.layer):
        lines += ["", f"layer = viewer.layers[{layer.name!r}]"]
        for job in group:
            words = [*arguments, *_region_words(job.region)]
            call = ", ".join(["layer", *words])
            if len(call) > 60:
                call = "\n    " + ",\n    ".join(["layer", *words]) + ",\n"
            if settings.options.spread:
                lines.append(f"viewer.layers.extend(upscale_layer({call}))")
            else:
                lines.append(f"viewer.add_layer(upscale_layer({call}))")
    return "\n".join(lines) + "\n"


def _arguments(settings: Settings) -> list[str]:
    """Keywords of the call; those with default values are left out."""
    words = [f"{name}={value!r}" for name, value in settings.scaling.items()]
    chosen = {"model": settings.model, **settings.options.keywords()}
    return [*words, *(f"{name}={value!r}" for name, value in chosen.items())]


def _region_words(region: Region | None) -> list[str]:
    if region is None:
        return []
    parts = ", ".join(f"slice({part.start}, {part.stop})" for part in region)
    return [f"region=({parts})"]
