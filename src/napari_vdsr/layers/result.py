"""The layer that is made: everything of the source, its place, and how it was made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from napari_vdsr.layers.plan import LayerPlan, level_data, linear_matrix
from napari_vdsr.options import RunOptions
from napari_vdsr.version import __version__

if TYPE_CHECKING:
    from napari.layers import Image, Layer

METADATA_KEY = "napari-vdsr"
RESULT = "result"
_MAPS = ("consistency", "doubt", "error map", "spread", "training preview")
_PLACE = ("scale", "translate", "rotate", "shear")

# What layers beside a result are called, after its name.
_WORDS = {"spread": "where the network is not sure"}

_NOT_OF_ONE_ARRAY = ("multiscale", "locked_data_level", "auto_contrast")


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


def result_layer(
    layer: "Image",
    plan: LayerPlan,
    data: Any,
    *,
    name: str,
    provenance: Provenance,
) -> "Image":
    """The layer that shows a result exactly over its source.

    Contrast, colours, transforms and everything else are taken from `layer`. `data` are
    the pixels, or levels of which the first has the shape of the plan.
    """
    from napari.layers import Image

    _, attributes, _ = layer.as_layer_data_tuple()
    for key in _NOT_OF_ONE_ARRAY:
        attributes.pop(key, None)
    offset = linear_matrix(layer) @ np.array(plan.first_pixel)
    attributes |= {
        "name": name,
        "rgb": bool(plan.samples),
        "scale": np.asarray(layer.scale) / plan.factors,
        "translate": np.asarray(layer.translate) + offset,
        "metadata": {**layer.metadata, METADATA_KEY: provenance.written()},
        "plane": _moved_plane(attributes["plane"], plan),
        "experimental_clipping_planes": [
            {**clipping, **_moved_plane(clipping, plan)}
            for clipping in attributes["experimental_clipping_planes"]
        ],
    }
    made = Image(data, multiscale=isinstance(data, list), **attributes)
    if not made.rgb:  # how far the sliders go is no attribute of the constructor
        made.contrast_limits_range = layer.contrast_limits_range
    return made


def layer_beside(
    source: "Image",
    plan: LayerPlan,
    data: Any,
    kind: str,
    *,
    name: str,
    provenance: Provenance,
) -> "Image":
    """A layer that says something about a result, as its kind tells; hidden at first.

    `name` and `provenance` are those of the result. Of a spread in colour the mean over
    the colours is shown.
    """
    if kind == "spread" and plan.samples:
        data, plan = data[..., :3].mean(axis=-1), replace(plan, samples=0)
    told = Provenance(kind, provenance.source, details={"made beside": name})
    words = f"{name} {_WORDS.get(kind, kind)}"
    layer = result_layer(source, plan, data, name=words, provenance=told)
    if kind == "spread":
        layer.colormap, layer.visible = "inferno", False
        _limit(layer, 0, _largest(source, data))
    if kind == "consistency":
        layer.colormap, layer.visible = "PiYG", False
        largest = _largest(source, np.abs(data))
        _limit(layer, -largest, largest)
    return layer


def _limit(layer: "Image", low: float, high: float) -> None:
    """Show values between two, which the sliders can reach, too."""
    layer.contrast_limits = (low, high)
    layer.contrast_limits_range = (low, high)


def _largest(source: "Image", data: Any) -> float:
    """The largest value; of lazy data, which are not looked at, a guess."""
    if isinstance(data, np.ndarray):
        return float(np.nanmax(data, initial=0)) or 1.0
    return float(np.ptp(source.contrast_limits)) / 20


def result_name(source: str, factors: tuple[float, float], model: str) -> str:
    """Name of a result, from the names of source and model and the factors of Y and X.

    Examples
    --------
    >>> result_name("cells", (2.0, 2.0), "vdsr20")
    'cells ×2 vdsr20'
    """
    y, x = (f"{factor:.3g}" for factor in factors)
    return f"{source} ×{y if y == x else f'{y}×{x}'} {model}"


def _moved_plane(plane: dict[str, Any], plan: LayerPlan) -> dict[str, Any]:
    """A rendering or clipping plane of the source, in pixels of the result."""
    factors = np.array(plan.factors)[-3:]
    first = np.array(plan.first_pixel)[-3:]
    count = len(factors)
    position, normal = (
        np.array(plane[key], dtype=float) for key in ("position", "normal")
    )
    position[-count:] = (position[-count:] - first) * factors
    normal[-count:] /= factors
    return {**plane, "position": tuple(position), "normal": tuple(normal)}
