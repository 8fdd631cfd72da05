"""Asking where to save."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qtpy.QtWidgets import QFileDialog

from napari_vdsr.plugin.model.jobs import Job

__all__ = ["ask_for_target"]


def ask_for_target(parent: Any, jobs: Sequence[Job]) -> Path | None:
    """Let the user choose a file for one result, or a folder for several.

    Parameters
    ----------
    parent : QWidget
        Over which the dialog opens.
    jobs : sequence of Job
        What is to be saved.

    Returns
    -------
    Path or None
        None when the user thought better of it.
    """
    if len(jobs) > 1:
        title = f"Folder for {len(jobs)} enlarged layers (OME-Zarr)"
        chosen = QFileDialog.getExistingDirectory(parent, title)
        return Path(chosen) if chosen else None
    chosen, kind = QFileDialog.getSaveFileName(
        parent,
        "Save the enlarged layer",
        f"{jobs[0].layer.name}.zarr",
        "OME-Zarr (*.zarr);;OME-TIFF (*.ome.tif)",
    )
    if not chosen:
        return None
    ending = ".ome.tif" if "tif" in kind else ".zarr"
    named = Path(chosen)
    return named if named.suffix else named.with_name(f"{named.name}{ending}")
