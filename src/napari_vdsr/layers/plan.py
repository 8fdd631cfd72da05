"""What becomes of a layer: which pixels are read, how many are made and where."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from numbers import Integral
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from napari_vdsr.errors import InputError, checked_rgb, require_text
from napari_vdsr.images.arrays import as_array, refuse_other_layers
from napari_vdsr.imaging.geometry import (
    Axes,
    Factor,
    enlarged_size,
    find_axes,
    letters_of,
    plan_enlargement,
)
from napari_vdsr.imaging.intensities import check_dtype

if TYPE_CHECKING:
    from napari.layers import Image, Layer


Region = tuple[slice, ...]


@dataclass(frozen=True)
class LayerPlan:
    """The enlargement of a layer, before anything is computed.

    All axes are the layer's: colours are not among them.
    """

    yx: tuple[int, int]
    samples: int  # 3 or 4 for colour layers, otherwise 0
    dtype: np.dtype[Any]
    level_shape: tuple[int, ...]  # of the resolution level that is read
    full_shape: tuple[int, ...]  # of the full enlarged layer
    wanted: Region  # the part of it that is made
    factors: tuple[float, ...]  # against level 0, as really used

    @property
    def axes(self) -> Axes:
        """What the axes of the level are, colours included."""
        return Axes(*self.yx, len(self.level_shape) if self.samples else None)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the result, colours included."""
        sizes = [part.stop - part.start for part in self.wanted]
        return (*sizes, *([self.samples] if self.samples else []))

    @property
    def pixels(self) -> int:
        """Pixels that are made, colours counted once."""
        return prod(part.stop - part.start for part in self.wanted)

    @property
    def nbytes(self) -> int:
        """Memory of the result."""
        return prod(self.shape) * self.dtype.itemsize

    @property
    def plane_shape(self) -> tuple[int, int]:
        """Y and X of a whole enlarged plane."""
        return self.full_shape[self.yx[0]], self.full_shape[self.yx[1]]

    @property
    def plane_factors(self) -> tuple[float, float]:
        """Factors of Y and X against the level that is read."""
        y, x = (self.full_shape[axis] / self.level_shape[axis] for axis in self.yx)
        return y, x

    @property
    def whole(self) -> bool:
        """Whether all of the layer is enlarged."""
        return all(
            (part.start, part.stop) == (0, size)
            for part, size in zip(self.wanted, self.full_shape, strict=True)
        )

    @property
    def first_pixel(self) -> tuple[float, ...]:
        """Centre of the result's first pixel, in pixels of level 0."""
        return tuple(
            (part.start + 0.5) / factor - 0.5
            for part, factor in zip(self.wanted, self.factors, strict=True)
        )


def plan_layer(
    layer: "Layer",
    factor: Factor = 2,
    *,
    axes: str | None = None,
    rgb: bool | None = None,
    pixel_size: Factor | None = None,
    level: int = 0,
    region: Sequence[slice] | None = None,
) -> LayerPlan:
    """Work out what enlarging a layer makes, and check what was asked for.

    Arguments are those of `upscale_layer`; only shape and transforms of the layer are
    looked at. Raises `InputError` when the layer or an argument cannot be used.
    """
    refuse_other_layers(layer)
    image = cast("Image", layer)
    data = level_data(image, level)
    if checked_rgb(rgb) is not None and rgb != image.rgb:
        kind = "a colour layer" if image.rgb else "no colour layer"
        raise InputError(f"rgb is {rgb}, but {image.name!r} is {kind}: leave rgb out")
    names = _axis_names(image, axes)
    yx = find_axes(tuple(data.shape), names, image.rgb)[:2]
    sizes = tuple(int(size) for size in data.shape[: image.ndim])
    finest = tuple(int(size) for size in level_data(image, 0).shape[: image.ndim])
    size = pixel_size_of(image)
    shrink = [finest[axis] / sizes[axis] for axis in yx]
    whole = plan_enlargement(
        tuple(data.shape),
        factor,
        axes=names,
        pixel_size=pixel_size,
        source_pixel_size=(size[yx[0]] * shrink[0], size[yx[1]] * shrink[1]),
    )
    full = whole.shape[: image.ndim]
    return LayerPlan(
        yx=yx,
        samples=int(data.shape[-1]) if image.rgb else 0,
        dtype=check_dtype(data.dtype, repr(image.name)),
        level_shape=sizes,
        full_shape=full,
        wanted=_enlarged_region(region, sizes, full),
        factors=tuple(new / old for new, old in zip(full, finest, strict=True)),
    )


def is_lazy(layer: "Image") -> bool:
    """Whether a layer is computed as it is viewed: multiscale and chunked ones are."""
    return bool(layer.multiscale) or getattr(layer.data, "chunks", None) is not None


def level_data(layer: "Image", level: int = 0) -> Any:
    """The array of one resolution level; 0 is the finest."""
    levels = levels_of(layer)
    if not (isinstance(level, Integral) and 0 <= level < len(levels)):
        raise InputError(
            f"level is {level!r}: {layer.name!r} has levels 0 to {len(levels) - 1}"
        )
    return levels[level]


def levels_of(layer: "Image") -> list[Any]:
    """The arrays of all resolution levels, the finest first; one for a plain layer."""
    levels = list(layer.data) if layer.multiscale else [layer.data]
    return [as_array(level, layer.name) for level in levels]


def _axis_names(layer: "Image", axes: str | None) -> str:
    """One letter for each axis of the layer's array, Y, X and S (colours) right."""
    colours = "S" if layer.rgb else ""
    if axes is not None:
        require_text("axes", axes)
        return axes + (colours if len(axes) == layer.ndim else "")
    others = [letter for letter in ascii_uppercase if letter not in "YXS"]
    last = "".join(others[: layer.ndim - 2]) + "YX"
    return (letters_of(layer.axis_labels) or last) + colours


def pixel_size_of(layer: "Image") -> list[float]:
    """Lengths of a pixel's edges in world units."""
    linear = layer.affine.linear_matrix @ linear_matrix(layer)
    return [float(length) for length in np.linalg.norm(linear, axis=0)]


def linear_matrix(layer: "Layer") -> np.ndarray[Any, np.dtype[np.float64]]:
    """What scale, rotate and shear do to a vector in pixels, shape (ndim, ndim)."""
    from napari.utils.transforms import CompositeAffine

    matrix: np.ndarray[Any, np.dtype[np.float64]] = CompositeAffine(
        layer.scale, layer.translate, rotate=layer.rotate, shear=layer.shear
    ).linear_matrix
    return matrix


def _enlarged_region(
    region: Any, sizes: tuple[int, ...], full: tuple[int, ...]
) -> Region:
    """A region of the source as a region of the result."""
    if region is None:
        return tuple(slice(0, size) for size in full)
    if not (
        isinstance(region, Sequence)
        and len(region) == len(sizes)
        and all(isinstance(part, slice) for part in region)
    ):
        raise InputError(
            f"region is {region!r}: give one slice for each of {len(sizes)} axes"
        )
    parts = []
    for part, size, new in zip(region, sizes, full, strict=True):
        start, stop, step = part.indices(size)
        if step != 1 or stop <= start:
            raise InputError(
                f"region {part} of an axis of {size} pixels holds no pixels in a row"
            )
        first = enlarged_size(start, new / size)
        parts.append(slice(first, max(first + 1, enlarged_size(stop, new / size))))
    return tuple(parts)
