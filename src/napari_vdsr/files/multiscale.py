"""Where the pixels of an OME-Zarr image lie, and what its channels are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from napari_vdsr.files.units import normalise_unit, plane_size

AXIS_TYPES = {"T": "time", "C": "channel", "S": "channel"} | dict.fromkeys(
    "ZYX", "space"
)
"""What OME-Zarr calls the axes with a letter of their own."""

FREE_LETTERS = "QIPLHERAMVWBDFGJKNOU"
"""For axes without one."""


@dataclass(frozen=True)
class Axis:
    """One axis of an image.

    `type` is "time", "channel", "space" or something else, `unit` as OME-Zarr spells
    it, such as "micrometer".
    """

    name: str
    type: str | None = None
    unit: str | None = None


@dataclass(frozen=True)
class Multiscale:
    """Axes, places and channels of an image; all sequences follow its axes.

    `scale` is the distance between neighbouring pixel centres and `translation` the
    centre of the first pixel, in the unit of the axis. `omero` says how to show the
    channels: names, colours, windows of intensity.
    """

    axes: tuple[Axis, ...]
    scale: tuple[float, ...]
    translation: tuple[float, ...]
    name: str = ""
    omero: Mapping[str, Any] | None = None

    def resized(self, before: Sequence[int], after: Sequence[int]) -> "Multiscale":
        """The same image on a finer or coarser grid of the same outer edges.

        `before` and `after` are the pixels of every axis.

        Examples
        --------
        >>> one = Multiscale((Axis("x"),), (0.5,), (10.0,))
        >>> finer = one.resized([4], [8])
        >>> finer.scale, finer.translation
        ((0.25,), (9.875,))
        """
        ratios = [old / new for old, new in zip(before, after, strict=True)]
        scale = [step * ratio for step, ratio in zip(self.scale, ratios, strict=True)]
        places = zip(self.translation, self.scale, ratios, strict=True)
        translation = [place + step * (ratio - 1) / 2 for place, step, ratio in places]
        return replace(self, scale=tuple(scale), translation=tuple(translation))

    def pixel_size(
        self, y: int, x: int
    ) -> tuple[tuple[float, float] | None, str | None]:
        """Height and width of a pixel with their unit; Nones where they are unknown.

        Both are in the unit of `y`. Without any unit, 1 × 1 says nothing.
        """
        height, width = abs(self.scale[y]), abs(self.scale[x])
        units = [normalise_unit(self.axes[axis].unit) for axis in (y, x)]
        if units == [None, None]:
            return (None if height == width == 1 else (height, width)), None
        return plane_size((height, width), units)

    def ordered(self, order: Sequence[int]) -> "Multiscale":
        """The image with its axes in another order."""
        return replace(
            self,
            axes=tuple(self.axes[axis] for axis in order),
            scale=tuple(self.scale[axis] for axis in order),
            translation=tuple(self.translation[axis] for axis in order),
        )
