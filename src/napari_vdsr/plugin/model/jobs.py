"""From layers and settings to the pieces of work that Run does."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_vdsr.errors import InputError
from napari_vdsr.layers import LayerPlan, plan_layer
from napari_vdsr.layers.plan import level_data
from napari_vdsr.plugin.model.settings import FieldError, Settings

if TYPE_CHECKING:
    from napari.layers import Image, Layer

__all__ = ["Job", "Region", "plan_jobs"]

Region = tuple[slice, ...]


@dataclass(frozen=True, eq=False)
class Job:
    """One result that is to be made.

    Attributes
    ----------
    layer : napari.layers.Image
        The source.
    data : array-like
        Its pixels when the job was planned.
    region : tuple of slice or None
        The part of the source, in its pixels; None for all.
    plan : LayerPlan
        What is made of it.
    """

    layer: "Image"
    data: Any
    region: Region | None
    plan: LayerPlan


def plan_jobs(
    sources: Sequence[tuple["Layer", Region | None]], settings: Settings
) -> list[Job]:
    """Plan all results, or say which field is wrong.

    Parameters
    ----------
    sources : sequence of (layer, region)
        A layer may come several times, with different regions.
    settings : Settings
        The same for all of them.

    Returns
    -------
    list of Job
        At least one.

    Raises
    ------
    FieldError
        With the name of the field and what to do.
    """
    if not sources:
        msg = "No layer is selected: open an image, or select one in the layer list."
        raise FieldError("layer", msg)
    scaling = settings.scaling
    _ = settings.intensity_range
    jobs = []
    for layer, region in sources:
        # First without a factor, so that errors can be told apart.
        _planned("layer", layer, factor=1)
        plan = _planned("factor", layer, **scaling, region=region)
        if plan.plane_factors == (1.0, 1.0):
            msg = f"'{layer.name}' would stay as it is: choose a factor above 1."
            raise FieldError("factor", msg)
        jobs.append(Job(layer, level_data(layer), region, plan))
    return jobs


def _planned(field: str, layer: "Layer", **arguments: Any) -> LayerPlan:
    try:
        return plan_layer(layer, **arguments)
    except InputError as error:
        text = str(error)
        raise FieldError(field, f"{text[:1].upper()}{text[1:]}.") from error
