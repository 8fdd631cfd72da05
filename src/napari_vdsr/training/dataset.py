"""A set of training images that have been checked: what is usable, and how much.

Every image is read once, to find what is damaged, too small, constant, oversampled or
part of a benchmark. Pixels stay in memory as long as they fit; the others wait in a
temporary file, so that the images are never needed again.
"""

import hashlib
import math
import tempfile
import weakref
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from threading import Lock
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from napari_vdsr.errors import Cancelled, InputError, VdsrError, reason_beside
from napari_vdsr.imaging.resample import resize
from napari_vdsr.progress import Progress
from napari_vdsr.training.config import TrainingConfig, source_pixels, too_small
from napari_vdsr.training.planes import (
    MEMORY,
    Least,
    Piece,
    Plane,
    TrainingImage,
    Unusable,
    luminance,
    pieces_of,
    with_sizes,
)

_NAMED = 5  # in a warning
_LOOKED_AT = 512  # pixels per edge whose sampling is checked
_TOO_FEW = 64  # pixels per edge that say nothing about it
# Of fingerprints: pixels per edge, lowest frequencies per axis, and the bits of 64
# that a resized or recompressed copy may differ in.
_EDGE, _KEPT, _NEAR = 32, 8, 5


@dataclass(frozen=True, eq=False)
class Part:
    """A plane in all sizes that are wanted."""

    read: Callable[[], list[Plane]]  # from memory or from the temporary file
    nbytes: int  # as stored, float32 or uint8


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
        remarks = [*self.notes, *self.losses()]
        if self.benchmarks:
            remarks.append(
                f"the training set has benchmark images ({_listed(self.benchmarks)}): "
                "scores on that benchmark will be too good; take them out"
            )
        if self.oversampled:
            remarks.append(
                f"too fine pixels, so that they teach a network little: "
                f"{len(self.oversampled)} of {self.images} images "
                f"({_listed(self.oversampled)}); reduce them to about half their size "
                "first, or leave them out"
            )
        return remarks

    def losses(self, purpose: str = "") -> list[str]:
        """Which images, or parts of them, are not used; `purpose` is put behind."""
        losses = []
        if self.left_out:
            total = self.images + len(self.left_out)
            losses.append(
                f"{len(self.left_out)} of {total} images{purpose} are left out: "
                f"{_with_reasons(self.left_out)}"
            )
        if self.damaged:
            losses.append(
                f"{len(self.damaged)} of {self.images} images{purpose} are damaged in "
                f"parts, which are left out: {_with_reasons(self.damaged)}"
            )
        return losses


def examine(
    images: list[TrainingImage],
    config: TrainingConfig,
    *,
    paired: bool = False,
    least: Least | None = None,
    rgb: bool | None = None,
    memory: float = MEMORY,
    progress: Progress | None = None,
) -> Dataset:
    """Read all images once and keep what can be used; `InputError` when nothing can.

    Planes need `least` pixels in Y and X, by default those of a patch. Up to `memory`
    bytes of planes are kept in memory. `progress` counts images.
    """
    if least is None:
        pixels = config.patch if paired else config.footprint
        least = Least(pixels, too_small(config))
    examiner = _Examiner(config, least, paired, memory)
    for image in images:
        if progress is not None:
            progress.update(0)  # raises before a file is opened, if that is the wish
        with ExitStack() as files:
            try:
                opening = pieces_of(image, config, least, rgb, memory)
                pieces, remarks = files.enter_context(opening)
            except Cancelled:
                raise
            except (VdsrError, MemoryError) as error:
                if not image.in_file:  # the caller has it at hand and can mend it
                    raise
                reason = reason_beside(image.name, error)
                examiner.dataset.left_out.append((image.name, reason))
                if progress is not None:
                    progress.update(1)
                continue
            examiner.notes |= dict.fromkeys(remarks)
            examiner.examine(image.name, pieces, progress)
    return examiner.finished()


