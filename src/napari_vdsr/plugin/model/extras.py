"""Layers beside the result: bicubic enlargement, and a consistency check."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_vdsr.layers.bicubic import bicubic_plan
from napari_vdsr.plugin.jobs import Ticker
from napari_vdsr.plugin.model.jobs import Job
from napari_vdsr.plugin.model.settings import Settings

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Extra:
    """Pixels of a layer beside the result."""

    # "bicubic" and "spread", on the result's grid, or "consistency", on the source's.
    kind: str
    data: "NDArray[Any]"


def make_extras(
    job: Job, data: Any, pixels: "NDArray[Any]", settings: Settings, ticker: Ticker
) -> list[Extra]:
    """Make the extra layers that the settings ask for; `data` is the source."""
    extras = []
    if settings.bicubic:
        extras.append(Extra("bicubic", bicubic_plan(job.plan, data, ticker.check)))
    if settings.consistency and job.region is None:
        ticker.check()
        extras.append(Extra("consistency", _consistency_map(job, data, pixels)))
    return extras


def _consistency_map(
    job: Job, data: Any, pixels: "NDArray[Any]"
) -> "NDArray[np.float32]":
    """The result reduced again minus the source; the mean over colours."""
    from napari_vdsr.evaluation.consistency import consistency

    colour = bool(job.plan.samples)
    last = (-3, -2) if colour else (-2, -1)
    low, high = (
        np.moveaxis(np.asarray(image), job.plan.yx, last) for image in (data, pixels)
    )
    difference = consistency(low, high, rgb=colour).difference
    difference = np.moveaxis(difference, last, job.plan.yx)
    if colour:
        difference = difference[..., :3].mean(axis=-1)
    return difference.astype(np.float32)
