"""From the images that a user gives to the sets that a training needs."""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from napari_vdsr.errors import InputError, VdsrWarning, require_positive
from napari_vdsr.images.find import NamedImage, named
from napari_vdsr.progress import Progress
from napari_vdsr.training.config import TrainingConfig, source_pixels
from napari_vdsr.training.dataset import Dataset, examine
from napari_vdsr.training.planes import MEMORY, Least, Pairs, TrainingImage

_MOST_HELD = 16  # images held out; more would add little
_HELD = 0.25  # of a single image


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """The checked images of a training, as `prepare` gives them.

    Attributes
    ----------
    images : Dataset
        What the network is for.
    domain : Dataset, optional
        Some stages draw more from these.
    validation : Dataset, optional
        Held out.
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
    progress: Progress | None = None,
) -> TrainingSet:
    """Check images, hold some out and warn of what is wrong with them.

    What does not fit into memory waits in a temporary file.

    Parameters
    ----------
    images, domain, validation, rgb, memory
        As for `napari_vdsr.train`.
    config : TrainingConfig
        From `recipe`.
    warn : bool
        Whether to warn of what the remarks of the set say. Threads should not, because
        warnings are global.
    progress : tqdm-like, optional
        Told of images, in parts.

    Returns
    -------
    TrainingSet
        For a `Trainer`.

    Raises
    ------
    InputError
        When no image can be used.
    """
    require_positive("memory", memory)
    remarks: list[str] = []
    paired = isinstance(images, Pairs)
    found = _found(images)
    more = None if domain is None else _found(domain)
    if validation is not None and isinstance(validation, Pairs) != paired:
        raise InputError("validate pairs on pairs, and images on images")
    held = None if validation is None else _found(validation)
    sets = [each for each in (found, more, held) if each is not None]
    if held is not None:
        _refuse_seen([found, *([more] if more else [])], held)
    remarks += [remark for each in sets for remark in each.remarks]
    if progress is not None:
        progress.reset(sum(len(each.images) for each in sets))
    alone = partial(examine, rgb=rgb, memory=memory, progress=progress)
    look = partial(alone, paired=paired)
    if held is not None:
        learned, apart = look(found.images, config), held.images
    else:
        learned, apart = _held_out(found.images, config, paired, look, remarks)
    leaning = None if more is None else alone(more.images, config)
    for listed, dataset in ((found, learned), (more, leaning)):
        if listed is not None and dataset is not None:
            dataset.left_out[:0] = listed.left_out
            remarks += dataset.remarks()
    scored = _examined_held(apart, config, paired, look, remarks) if apart else None
    if paired and (unused := _only_for_reducing(config)):
        remarks.append(
            f"the images are pairs, which nothing is reduced for: {', '.join(unused)} "
            "of the settings or the recipe are not used"
        )
    if scored is not None:
        scored.left_out[:0] = [] if held is None else held.left_out
        # A single image is in both sets.
        remarks += [note for note in scored.notes if note not in remarks]
        remarks += scored.losses(" to validate on")
    for remark in remarks if warn else ():
        warnings.warn(remark, VdsrWarning, stacklevel=2)
    return TrainingSet(learned, leaning, scored, memory, tuple(remarks))


class _Found(NamedTuple):
    """The images of a set, and what is left out of folders before they are read."""

    images: list[TrainingImage]
    left_out: list[tuple[str, str]]
    remarks: list[str]


def _origin(image: NamedImage) -> object:
    """Equal for images that come from the same place."""
    source = image.image
    return Path(source).resolve() if isinstance(source, str | Path) else id(source)


def _refuse_seen(learned: list[_Found], held: _Found) -> None:
    """Raise `InputError` where an image is learned from and scored on as well."""
    images = [image for each in learned for image in each.images]
    seen = {_origin(image.high or image.image) for image in images}
    for image in held.images:
        if _origin(image.high or image.image) in seen:
            raise InputError(
                f"{image.name} is among the images to learn from and among those to "
                "validate on, so that its score would say nothing of new images: take "
                "it out of one, or leave validation out, which holds some images out"
            )


def _only_for_reducing(config: TrainingConfig) -> list[str]:
    """Settings that say how images are made coarse, and are not the usual ones."""
    usual = {"sampling": "reduced", "spot": None, "blur": 0.0, "noise": None}
    return [name for name, value in usual.items() if getattr(config, name) != value]


def _found(images: Any) -> _Found:
    """List images, or pairs of them."""
    if not isinstance(images, Pairs):
        found = named(images)
        if not found.images:
            raise InputError("there are no images to train on: the list is empty")
        listed = [TrainingImage(each) for each in found.images]
        return _Found(listed, found.left_out, found.remarks)
    low, high = named(images.low), named(images.high)
    if len(low.images) != len(high.images):
        raise InputError(
            f"there are {len(low.images)} images of low and {len(high.images)} of high "
            "resolution: give as many of each, in the same order"
        )
    pairs = zip(low.images, high.images, strict=True)
    listed = [TrainingImage(*pair) for pair in pairs]
    for pair in listed:
        if pair.high is not None and _origin(pair.image) == _origin(pair.high):
            raise InputError(
                f"{pair.name} is given as the image of low and as that of high "
                "resolution: give two different ones"
            )
    left_out, remarks = low.left_out + high.left_out, low.remarks + high.remarks
    return _Found(listed, left_out, remarks)


def _held_out(
    images: list[TrainingImage],
    config: TrainingConfig,
    paired: bool,
    look: Callable[..., Dataset],
    remarks: list[str],
) -> tuple[Dataset, list[TrainingImage]]:
    """Split off held-out images; a single one too small for that is not split."""
    share = config.validation_share
    alone = len(images) == 1
    if not (alone and paired):
        learned, held = _split(images, share, config.seed)
        try:
            return look(learned, config), held
        except InputError:
            if not (alone and held):
                raise
    dataset = look(images, config)
    if share:
        remarks.append(
            "there is only one image and it is too small or a pair, so nothing is held "
            "out: the training cannot say how well the network does on new images"
        )
    return dataset, []


def _examined_held(
    images: list[TrainingImage],
    config: TrainingConfig,
    paired: bool,
    look: Callable[..., Dataset],
    remarks: list[str],
) -> Dataset | None:
    """The held-out images, or None with a remark when none can be scored."""
    halved = 1 if paired else source_pixels(config.main_sampling)
    pixels = (math.ceil(4 * max(config.factors)) + 8) * halved
    least = Least(pixels, f"smaller than the {pixels} that a score needs")
    once = replace(config, sizes=(1.0,))
    try:
        return look(images, once, least=least)
    except InputError as error:
        remarks.append(
            f"nothing to validate on, so the training cannot say how well the network "
            f"does on new images: {error}. Give more or larger images, or images of "
            f"{pixels} pixels a side at least to validate on"
        )
        return None


def _split(
    images: list[TrainingImage], share: float, seed: int
) -> tuple[list[TrainingImage], list[TrainingImage]]:
    """Split images into those to train on and those to hold out.

    Unless `share` is 0, 1 to 16 images are held out, as a whole; of a single image, a
    quarter. The seed decides which.
    """
    if share == 0:
        return images, []
    if len(images) == 1:
        rest, held = (0.0, 1 - _HELD), (1 - _HELD, 1.0)
        return [replace(images[0], strip=rest)], [replace(images[0], strip=held)]
    count = min(max(1, round(share * len(images))), _MOST_HELD, len(images) - 1)
    order = np.random.default_rng(seed).permutation(len(images))
    held_out = set(order[:count].tolist())
    rest_of_them = [each for at, each in enumerate(images) if at not in held_out]
    return rest_of_them, [images[at] for at in sorted(held_out)]
