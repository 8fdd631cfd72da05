"""One file enlarged into another, with what the command line asked for."""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_vdsr.cli.console import progress_bar
from napari_vdsr.cli.describe import describe_beforehand
from napari_vdsr.cli.loading import loaded_model
from napari_vdsr.cli.options import parse_lengths, parse_pair
from napari_vdsr.cli.ways import Task, enlarge
from napari_vdsr.errors import InputError
from napari_vdsr.files import Picture, open_image
from napari_vdsr.files.ngff import NgffVersion
from napari_vdsr.files.units import convert_length, normalise_unit
from napari_vdsr.files.writing import check_name
from napari_vdsr.files.zarr_library import ZARR_SUFFIX
from napari_vdsr.imaging.axes import find_axes
from napari_vdsr.imaging.enlargement import Enlargement, plan_enlargement
from napari_vdsr.imaging.geometry import Factor, check_factor
from napari_vdsr.inference.settings import check_settings
from napari_vdsr.inference.upscaler import Upscaler
from napari_vdsr.zoo import Model

if TYPE_CHECKING:
    from napari_vdsr.lazy.cluster import Cluster


@dataclass(frozen=True)
class Settings:
    """How to enlarge, the same for every file.

    Attributes
    ----------
    factor : float or pair of float
        Used where no pixel size is asked for.
    pixel_size : tuple of (tuple of float, str or None), optional
        Height and width of the pixels wanted, and their unit if one was given.
    model : Model
        What to run.
    device, precision : str
        In use; on a cluster, as they were asked for.
    tile : str
        As for `napari_vdsr.upscale`.
    axes : str, optional
        Goes before what a file says.
    rgb : bool, optional
        Goes before what a file says.
    intensity_range : tuple of float, optional
        Black and white, for models that need to know.
    overwrite : bool
        Whether files may be replaced.
    ome_zarr : str
        Version of OME-Zarr to write.
    cluster : Cluster, optional
        Whose workers make OME-Zarrs.
    """

    factor: Factor
    pixel_size: tuple[tuple[float, float], str | None] | None
    model: Model
    device: str
    precision: str
    tile: str
    axes: str | None
    rgb: bool | None
    intensity_range: tuple[float, float] | None
    overwrite: bool
    ome_zarr: NgffVersion = "0.5"
    cluster: "Cluster | None" = None

    @classmethod
    def checked(
        cls,
        *,
        factor: str | None,
        pixel_size: str | None,
        model: str,
        device: str,
        precision: str,
        tile: str,
        elsewhere: bool,
        **others: Any,
    ) -> "Settings":
        """Read what was typed, and find wrong values before any image is read.

        Parameters
        ----------
        factor, pixel_size, model, device, precision, tile : str
            As they were typed.
        elsewhere : bool
            Whether other machines work, of which only they know what they can do.
        **others
            The remaining attributes.

        Returns
        -------
        Settings

        Raises
        ------
        InputError
            When a value is wrong.
        ModelError
            When there is no such model.
        """
        if factor is not None and pixel_size is not None:
            raise InputError(
                f"--factor {factor} and --pixel-size {pixel_size}: give one of them"
            )
        numbers = 2.0 if factor is None else parse_pair(factor, "factor")
        check_factor(numbers)
        lengths = None if pixel_size is None else parse_lengths(pixel_size)
        loaded = loaded_model(model)
        wanted: dict[str, Any] = {
            "device": device,
            "precision": precision,
            "tile": tile,
            # Any will do here: what an image needs is found out with the image.
            "intensity_range": others["intensity_range"] or (0.0, 1.0),
        }
        if elsewhere:
            check_settings(loaded, **wanted)
        else:
            ready = Upscaler(loaded, **wanted)
            device = str(ready.device)
            precision = str(ready.precision).removeprefix("torch.")
        return cls(numbers, lengths, loaded, device, precision, tile, **others)

    def enlarge(self, source: Path, target: Path, prefix: str = "") -> dict[str, Any]:
        """Enlarge one file.

        Parameters
        ----------
        source, target : Path
            The file to read and the file to write.
        prefix : str
            Stands before the name in the progress bar.

        Returns
        -------
        dict
            What was done, in plain values.

        Raises
        ------
        VdsrError
            When it cannot be done; there is no target then.
        """
        check_name(target, overwrite=self.overwrite, source=source)
        if self.cluster is not None and target.suffix.lower() != ZARR_SUFFIX:
            raise InputError(
                f"workers write OME-Zarr only: let the name of {target} end in .zarr"
            )
        told = self.axes is not None or self.rgb is not None
        with open_image(source, axes_told=told) as image:
            picture, axes = self._named(image.picture, source)
            plan = self._plan(picture, axes, source)
            report = describe_beforehand(source, axes)
            started = time.perf_counter()
            task = Task(source, target, image, picture, axes, plan, told)
            with progress_bar(f"{prefix}{source.name}") as bar:
                done = enlarge(task, self, bar)
        enlarged = done.picture
        return {
            "input": str(source),
            "output": str(target),
            "axes": enlarged.axes,
            "source_shape": [
                picture.array.shape[axes.index(axis)] for axis in done.axes
            ],
            "shape": list(enlarged.array.shape),
            "dtype": enlarged.array.dtype.name,
            "factor": list(plan.factors),
            "pixel_size": enlarged.pixel_size and list(enlarged.pixel_size),
            "unit": enlarged.unit,
            "seconds": time.perf_counter() - started,
            "model": self.model.name,
            "device": self.device,
            "precision": self.precision,
            "image": report,
            **done.details,
        }

    def _named(self, picture: Picture, source: Path) -> tuple[Picture, str]:
        """The picture with its axes as the user says, and a letter for each axis."""
        shape = picture.array.shape
        if self.axes is not None:
            axes = self.axes.upper()
            find_axes(shape, axes, self.rgb)
            picture = replace(picture, axes=axes, rgb="S" in axes)
        elif self.rgb and not picture.rgb:
            picture = replace(picture, axes=_with_colours(picture), rgb=True)
        # Channels of their own are still the colours of the file that is written.
        as_channels = self.rgb is False and self.axes is None
        looked_at = replace(picture, rgb=False) if as_channels else picture
        return picture, looked_at.unique_axes

    def _plan(self, picture: Picture, axes: str, source: Path) -> Enlargement:
        """Shape and factors of the result."""
        shape = picture.array.shape
        if self.pixel_size is None:
            return plan_enlargement(shape, self.factor, axes=axes)
        wanted, unit = self.pixel_size
        if picture.pixel_size is None:
            raise InputError(
                f"{source} does not say how large its pixels are: use --factor"
            )
        if unit is not None:
            wanted = self._converted(wanted, normalise_unit(unit) or unit, picture)
        return plan_enlargement(
            shape, axes=axes, pixel_size=wanted, source_pixel_size=picture.pixel_size
        )

    @staticmethod
    def _converted(
        wanted: tuple[float, float], unit: str, picture: Picture
    ) -> tuple[float, float]:
        target = picture.unit or "pixels"
        height, width = (convert_length(size, unit, target) for size in wanted)
        if height is None or width is None:
            raise InputError(
                f"cannot turn a pixel size in {unit} into {target}, the unit of the "
                "file: give it without a unit, in that of the file"
            )
        return height, width


def _with_colours(picture: Picture) -> str:
    """The axes of a picture, of which one is said to hold colours."""
    shape, axes = picture.array.shape, picture.axes
    if "C" in axes and "S" not in axes and shape[axes.index("C")] in (3, 4):
        return axes.replace("C", "S")
    find_axes(shape, rgb=True)
    return "Q" * (len(shape) - 3) + "YXS"
