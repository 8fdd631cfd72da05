"""From what the user points at to the sets that a training needs."""

import math
import warnings
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from napari_vdsr.errors import InputError, VdsrWarning
from napari_vdsr.training.config import TrainingConfig, source_pixels
from napari_vdsr.training.dataset import Dataset, examine
from napari_vdsr.training.pairs import Pairs, find_pairs
from napari_vdsr.training.planes import Least
from napari_vdsr.training.sources import MEMORY, Source, find_sources
from napari_vdsr.training.split import split


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """The images of a training, looked through and ready to be drawn from.

    Attributes
    ----------
    images : Dataset
        What the network is for.
    domain : Dataset, optional
        Images that some stages lean to.
    validation : Dataset, optional
        Images held out.
    memory : float
        Bytes of pixels to hold at a time.
    remarks : tuple of str
        What the user should know about the images.
    """

    images: Dataset
    domain: Dataset | None = None
    validation: Dataset | None = None
    memory: float = MEMORY
    remarks: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Says whether another set has the same pixels."""
        sets = (self.images, self.domain, self.validation)
        return "-".join("none" if one is None else one.digest[:16] for one in sets)


def prepare(
    images: Any,
    config: TrainingConfig,
    *,
    domain: Any = None,
    validation: Any = None,
    rgb: bool | None = None,
    memory: float = MEMORY,
    warn: bool = True,
) -> TrainingSet:
    """Look through images, hold some out and say what is wrong with them.

    Parameters
    ----------
    images : array-like, layer, path, Pairs, or a list
        What to train on; see `napari_vdsr.train`.
    config : TrainingConfig
        Decides channels, patch and the share held out.
    domain, validation : as images, optional
        Images that some stages lean to, and images to hold out; without the latter
        a share of `images` is held out.
    rgb : bool, optional
        Whether the last axis of arrays holds colours.
    memory : float
        Bytes of pixels to hold at a time; larger sets are read again, part by part,
        and files of more than an eighth of it are not read at once, if they can be
        read by parts.
    warn : bool
        Whether to warn of the `remarks` on the set. Threads should not: warnings
        belong to a whole program.

    Returns
    -------
    TrainingSet

    Raises
    ------
    InputError
        When no image can be used.

    Warns
    -----
    VdsrWarning
        When images are left out, damaged, oversampled or of a benchmark, when a
        file holds more than the one that is read, or when there are none to
        validate on.
    """
    remarks: list[str] = []
    paired = isinstance(images, Pairs)
    find = partial(_found, rgb=rgb, memory=memory)
    sources = find(images)
    more = None if domain is None else find(domain)
    held: list[Source] = []
    if validation is not None:
        if isinstance(validation, Pairs) != paired:
            raise InputError("validate pairs on pairs, and images on images")
        held = find(validation)
        learned = _examined(sources, config, paired, memory)
    else:
        learned, held = _held_out(sources, config, paired, memory, remarks)
    leaning = None if more is None else _examined(more, config, False, memory)
    for dataset in (learned, leaning):
        remarks += [] if dataset is None else dataset.remarks()
    scored = _examined_held(held, config, paired, memory, remarks) if held else None
    if scored is not None:  # a single image is in both sets
        remarks += [note for note in scored.notes if note not in remarks]
    for remark in remarks if warn else ():
        warnings.warn(remark, VdsrWarning, stacklevel=2)
    return TrainingSet(learned, leaning, scored, memory, tuple(remarks))


def _found(images: Any, rgb: bool | None, memory: float) -> list[Source]:
    if isinstance(images, Pairs):
        return find_pairs(images, rgb=rgb)
    return find_sources(images, rgb=rgb, memory=memory)


def _examined(
    sources: list[Source], config: TrainingConfig, paired: bool, memory: float
) -> Dataset:
    return examine(sources, config, paired=paired, memory=memory)


def _held_out(
    sources: list[Source],
    config: TrainingConfig,
    paired: bool,
    memory: float,
    remarks: list[str],
) -> tuple[Dataset, list[Source]]:
    """Divide the images; a single one too small for that is used whole."""
    share = config.validation_share
    alone = len(sources) == 1
    if not (alone and paired):
        learned, held = split(sources, share, config.seed)
        try:
            return _examined(learned, config, paired, memory), held
        except InputError:
            if not (alone and held):
                raise
    dataset = _examined(sources, config, paired, memory)
    if share:
        remarks.append(
            "there is only one image and it is too small or a pair, so nothing is held "
            "out: the training cannot say how well the network does on new images"
        )
    return dataset, []


def _examined_held(
    sources: list[Source],
    config: TrainingConfig,
    paired: bool,
    memory: float,
    remarks: list[str],
) -> Dataset | None:
    """The held-out images, or None with a remark when none can be scored."""
    halved = 1 if paired else source_pixels(config.main_sampling)
    pixels = (math.ceil(4 * max(config.factors)) + 8) * halved
    least = Least(pixels, f"smaller than the {pixels} that a score needs")
    once = replace(config, sizes=(1.0,))
    try:
        return examine(sources, once, paired=paired, least=least, memory=memory)
    except InputError as error:
        remarks.append(f"nothing to validate on: {error}")
        return None
