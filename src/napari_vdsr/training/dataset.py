"""A set of training images that have been checked: what is usable, and how much.

Every image is read once, to find what is damaged, too small, constant, oversampled or
part of a benchmark. Pixels stay in memory as long as they fit; otherwise they are
read again, part by part, during the training.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import InputError, VdsrError
from napari_vdsr.training.benchmark_images import benchmark_name
from napari_vdsr.training.config import TrainingConfig, source_pixels, too_small
from napari_vdsr.training.opened import opened_once
from napari_vdsr.training.pairs import joined
from napari_vdsr.training.pieces import Piece
from napari_vdsr.training.planes import Least, Plane, normalised, with_sizes
from napari_vdsr.training.sources import Source, luminance

_NAMED = 5  # in a warning
_LOOKED_AT = 512  # pixels per edge whose sampling is checked
_TOO_FEW = 64  # pixels per edge that say nothing about it


@dataclass(frozen=True, eq=False)
class Part:
    """Planes that are read and released together."""

    load: Callable[[], list[Plane]]  # in all sizes that are wanted
    nbytes: int  # as stored, float32 or uint8
    planes: list[Plane] | None  # kept from the check if memory allows

    def read(self) -> list[Plane]:
        """Return the planes, from memory if they are there."""
        return self.load() if self.planes is None else self.planes


@dataclass(eq=False)
class Dataset:
    """The images that a training draws its patches from."""

    paired: bool  # whether planes hold input and truth
    parts: list[Part] = field(default_factory=list)
    images: int = 0  # usable ones
    # Names and reasons; of a damaged image, the readable parts are used.
    left_out: list[tuple[str, str]] = field(default_factory=list)
    damaged: list[tuple[str, str]] = field(default_factory=list)
    # Used, though they should perhaps not be.
    oversampled: list[str] = field(default_factory=list)
    benchmarks: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # remarks about files
    digest: str = ""  # of all pixels

    @property
    def nbytes(self) -> int:
        """Bytes of all planes together."""
        return sum(part.nbytes for part in self.parts)

    def remarks(self) -> list[str]:
        """What the user should know about these images; empty when all is well."""
        remarks = list(self.notes)
        if self.left_out:
            total = self.images + len(self.left_out)
            remarks.append(
                f"{len(self.left_out)} of {total} images are left out: "
                f"{_with_reasons(self.left_out)}"
            )
        if self.damaged:
            remarks.append(
                f"{len(self.damaged)} of {self.images} images are damaged in parts, "
                f"which are left out: {_with_reasons(self.damaged)}"
            )
        if self.benchmarks:
            remarks.append(
                f"the training set has benchmark images ({_listed(self.benchmarks)}): "
                "scores on that benchmark will be too good; take them out"
            )
        if self.oversampled:
            remarks.append(
                f"{len(self.oversampled)} of {self.images} images are oversampled, "
                f"with no detail for a network to learn ({_listed(self.oversampled)}): "
                "reduce them to about half their size first, or leave them out"
            )
        return remarks


def examine(
    sources: list[Source],
    config: TrainingConfig,
    *,
    paired: bool = False,
    least: Least | None = None,
    memory: float = 2e9,
) -> Dataset:
    """Read all images once and keep what can be used; `InputError` when nothing can.

    `paired` sources yield low and high planes in turn. Planes need `least` pixels in Y
    and X, by default those of a patch. Up to `memory` bytes of planes are kept.
    """
    halved = 1 if paired else source_pixels(config.main_sampling)
    if least is None:
        pixels = config.patch if paired else config.footprint
        least = Least(pixels, too_small(config))
    examiner = _Examiner(Dataset(paired), memory, halved)
    with opened_once() as opened:
        for source in sources:
            loaders = [_Loader(piece, config, least, paired) for piece in source.plan()]
            examiner.examine(source.name, loaders)
    return examiner.finished(list(opened.remarks))


class _Examiner:
    """Adds the usable images to a set."""

    def __init__(self, dataset: Dataset, memory: float, halved: int) -> None:
        self._dataset, self._memory, self._halved = dataset, memory, halved
        self._digest, self._held = hashlib.sha256(), 0

    def examine(self, name: str, loaders: list["_Loader"]) -> None:
        """Check all pieces of an image."""
        dataset = self._dataset
        parts, damages, reasons = len(dataset.parts), [], []
        for load in loaders:
            try:
                planes = load()
            except VdsrError as error:
                damages.append(str(error))
                continue
            reasons += load.reasons
            if planes:
                if len(dataset.parts) == parts:
                    _look(dataset, name, planes[0], self._halved)
                self._take(load, planes)
            del planes  # so that two pieces are never held together
        if len(dataset.parts) == parts:
            dataset.left_out.append((name, (damages + reasons)[0]))
            return
        dataset.images += 1
        if damages:
            count = f"{len(damages)} of {len(loaders)} parts"
            dataset.damaged.append((name, f"{count}: {damages[0]}"))

    def finished(self, notes: list[str]) -> Dataset:
        """Return the set, unless it is empty."""
        dataset = self._dataset
        if not dataset.parts:
            raise InputError(f"no image can be used: {_with_reasons(dataset.left_out)}")
        dataset.notes = notes
        dataset.digest = self._digest.hexdigest()
        return dataset

    def _take(self, load: "_Loader", planes: list[Plane]) -> None:
        for plane in planes:
            self._digest.update(f"{plane.pixels.dtype}{plane.pixels.shape}".encode())
            self._digest.update(np.ascontiguousarray(plane.pixels).data)
        nbytes = sum(plane.pixels.nbytes for plane in planes)
        self._held += nbytes
        kept = planes if self._held <= self._memory else None
        self._dataset.parts.append(Part(load, nbytes, kept))


class _Loader:
    """Reads a piece and leaves out planes that cannot be used."""

    def __init__(
        self, piece: Piece, config: TrainingConfig, least: Least, paired: bool
    ) -> None:
        self._piece, self._config = piece, config
        self._least, self._paired = least, paired
        self.reasons: list[str] = []

    def __call__(self) -> list[Plane]:
        self.reasons = []
        sizes = (1.0,) if self._paired else self._config.sizes
        planes: list[Plane] = []
        for make in self._usable():
            try:
                planes += with_sizes(make(), sizes, self._least.pixels)
            except VdsrError as error:
                self.reasons.append(str(error))
        return planes

    def _usable(self) -> Iterator[Callable[[], Plane]]:
        config, least = self._config, self._least
        planes = self._piece()
        for plane in planes:
            if self._paired:
                high = next(planes)
                yield partial(
                    joined, plane, high, config.channels, least, config.kernel
                )
            else:
                yield partial(normalised, plane, config.channels, least)


def _look(dataset: Dataset, image: str, plane: Plane, halved: int) -> None:
    """Note whether the first plane of an image is a benchmark or oversampled.

    `halved` is the number of its pixels, per axis, that make one pixel of the truth.
    """
    truth = plane.pixels[len(plane.pixels) // 2 :] if dataset.paired else plane.pixels
    grey = luminance(truth)[0]
    if (name := benchmark_name(grey)) is not None:
        dataset.benchmarks.append(f"{image} is {name}")
    if _oversampled(_means(grey, halved)):
        dataset.oversampled.append(image)


def _means(plane: NDArray[Any], width: int) -> NDArray[Any]:
    """Means of squares of pixels; a remainder at the end is cut off."""
    if width == 1:
        return plane
    y, x = (size // width for size in plane.shape)
    cut = plane[: y * width, : x * width]
    means: NDArray[Any] = cut.reshape(y, width, x, width).mean((1, 3))
    return means


def _oversampled(plane: NDArray[Any]) -> bool:
    """Whether pixels are finer than the detail, judged from the middle."""
    from napari_vdsr.evaluation.sampling import check_sampling

    if min(plane.shape) < _TOO_FEW:
        return False
    y, x = (slice(max(0, (size - _LOOKED_AT) // 2), None) for size in plane.shape)
    return (
        check_sampling(plane[y, x][:_LOOKED_AT, :_LOOKED_AT]).verdict == "oversampled"
    )


def _with_reasons(images: list[tuple[str, str]]) -> str:
    return _listed([f"{name}: {reason}" for name, reason in images], "; ")


def _listed(items: list[str], separator: str = ", ") -> str:
    shown = separator.join(items[:_NAMED])
    more = len(items) - _NAMED
    return f"{shown}{separator}and {more} more" if more > 0 else shown
