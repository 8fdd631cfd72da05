"""The work of a run: enlarge into layers, or save into files."""

import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import Cancelled, FileError, ModelError, VdsrError
from napari_vdsr.files.atomic import free_paths
from napari_vdsr.layers.result import Provenance, result_name
from napari_vdsr.layers.upscale import bicubic_plan, compute_plan, enlarged_levels
from napari_vdsr.options import RunOptions
from napari_vdsr.plugin.enlarge.plan import Batch, Task
from napari_vdsr.plugin.enlarge.settings import Settings
from napari_vdsr.plugin.jobs import Job, ready_upscaler
from napari_vdsr.plugin.settings import FieldError
from napari_vdsr.plugin.words import plain_name
from napari_vdsr.zoo import models

_SMALL = 256e6  # bytes; arrays up to this size are copied before the work
_ENDINGS = (".zarr", ".ome.tif", ".tif", ".tiff")
_OTHER_ENDING = re.compile(r"\.[a-z]\w{1,3}", re.IGNORECASE)  # of a file of any kind
_NAMED = 5  # layers or files named in a title or a question


@dataclass(frozen=True, eq=False)
class Result:
    """The pixels of a finished task."""

    task: Task
    data: Any  # pixels, or a list of lazy levels
    name: str  # of the new layer
    provenance: Provenance
    # Pixels of layers beside it: "bicubic" and "spread", on the result's grid, and
    # "consistency", on the source's.
    extras: Mapping[str, NDArray[Any]]


class Execution(Job):
    """All tasks of one run, one after the other.

    Only one runs at a time in a process: two would share the processor or the GPU, and
    each would need its memory. `expected` is in seconds.
    """

    def __init__(
        self, batch: Batch, settings: Settings, expected: float | None = None
    ) -> None:
        super().__init__()
        self.batch = batch
        self.settings = settings
        self.expected = expected
        names = dict.fromkeys(plain_name(task.layer.name) for task in batch.tasks)
        self.title = f"super-resolution of {_listed(list(names))}"
        self.failed = 0  # tasks that failed while others succeeded
        self.seconds = 0.0  # spent on upscaling alone
        self._begun = False

    def work(self) -> None:
        """Do all tasks; only if each of them fails does the run."""
        with self.the_device():
            self._work()

    def _work(self) -> None:
        name = self.settings.model
        fetching = any(card.name == name and not card.here for card in models())
        self.ticker.begin(f"{'Fetching' if fetching else 'Loading'} the model")
        tasks = self.batch.tasks
        messages = []
        for task in tasks:
            try:
                self._do(task)
            except (Cancelled, ModelError):  # not the fault of this layer
                raise
            except (VdsrError, MemoryError) as error:
                if len(tasks) == 1:
                    raise
                name = plain_name(task.layer.name)
                messages.append(f"'{name}': {self.in_words(error)}")
        self.failed = len(messages)
        self.message = "\n".join(messages)
        if self.failed == len(tasks):
            raise VdsrError(self.message)

    def _do(self, task: Task) -> None:
        if task.lazy:
            self.results.append(self._lazy_result(task))
            return
        data = _safe_from_changes(task.data)
        upscaler = ready_upscaler(self.settings.options, data, self.ticker)
        if not self._begun:
            self.ticker.begin("Upscaling", self.batch.pixels, self.expected)
            self._begun = True
        start = time.monotonic()
        pixels, *spread = compute_plan(task.plan, data, upscaler, self.ticker)
        self.seconds += time.monotonic() - start
        extras = self._extras(task, data, pixels)
        for each in spread:  # one, if it was asked for
            extras["spread"] = each
        self.results.append(_result(task, pixels, upscaler.options, extras))

    def _extras(self, task: Task, data: Any, pixels: NDArray[Any]) -> dict[str, Any]:
        """Make the extra layers that the settings ask for; `data` is the source."""
        extras = {}
        if self.settings.bicubic:
            extras["bicubic"] = bicubic_plan(task.plan, data, self.ticker.check)[...]
        if self.settings.consistency and task.region is None:
            self.ticker.check()
            extras["consistency"] = _consistency_map(task, data, pixels)
        return extras

    def _lazy_result(self, task: Task) -> Result:
        """A result of which nothing is computed yet."""
        options = replace(self.settings.options, spread=False).loaded(self.ticker)
        (levels,) = enlarged_levels(task.plan, task.levels, options)
        return _result(task, levels, options, {})