class _Examiner:
    """Adds the usable images to a set."""

    def __init__(
        self, config: TrainingConfig, least: Least, paired: bool, memory: float
    ) -> None:
        self.dataset = Dataset(paired)
        self.notes: dict[str, None] = {}  # each once
        self._halved = 1 if paired else source_pixels(config.main_sampling)
        self._sizes = (1.0,) if paired else config.sizes
        self._least, self._memory = least, memory
        self._digest, self._held, self._scratch = hashlib.sha256(), 0, Scratch()

    def examine(
        self, name: str, pieces: list[Piece], progress: Progress | None
    ) -> None:
        """Check all pieces of an image."""
        dataset = self.dataset
        parts, damages, reasons = len(dataset.parts), [], []
        for piece in pieces:
            if progress is not None:
                progress.update(1 / len(pieces))
            try:
                plane = piece()
                planes = list(with_sizes(plane, self._sizes, self._least.pixels))
            except Cancelled:
                raise
            except Unusable as error:
                reasons.append(str(error))
                continue
            except (VdsrError, MemoryError) as error:
                damages.append(reason_beside(name, error))
                continue
            if planes and len(dataset.parts) == parts:
                _look(dataset, name, planes[0], self._halved)
            self._take(planes)
            del plane, planes  # so that two pieces are never held together
        if len(dataset.parts) > parts:
            dataset.images += 1
            if damages:
                count = f"{len(damages)} of {len(pieces)} parts"
                dataset.damaged.append((name, f"{count}: {damages[0]}"))
        elif pieces:
            dataset.left_out.append((name, (damages + reasons)[0]))

    def finished(self) -> Dataset:
        """Return the set, unless it is empty."""
        dataset = self.dataset
        if not dataset.parts:
            raise InputError(f"no image can be used: {_with_reasons(dataset.left_out)}")
        dataset.notes = list(self.notes)
        dataset.digest = self._digest.hexdigest()
        return dataset

    def _take(self, planes: list[Plane]) -> None:
        if not planes:
            return
        for plane in planes:
            self._digest.update(f"{plane.pixels.dtype}{plane.pixels.shape}".encode())
            self._digest.update(np.ascontiguousarray(plane.pixels).data)
        nbytes = sum(plane.pixels.nbytes for plane in planes)
        self._held += nbytes
        fits = self._held <= self._memory
        read = partial(list, planes) if fits else self._scratch.put(planes)
        self.dataset.parts.append(Part(read, nbytes))


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
    from napari_vdsr.evaluation.sampling import sampling_of

    if min(plane.shape) < _TOO_FEW:
        return False
    y, x = (slice(max(0, (size - _LOOKED_AT) // 2), None) for size in plane.shape)
    part = plane[y, x][:_LOOKED_AT, :_LOOKED_AT].astype(np.float64)
    return sampling_of([part]).verdict == "oversampled"


def _with_reasons(images: list[tuple[str, str]]) -> str:
    return _listed([f"{name}: {reason}" for name, reason in images], "; ")


def _listed(items: list[str], separator: str = ", ") -> str:
    shown = separator.join(items[:_NAMED])
    more = len(items) - _NAMED
    return f"{shown}{separator}and {more} more" if more > 0 else shown


class Scratch:
    """A temporary file of pixels, which is gone as soon as nobody needs it."""

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None
        self._lock = Lock()

    def put(self, planes: Sequence[Plane]) -> Callable[[], list[Plane]]:
        """Write planes; give a function that reads them again, to the bit.

        Raises VdsrError when there is no room.
        """
        try:
            readers = [self._write(plane) for plane in planes]
        except OSError as error:
            raise VdsrError(
                "the training images are larger than the memory allowed for them, and "
                f"{tempfile.gettempdir()} has no room for the rest ({error.strerror}): "
                "let TMPDIR name a folder with more room, or allow more memory"
            ) from error
        return lambda: [read() for read in readers]

    def _write(self, plane: Plane) -> Callable[[], Plane]:
        if self._file is None:
            self._file = tempfile.TemporaryFile()
            weakref.finalize(self, self._file.close)
        pixels = np.ascontiguousarray(plane.pixels)
        offset = self._file.tell()
        self._file.write(pixels.reshape(-1).view(np.uint8).data)
        self._file.flush()  # so that a full disk is noticed here
        return partial(self._read, offset, pixels.dtype, pixels.shape, plane.limits)

    def _read(
        self,
        offset: int,
        dtype: np.dtype[Any],
        shape: tuple[int, ...],
        limits: tuple[float, float],
    ) -> Plane:
        assert self._file is not None
        with self._lock:  # a preview may read while the training does
            self._file.seek(offset)
            pixels = np.fromfile(self._file, dtype, math.prod(shape))
        return Plane(pixels.reshape(shape), limits)


def fingerprint(plane: NDArray[Any]) -> int:
    """Hash a luminance plane (Y, X) of any size to 64 bits.

    One bit for each of the 64 lowest frequencies: above their median or not. This is
    the usual perceptual hash, described at https://www.phash.org. Pixels cannot be
    recovered from it.
    """
    small = resize(plane, (_EDGE, _EDGE))
    position, frequency = np.arange(_EDGE) + 0.5, np.arange(1, _KEPT + 1)
    waves = np.cos(np.pi / _EDGE * np.outer(frequency, position))
    spectrum = (waves @ small @ waves.T).ravel()
    bits = spectrum > np.median(spectrum)
    return int("".join("1" if bit else "0" for bit in bits), 2)


def benchmark_name(plane: NDArray[Any]) -> str | None:
    """Name the benchmark image that a luminance plane (Y, X) shows: "Set5/baby".

    A network that has seen the images it is scored on scores too high. Known are those
    of Set5, Set14 and B100, whose list ``scripts/hash_benchmarks.py`` makes.
    """
    mine = fingerprint(plane)
    for name, other in _known().items():
        if (mine ^ other).bit_count() <= _NEAR:
            return name
    return None


@cache
def _known() -> dict[str, int]:
    text = Path(__file__).with_name("benchmark_images.txt").read_text("utf-8")
    rows = (line.split() for line in text.splitlines() if not line.startswith("#"))
    return {name: int(digits, 16) for digits, name in rows}
