"""The base of all work of the panel."""

from napari_vdsr.plugin.jobs import Job


class ScoringWork(Job):
    """Fills `results` with what a tab shows."""

    title = "scores of images"
    less = "compare a part of the images"
