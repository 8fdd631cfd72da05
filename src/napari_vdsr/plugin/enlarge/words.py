"""What a run will make and how it ended, in words, and the same run as a script."""

from collections.abc import Sequence
from itertools import groupby

from napari_vdsr.evaluation.image_report import ImageReport
from napari_vdsr.files.picture import normalise_unit
from napari_vdsr.layers.plan import pixel_size_of
from napari_vdsr.plugin.enlarge.plan import Batch, Task
from napari_vdsr.plugin.enlarge.settings import Settings
from napari_vdsr.plugin.enlarge.work import Execution, Saving
from napari_vdsr.plugin.words import (
    Outlook,
    call_in_words,
    format_bytes,
    format_duration,
    made_for_others,
)
from napari_vdsr.zoo import Card

_NAMED = 3  # layers named in the panel; it has no room for more


def look_ahead(
    batch: Batch,
    seconds: float | None,
    available: float,
    extras: bool = False,
    card: Card | None = None,
) -> Outlook:
    """Say what a run will make, and warn where it will not be good or not fit.

    `seconds` is the expected duration, `available` the free memory in bytes; `extras`
    says whether layers beside the result are asked for, and `card` is the model's.
    """
    tasks = batch.tasks
    eager = [task for task in tasks if not task.lazy]
    size = sum(task.plan.nbytes for task in eager)
    parts = [result_in_words(tasks)]
    if eager:
        parts.append(format_bytes(size))
    if eager and seconds is not None:
        about = "about " if seconds >= 0.5 else ""
        parts.append(f"{about}{format_duration(seconds)}")
    lazy = len(tasks) - len(eager)
    if lazy:
        which = f"{lazy} of them " if eager else ""
        parts.append(f"{which}computed as you look, tile by tile")
    text = " · ".join(parts)
    if lazy and extras:
        text += ". Layers beside it are for parts only."
    if size > available:
        text += f". Only {format_bytes(available)} of memory are free."
    unfit = _unfit_in_words(tasks, card)
    left_out = _in_short(batch.left_out, "left out")
    lines = [text, *([unfit] if unfit else []), *left_out]
    level = "warning" if size > available or unfit or batch.left_out else "info"
    field = "model" if unfit else ""
    return Outlook("\n".join(lines), level, field, "\n".join(batch.left_out))


def result_in_words(tasks: Sequence[Task]) -> str:
    """Pixels of the result and their size, or how many results there are.

    "Result 400 × 500 px of 0.1 µm", or "Result 12 planes of 400 × 500 px".
    """
    if len(tasks) > 1:
        return f"{len(tasks)} results"
    (task,) = tasks
    y, x = (task.plan.shape[axis] for axis in task.plan.yx)
    planes = task.plan.pixels // (y * x)
    many = f"{planes} planes of " if planes > 1 else ""
    return f"Result {many}{y} × {x} px{_pixel_size_in_words(task)}"


def _pixel_size_in_words(task: Task) -> str:
    """Size of a pixel of the result; empty where it has no unit of length."""
    layer, plan = task.layer, task.plan
    sizes = [pixel_size_of(layer)[axis] / plan.factors[axis] for axis in plan.yx]
    y, x = (f"{size:.3g}" for size in sizes)
    units = {normalise_unit(str(layer.units[axis])) for axis in plan.yx}
    if len(units) > 1 or None in units:
        return ""
    return f" of {y if y == x else f'{y} × {x}'} {units.pop()}"


def _unfit_in_words(tasks: Sequence[Task], card: Card | None) -> str:
    """What is wrong with a model for a factor; empty if nothing is."""
    for task in tasks:
        factor = max(task.plan.plane_factors)
        made = made_for_others(card, factor)
        if card is not None and made:
            return (
                f"{card.name} is made for {made}, and not for ×{factor:.3g}: bicubic "
                "interpolation may be better."
            )
    return ""


def image_in_words(found: ImageReport | Exception | None) -> Outlook:
    """What was found out about an image, None for nothing so far."""
    if found is None:
        return Outlook("Looking at the image …")
    if isinstance(found, Exception):
        return Outlook(f"Cannot say anything about the image: {found}")
    return Outlook(found.summary, details=found.to_text())


def how_it_ended(execution: Execution) -> Outlook:
    """Sum up a finished run: outcome, what failed and why, and what was left out."""
    batch = execution.batch
    reasons = execution.message.splitlines()
    failed = _in_short(reasons, "failed")
    left_out = _in_short(batch.left_out, "left out")
    lines = [_outcome(execution), *failed, *left_out]
    return Outlook("\n".join(lines), details="\n".join([*reasons, *batch.left_out]))


def _in_short(lines: list[str], what: str) -> list[str]:
    """The first lines, and how many more layers were `what` ("failed", "left out")."""
    more = len(lines) - _NAMED
    if more <= 0:
        return lines
    return [*lines[:_NAMED], f"{more} more {what}: hold the mouse here to read which."]


def _outcome(execution: Execution) -> str:
    if execution.outcome == "cancelled":
        if isinstance(execution, Saving):
            kinds = {path.suffix.lower() for path in execution.targets.values()}
            if ".zarr" in kinds:  # what there is of it stays
                return "Stopped. Save under the same name to resume."
            return "Stopped; no file was written."
        return "Stopped; nothing half-done was added."
    if execution.outcome != "done":
        return "Failed."
    batch = execution.batch
    count = len(batch.tasks)
    if isinstance(execution, Saving):
        names = [path.name for path in execution.targets.values()]
        saved = count - execution.failed
        news = f"Saved as {names[0]}." if count == 1 else f"Saved {saved} files."
    elif batch.pixels:
        news = f"Done in {format_duration(execution.seconds)}."
    else:
        news = "Added. Save to… writes all of it to a file."
    if execution.failed:
        news += f" {execution.failed} of {count} failed."
    return news


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
    several = settings.options.spread
    add = "viewer.layers.extend" if several else "viewer.add_layer"
    for layer, group in groupby(tasks, key=lambda task: task.layer):
        lines += ["", f"layer = viewer.layers[{layer.name!r}]"]
        for task in group:
            call = call_in_words("upscale_layer", ["layer", *_keywords(task, settings)])
            lines.append(f"{add}({call})")
    return "\n".join(lines) + "\n"


def _keywords(task: Task, settings: Settings) -> list[str]:
    """Those of the call; what is as by default is left out."""
    units = [str(task.layer.units[axis]) for axis in task.plan.yx]
    values = {
        **settings.scaling_in(units),
        "model": settings.model,
        **settings.options.keywords(),
    }
    words = [f"{name}={value!r}" for name, value in values.items()]
    if task.region is not None:
        parts = ", ".join(f"slice({part.start}, {part.stop})" for part in task.region)
        words.append(f"region=({parts})")
    return words