def _result(
    task: Task, data: Any, options: RunOptions, extras: Mapping[str, NDArray[Any]]
) -> Result:
    """A result with its name and provenance."""
    model = options.load().name
    source = task.layer.name if task.region is None else f"{task.layer.name} (part)"
    name = result_name(source, task.plan.plane_factors, model)
    told = Provenance.of_result(task.layer, task.plan, options)
    return Result(task, data, name, told, extras)


def _safe_from_changes(data: Any) -> Any:
    """A copy of small arrays, in case somebody paints on them during the run."""
    if isinstance(data, np.ndarray) and data.nbytes <= _SMALL:
        return np.array(data)
    return data


def _consistency_map(
    task: Task, data: Any, pixels: NDArray[Any]
) -> NDArray[np.float32]:
    """The result reduced again minus the source; the mean over colours."""
    from napari_vdsr.evaluation.consistency import consistency

    colour = bool(task.plan.samples)
    last = (-3, -2) if colour else (-2, -1)
    low, high = (
        np.moveaxis(np.asarray(image), task.plan.yx, last) for image in (data, pixels)
    )
    difference = consistency(low, high, rgb=colour).difference
    difference = np.moveaxis(difference, last, task.plan.yx)
    if colour:
        difference = difference.mean(axis=-1)
    return difference.astype(np.float32)


# Saving


class Saving(Execution):
    """Writes every task, which must be a full layer, to its target file."""

    def __init__(
        self,
        batch: Batch,
        settings: Settings,
        targets: Sequence[Path],
        overwrite: bool = False,
    ) -> None:
        super().__init__(batch, settings)
        self.title = f"saving of {self.title}"
        self._overwrite = overwrite
        self.targets = dict(zip(batch.tasks, targets, strict=True))

    def _do(self, task: Task) -> None:
        # Imported late: it brings the libraries of files, which take their time.
        from napari_vdsr.layers.saving import save_enlarged

        target = self.targets[task]
        if os.path.lexists(target) and not self._overwrite:
            raise FileError(
                f"{target} exists already: choose another name, or replace it"
            )
        options = replace(self.settings.options, spread=False).loaded(self.ticker)
        self.ticker.begin(f"Saving {target.name}")
        save_enlarged(
            task.layer,
            task.plan,
            task.data,
            target,
            options,
            overwrite=self._overwrite,
            progress=self.ticker,
        )


def check_whole(tasks: Sequence[Task]) -> None:
    """Raise FieldError when a task is not a full layer."""
    if any(task.region is not None for task in tasks):
        raise FieldError(
            "area", "Whole layers are saved: set the area to 'whole layer'."
        )


def targets_of(
    tasks: Sequence[Task], chosen: Path, ending: str = ".zarr"
) -> list[Path]:
    """The files that tasks go to; `ending` is for a single name that has none.

    `chosen` is a file for one task, a folder of OME-Zarrs for several; equal names are
    numbered. Raises FieldError when a task is not a full layer or the file is of
    another kind.
    """
    check_whole(tasks)
    if len(tasks) == 1:
        return [_with_ending(chosen, ending)]
    names = (task.layer.name for task in tasks)
    return free_paths(names, lambda name: chosen / f"{name}.zarr")


def in_the_way(targets: Sequence[Path]) -> str:
    """Ask whether existing files may be replaced; empty when there are none."""
    from napari_vdsr.files.ome_zarr_writer import part_of

    there = [path.name for path in targets if os.path.lexists(path)]
    begun = [path.name for path in targets if os.path.lexists(part_of(path))]
    parts = []
    if there:
        parts.append(f"Exists already, and would be replaced: {_listed(there)}.")
    if begun:
        parts.append(
            f"Begun and not finished: {_listed(begun)}. It is resumed; what was begun "
            "of another image or with other settings would be thrown away."
        )
    return "\n\n".join([*parts, "Continue?"]) if parts else ""


def _with_ending(path: Path, ending: str) -> Path:
    if path.name.lower().endswith(_ENDINGS):
        return path
    if _OTHER_ENDING.fullmatch(path.suffix):
        raise FieldError(
            "",
            f"'{path.name}' cannot be saved: its name must end in "
            f"{', '.join(_ENDINGS[:-1])} or {_ENDINGS[-1]}.",
        )
    return path.with_name(f"{path.name}{ending}")


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join([*names[:_NAMED], *([f"{more} more"] if more > 0 else [])])
