"""From layers and settings to the pieces of work that Run does."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_vdsr.errors import InputError
from napari_vdsr.layers import LayerPlan, plan_layer
from napari_vdsr.layers.plan import is_lazy, levels_of
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
    levels : list of array-like
        Its pixels when the job was planned, the finest first.
    region : tuple of slice or None
        The part of the source, in its pixels; None for all.
    plan : LayerPlan
        What is made of it.
    """

    layer: "Image"
    levels: list[Any]
    region: Region | None
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
        jobs.append(Job(layer, levels_of(layer), region, plan))
    return jobs


def _planned(field: str, layer: "Layer", **arguments: Any) -> LayerPlan:
    try:
        return plan_layer(layer, **arguments)
    except InputError as error:
        text = str(error)
        raise FieldError(field, f"{text[:1].upper()}{text[1:]}.") from error
