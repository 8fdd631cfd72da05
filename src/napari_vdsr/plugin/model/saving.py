"""The work of "Save to": results go to files instead of the viewer."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from napari_vdsr.errors import FileError
from napari_vdsr.layers.saving import save_enlarged
from napari_vdsr.plugin.model.execution import Execution
from napari_vdsr.plugin.model.jobs import Batch, Job
from napari_vdsr.plugin.model.settings import FieldError, Settings

_ENDINGS = (".zarr", ".ome.tif", ".tif", ".tiff")
_OTHER_ENDING = re.compile(r"\.[a-z]\w{1,3}", re.IGNORECASE)  # of a file of any kind
_NAMED = 5  # files named in a question


class Saving(Execution):
    """Writes every job, which must be a full layer, to its target file."""

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
        pairs = zip(batch.jobs, targets, strict=True)
        self.targets: Mapping[Job, Path] = dict(pairs)

    def _do(self, job: Job) -> None:
        target = self.targets[job]
        if os.path.lexists(target) and not self._overwrite:
            raise FileError(
                f"{target} exists already: choose another name, or replace it"
            )
        options = replace(self.settings.options, spread=False).loaded(self.ticker)
        self.ticker.begin(f"Saving {target.name}")
        save_enlarged(
            job.layer,
            job.plan,
            job.data,
            target,
            options,
            overwrite=self._overwrite,
            progress=self.ticker,
        )


def check_whole(jobs: Sequence[Job]) -> None:
    """Raise FieldError when a job is not a full layer."""
    if any(job.region is not None for job in jobs):
        msg = "Whole layers are saved: set the area to 'whole'."
        raise FieldError("area", msg)


def file_name(job: Job) -> str:
    """The layer's name without characters that files cannot have, without an ending."""
    return "".join("_" if c in '/\\:*?"<>|' else c for c in job.layer.name)


def targets_of(jobs: Sequence[Job], chosen: Path, ending: str = ".zarr") -> list[Path]:
    """The files that jobs go to; `ending` is for a single name that has none.

    `chosen` is a file for one job, a folder of OME-Zarrs for several; equal names are
    numbered. Raises FieldError when a job is not a full layer or the file is of another
    kind.
    """
    check_whole(jobs)
    if len(jobs) == 1:
        return [_with_ending(chosen, ending)]
    paths: list[Path] = []
    for job in jobs:
        name = file_name(job)
        path, number = chosen / f"{name}.zarr", 1
        while path in paths:
            number += 1
            path = chosen / f"{name} {number}.zarr"
        paths.append(path)
    return paths


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
            f"Begun and not finished: {_listed(begun)}. It is gone on with; what was "
            "begun of another image or with other settings would be thrown away."
        )
    return "\n\n".join([*parts, "Go on?"]) if parts else ""


def _with_ending(path: Path, ending: str) -> Path:
    if path.name.lower().endswith(_ENDINGS):
        return path
    if _OTHER_ENDING.fullmatch(path.suffix):
        msg = (
            f"'{path.name}' cannot be saved: its name must end in "
            f"{', '.join(_ENDINGS[:-1])} or {_ENDINGS[-1]}."
        )
        raise FieldError("", msg)
    return path.with_name(f"{path.name}{ending}")


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join([*names[:_NAMED], *([f"{more} more"] if more > 0 else [])])
