"""Layers beside the result: what bicubic enlargement gives, and a check."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_vdsr.layers.bicubic import bicubic_plan
from napari_vdsr.plugin.model.jobs import Job
from napari_vdsr.plugin.model.settings import Settings
from napari_vdsr.plugin.model.ticker import Ticker

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Extra", "make_extras"]


@dataclass(frozen=True, eq=False)
class Extra:
    """Pixels of a layer beside the result.

    Attributes
    ----------
    kind : str
        "bicubic", on the grid of the result, or "consistency", on the source's.
    data : ndarray
        Its pixels.
    """

    kind: str
    data: "NDArray[Any]"


def make_extras(
    job: Job, data: Any, pixels: "NDArray[Any]", settings: Settings, ticker: Ticker
) -> list[Extra]:
    """Make what was asked for beside a result.

    Parameters
    ----------
    job : Job
        What the result is of.
    data : array-like
        The source.
    pixels : ndarray
        The result.
    settings : Settings
        Say which extras are wanted.
    ticker : Ticker
        May stop the work.

    Returns
    -------
    list of Extra
    """
    extras = []
    if settings.bicubic:
        extras.append(Extra("bicubic", bicubic_plan(job.plan, data, ticker.check)))
    return extras
