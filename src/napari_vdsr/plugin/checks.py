"""Whether this machine can do what the form asks for."""

from collections.abc import Sequence

import numpy as np

from napari_vdsr.plugin.model.jobs import Job
from napari_vdsr.plugin.model.settings import FieldError, Settings
from napari_vdsr.plugin.models import ModelList
from napari_vdsr.plugin.prober import Prober


def check_machine(
    jobs: Sequence[Job], settings: Settings, prober: Prober, models: ModelList
) -> None:
    """Raise FieldError where a model, device or intensity range is missing."""
    if models.known and models.find(settings.model) is None:
        msg = f"There is no model '{settings.model}' any more: choose another."
        raise FieldError("model", msg)
    if prober.problem:
        raise FieldError("device", prober.problem)
    if prober.lacks(settings.device):
        msg = f"This machine has no device '{settings.device}': choose another."
        raise FieldError("device", msg)
    if not prober.needs_range(settings.model) or settings.intensity_range is not None:
        return
    for job in jobs:
        # The range of float arrays in memory is found from their values.
        told = job.plan.dtype.kind == "f" and isinstance(job.data, np.ndarray)
        if not told and job.plan.dtype != "uint8":
            msg = (
                f"This model has to know black and white of '{job.layer.name}': "
                "type them, or choose a model that follows any scale."
            )
            raise FieldError("range", msg)
