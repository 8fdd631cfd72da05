"""From the images that a user gives to the sets that a training needs."""

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
    """The checked images of a training."""

    images: Dataset  # what the network is for
    domain: Dataset | None = None  # some stages draw more from these
    validation: Dataset | None = None  # held out
    memory: float = MEMORY  # bytes of pixels to hold at a time
    remarks: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Identifies the pixels of all sets."""
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
    """Check images, hold some out and warn of what is wrong with them.

    Takes what `napari_vdsr.train` takes. Without `validation`, a share of `images` is
    held out. Sets larger than `memory` bytes are read again, part by part, and so are
    files larger than an eighth of it, if their format allows. Threads should not
    `warn`, because warnings are global: `remarks` of the set hold the same texts.

    Raises `InputError` when no image can be used.
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
    """Split off held-out images; a single one too small for that is not split."""
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
