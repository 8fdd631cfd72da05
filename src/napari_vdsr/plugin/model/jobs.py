"""Turns layers and settings into the jobs that Run does."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_vdsr.errors import InputError
from napari_vdsr.layers import LayerPlan, plan_layer
from napari_vdsr.layers.plan import is_lazy, levels_of
from napari_vdsr.plugin.jobs import sentence
from napari_vdsr.plugin.model.settings import FieldError, Settings

if TYPE_CHECKING:
    from napari.layers import Image, Layer


Region = tuple[slice, ...]
Parts = Sequence[Region | None]

_NAMED = 3  # layers named in the panel; it has no room for more


@dataclass(frozen=True, eq=False)
class Job:
    """One result that is to be made."""

    layer: "Image"
    levels: list[Any]  # pixels when the job was planned, the finest level first
    region: Region | None  # in source pixels; None for all
    plan: LayerPlan

    @property
    def data(self) -> Any:
        """The finest level."""
        return self.levels[0]

    @property
    def lazy(self) -> bool:
        """Whether the result is computed as it is looked at."""
        return self.region is None and is_lazy(self.layer)

    @property
    def pixels(self) -> int:
        """Pixels that Run itself makes, colours counted once."""
        return 0 if self.lazy else self.plan.pixels


@dataclass(frozen=True, eq=False)
class Batch:
    """All that one run does, and what it leaves out."""

    jobs: list[Job]  # at least one
    left_out: list[str]  # a sentence with the reason for each layer

    @property
    def pixels(self) -> int:
        """Pixels that Run itself makes, colours counted once."""
        return sum(job.pixels for job in self.jobs)

    @property
    def left_out_in_short(self) -> list[str]:
        """At most a few lines about what is left out."""
        return in_short(self.left_out, "left out")


def in_short(lines: list[str], what: str) -> list[str]:
    """The first lines, and how many more layers were `what` ("failed", "left out")."""
    more = len(lines) - _NAMED
    if more <= 0:
        return lines
    return [*lines[:_NAMED], f"{more} more {what}: hold the mouse here to read which."]


def plan_jobs(
    layers: Sequence["Layer"],
    settings: Settings,
    parts_of: Callable[[Any], Parts],
) -> Batch:
    """Plan all results; layers that do not fit are left out if another one fits.

    `parts_of` gives the regions of an image layer, None for all of it. Raises
    FieldError when a setting is wrong or no layer fits.
    """
    if not layers:
        msg = "No layer is selected: open an image, or select one in the layer list."
        raise FieldError("layer", msg)
    _ = settings.scaling, settings.intensity_range  # raise where they are wrong
    jobs: list[Job] = []
    errors: list[FieldError] = []
    left_out = []
    for layer in layers:
        try:
            jobs += _jobs_of(layer, settings, parts_of)
        except FieldError as error:
            errors.append(error)
            left_out.append(_left_out(layer, error))
    if not jobs:
        # A wrong setting comes first: with another one a layer may fit.
        raise min(errors, key=lambda error: error.field == "layer")
    return Batch(jobs, left_out)


def _jobs_of(
    layer: "Layer", settings: Settings, parts_of: Callable[[Any], Parts]
) -> list[Job]:
    # First without a factor, to tell errors of the layer from those of the factor.
    _planned("layer", layer, factor=1)
    jobs = []
    for region in parts_of(layer):
        plan = _planned("factor", layer, **settings.scaling, region=region)
        if plan.plane_factors == (1.0, 1.0):
            msg = f"'{layer.name}' would stay as it is: choose a factor above 1."
            raise FieldError("factor", msg)
        jobs.append(Job(layer, levels_of(layer), region, plan))
    return jobs


def _left_out(layer: "Layer", error: FieldError) -> str:
    name, reason = f"'{layer.name}'", str(error)
    return f"Left out: {reason}" if name in reason else f"Left out: {name}. {reason}"


def _planned(field: str, layer: "Layer", **arguments: Any) -> LayerPlan:
    try:
        return plan_layer(layer, **arguments)
    except InputError as error:
        raise FieldError(field, sentence(error)) from error
