"""How a layer was made, as its ``metadata["napari-vdsr"]`` says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from napari_vdsr.layers.plan import LayerPlan, level_data
from napari_vdsr.options import RunOptions
from napari_vdsr.version import __version__

if TYPE_CHECKING:
    from napari.layers import Image, Layer

METADATA_KEY = "napari-vdsr"
RESULT = "result"
_MAPS = ("consistency", "doubt", "error map", "spread", "training preview")
_PLACE = ("scale", "translate", "rotate", "shear")


@dataclass(frozen=True)
class Provenance:
    """How this plugin made a layer.

    `kind` is "result" for an enlarged layer, otherwise what is shown beside one:
    "bicubic", "consistency", "spread", "error map", "reduced" and so on. `source` is
    name, shape and place of the layer that it was made of. `factor` (Y, X) and `region`
    (start and stop for each axis, in pixels of the whole result) are those of a result,
    and `details` is all else that was said, such as the options of the run.
    """

    kind: str = RESULT
    source: Mapping[str, Any] = field(default_factory=dict)
    factor: tuple[float, ...] | None = None
    region: tuple[tuple[int, int], ...] | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of_result(cls, layer: "Image", plan: LayerPlan, options: RunOptions) -> Self:
        """That of an enlarged layer.

        Device and precision are those in use, or as asked for where that is decided
        later.
        """
        return cls(
            source=described(layer, plan.level_shape),
            factor=plan.plane_factors,
            region=tuple((part.start, part.stop) for part in plan.wanted),
            details={"version": __version__, **options.recorded()},
        )

    @classmethod
    def read(cls, layer: "Layer") -> Self | None:
        """What a layer says, by whatever version it was written; None if nothing.

        Files and scripts may hold anything there: what cannot be understood is left
        out.
        """
        told = layer.metadata.get(METADATA_KEY)
        if not isinstance(told, Mapping):
            return None
        known = dict(told)
        source = known.pop("source", None)
        if not isinstance(source, Mapping):  # maps have had no more than a name
            source = {"name": known.pop("made of", None)}
        factor, region = known.pop("factor", None), known.pop("region", None)
        try:
            numbers = None if factor is None else tuple(float(one) for one in factor)
            parts = region and tuple((int(start), int(stop)) for start, stop in region)
        except (TypeError, ValueError):
            numbers = parts = None
        kind = str(known.pop("kind", RESULT))
        return cls(kind, source, numbers, parts or None, known)

    def written(self) -> dict[str, Any]:
        """In values that any file format can hold."""
        told = {**self.details, "source": dict(self.source)}
        if self.kind != RESULT:
            told["kind"] = self.kind
        if self.factor is not None:
            told["factor"] = list(self.factor)
        if self.region is not None:
            told["region"] = [list(part) for part in self.region]
        return told

    @property
    def model(self) -> str:
        """The name of the model, empty where none is told."""
        return str(self.details.get("model", ""))

    @property
    def is_map(self) -> bool:
        """Whether the layer shows an analysis, not an image to be compared."""
        return self.kind in _MAPS

    def had_shape_of(self, layer: "Image") -> bool:
        """Whether a layer has as many pixels along each axis as the source."""
        shape = level_data(layer).shape[: layer.ndim]
        return _same(shape, self.source.get("shape"))

    def was_at(self, layer: "Image") -> bool:
        """Whether a layer has shape and place of the source, which may be renamed."""
        return self.had_shape_of(layer) and all(
            _same(getattr(layer, name), self.source.get(name))
            for name in ("scale", "translate")
        )


def described(layer: "Image", shape: Sequence[int]) -> dict[str, Any]:
    """Name and place of a layer, with the shape of the level that was read."""
    place = {name: _listed(getattr(layer, name)) for name in _PLACE}
    affine = _listed(layer.affine.affine_matrix)
    return {"name": layer.name, "shape": list(shape), **place, "affine": affine}


def _listed(values: Any) -> Any:
    return np.asarray(values, dtype=float).tolist()


def _same(mine: Any, told: Any) -> bool:
    try:
        return np.shape(mine) == np.shape(told) and np.allclose(mine, told)
    except (TypeError, ValueError):  # no numbers
        return False
