"""The work of "Save to": results that go to files instead of the viewer."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from napari_vdsr.layers.saving import save_enlarged
from napari_vdsr.plugin.model.execution import Execution
from napari_vdsr.plugin.model.jobs import Batch, Job
from napari_vdsr.plugin.model.settings import FieldError, Settings

__all__ = ["ENDINGS", "Saving", "targets_of"]

ENDINGS = (".zarr", ".ome.tif", ".tif", ".tiff")


class Saving(Execution):
    """Writes every job to a file, one after the other.

    Parameters
    ----------
    batch : Batch
        Of whole layers.
    settings : Settings
        How they are done.
    targets : sequence of Path
        A file for each job.
    """

    def __init__(
        self, batch: Batch, settings: Settings, targets: Sequence[Path]
    ) -> None:
        super().__init__(batch, settings)
        pairs = zip(batch.jobs, targets, strict=True)
        self.targets: Mapping[Job, Path] = dict(pairs)

    def __str__(self) -> str:
        """What napari shows when it is closed meanwhile."""
        return f"saving of {super().__str__()}"

    def _do(self, job: Job) -> None:
        from napari_vdsr.zoo import load_model

        settings = self.settings
        model = load_model(settings.model, progress=self.ticker)
        self.ticker.begin(f"Saving {self.targets[job].name}")
        options: dict[str, Any] = {
            "device": settings.device,
            "precision": settings.precision,
            "tile": settings.tile,
            "intensity_range": settings.intensity_range,
        }
        save_enlarged(
            job.layer,
            job.plan,
            job.data,
            self.targets[job],
            model=model,
            progress=self.ticker,
            **options,
        )


def targets_of(jobs: Sequence[Job], chosen: Path) -> list[Path]:
    """The files that jobs go to.

    Parameters
    ----------
    jobs : sequence of Job
        One or more.
    chosen : Path
        A file for a single job, a folder for several.

    Returns
    -------
    list of Path
        Without an ending that is known, files become OME-Zarrs. Several of one name
        are numbered.

    Raises
    ------
    FieldError
        When a job is not a whole layer.
    """
    if any(job.region is not None for job in jobs):
        msg = "Whole layers are saved: set the area to 'whole'."
        raise FieldError("area", msg)
    if len(jobs) == 1:
        known = chosen.name.lower().endswith(ENDINGS)
        return [chosen if known else chosen.with_name(f"{chosen.name}.zarr")]
    paths: list[Path] = []
    for job in jobs:
        name = "".join("_" if c in '/\\:*?"<>|' else c for c in job.layer.name)
        path, number = chosen / f"{name}.zarr", 1
        while path in paths:
            number += 1
            path = chosen / f"{name} {number}.zarr"
        paths.append(path)
    return paths
