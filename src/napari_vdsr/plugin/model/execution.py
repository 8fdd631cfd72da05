"""The work of a run; call it from any thread."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from napari_vdsr.errors import Cancelled, ModelError, VdsrError
from napari_vdsr.layers.result import provenance, result_name
from napari_vdsr.layers.upscale import compute_plan, enlarged_levels
from napari_vdsr.options import RunOptions
from napari_vdsr.plugin import jobs
from napari_vdsr.plugin.model.extras import Extra, make_extras
from napari_vdsr.plugin.model.jobs import Batch, Job
from napari_vdsr.plugin.model.settings import Settings
from napari_vdsr.plugin.model.upscalers import ready_upscaler
from napari_vdsr.zoo import models

_SMALL = 256e6  # bytes; arrays up to this size are copied before the work


@dataclass(frozen=True, eq=False)
class Result:
    """The pixels of a finished job."""

    job: Job
    data: Any  # pixels, or a list of lazy levels
    name: str  # of the new layer
    provenance: dict[str, Any]
    extras: Sequence[Extra]


class Execution(jobs.Job):
    """All jobs of one run, one after the other.

    Only one runs at a time in a process: two would share the processor or the GPU, and
    each would need its memory. `expected` is in seconds.
    """

    def __init__(
        self,
        batch: Batch,
        settings: Settings,
        expected: float | None = None,
    ) -> None:
        super().__init__()
        self.batch = batch
        self.settings = settings
        self.expected = expected
        names = ", ".join(dict.fromkeys(job.layer.name for job in batch.jobs))
        self.title = f"super-resolution of {names}"
        self.failed = 0  # jobs that failed while others succeeded
        self.seconds = 0.0  # spent on upscaling alone
        self._begun = False

    def work(self) -> None:
        """Do all jobs; only if each of them fails does the run."""
        with self.the_device():
            self._work()

    def _work(self) -> None:
        name = self.settings.model
        fetching = any(card.name == name and not card.here for card in models())
        self.ticker.begin(f"{'Fetching' if fetching else 'Loading'} the model")
        jobs = self.batch.jobs
        messages = []
        for job in jobs:
            try:
                self._do(job)
            except (Cancelled, ModelError):  # not the fault of this layer
                raise
            except (VdsrError, MemoryError) as error:
                if len(jobs) == 1:
                    raise
                messages.append(f"'{job.layer.name}': {self.in_words(error)}")
        self.failed = len(messages)
        self.message = "\n".join(messages)
        if self.failed == len(jobs):
            raise VdsrError(self.message)

    def _do(self, job: Job) -> None:
        if job.lazy:
            self.results.append(self._lazy_result(job))
            return
        data = _safe_from_changes(job.data)
        upscaler = ready_upscaler(self.settings.options, data, self.ticker)
        if not self._begun:
            self.ticker.begin("Upscaling", self.batch.pixels, self.expected)
            self._begun = True
        start = time.monotonic()
        pixels, *spread = compute_plan(job.plan, data, upscaler, self.ticker)
        self.seconds += time.monotonic() - start
        self.results.append(
            _result(
                job,
                pixels,
                upscaler.options,
                [
                    *make_extras(job, data, pixels, self.settings, self.ticker),
                    *(Extra("spread", each) for each in spread),
                ],
            )
        )

    def _lazy_result(self, job: Job) -> Result:
        """A result of which nothing is computed yet."""
        options = replace(self.settings.options, spread=False).loaded(self.ticker)
        (levels,) = enlarged_levels(job.plan, job.levels, options)
        return _result(job, levels, options)


def _result(
    job: Job,
    data: Any,
    options: RunOptions,
    extras: Sequence[Extra] = (),
) -> Result:
    """A result with its name and provenance."""
    model = options.load()
    name = result_name(job.layer.name, job.plan.plane_factors, model.name)
    told = provenance(job.layer, job.plan, options)
    return Result(job, data, name, told, extras)


def _safe_from_changes(data: Any) -> Any:
    """A copy of small arrays, in case somebody paints on them during the run."""
    if isinstance(data, np.ndarray) and data.nbytes <= _SMALL:
        return np.array(data)
    return data
