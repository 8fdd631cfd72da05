"""A network with its name and what is known about it, by name or from a file."""

import hashlib
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from napari_vdsr.errors import InputError, ModelError, check_progress, require_text
from napari_vdsr.zoo.formats import write_native
from napari_vdsr.zoo.registry import (
    Card,
    expanded,
    factors_in,
    registered,
    registered_as,
)
from napari_vdsr.zoo.user import user_cards
from napari_vdsr.zoo.weight_files import (
    bring,
    has_content,
    is_file_like,
    open_weights,
)

if TYPE_CHECKING:
    from napari_vdsr.imaging.resample import Kernel, Sampling
    from napari_vdsr.network import ConvStack
    from napari_vdsr.progress import Progress

_NEAR = 0.5


@dataclass(frozen=True, eq=False)
class Model:
    """A network that is ready for inference.

    Attributes
    ----------
    network : ConvStack
        On the CPU, in float32.
    name : str
        The word by which it is asked for.
    title : str
        The words shown to people.
    sha256 : str
        Of the file that it was read from; empty when it comes from no file.
    metadata : mapping of str to str
        What its file says about it: architecture, training, licence and so on.
    """

    network: "ConvStack"
    name: str
    title: str = ""
    sha256: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def equivariant(self) -> bool:
        """Whether results follow any affine change of the intensities."""
        return self.network.equivariant

    @property
    def kernel(self) -> "Kernel":
        """How images are enlarged before the network sees them, as in its training."""
        return "bilinear" if self.metadata.get("kernel") == "bilinear" else "bicubic"

    @property
    def sampling(self) -> "Sampling":
        """How the images were taken that it is made for."""
        from napari_vdsr.imaging.resample import SAMPLINGS

        told = self.metadata.get("sampling")
        return next((known for known in SAMPLINGS if known == told), "reduced")

    @property
    def only_factors(self) -> tuple[float, ...]:
        """The factors that it is made for where others make images worse: SRCNN's.

        Empty for models that serve any factor.
        """
        from napari_vdsr.network import SRCNN

        if not isinstance(self.network, SRCNN):
            return ()
        return factors_in(self.metadata.get("factors", ""))

    def serves(self, factors: Iterable[float]) -> bool:
        """Whether it is made for an enlargement.

        Parameters
        ----------
        factors : iterable of float
            Of Y and X.

        Returns
        -------
        bool
        """
        wanted = max(factors)  # of whole pixels, so that it is near what was asked for
        return not self.only_factors or any(
            abs(factor - wanted) < _NEAR for factor in self.only_factors
        )

    @property
    def halo(self) -> int:
        """Pixels around a region that its result depends on."""
        return self.network.halo

    @property
    def fingerprint(self) -> str:
        """Equal for models that compute the same, changed in memory or not."""
        digest = hashlib.sha256(f"{self.network!r} {self.kernel}".encode())
        for values in self.network.state_dict().values():
            digest.update(values.contiguous().numpy().tobytes())
        return digest.hexdigest()

    def save(self, path: str | Path) -> None:
        """Write the model as safetensors; an existing file is replaced.

        Parameters
        ----------
        path : str or Path
            The file to write, by custom ``.safetensors``.

        Raises
        ------
        FileError
            When the file cannot be written.
        """
        state = self.network.state_dict()
        write_native(expanded(path), state, self.described(), overwrite=True)

    def described(self) -> dict[str, str]:
        """The metadata, completed by what the network itself says."""
        network = self.network
        first, *_, last = network.layers
        return {
            **self.metadata,
            "architecture": type(network).__name__.lower(),
            "depth": str(network.depth),
            "features": str(first.out_channels),
            "channels": str(first.in_channels),
            "channels_out": str(last.out_channels),
            "bias": "true" if first.bias is not None else "false",
            "equivariant": "true" if network.equivariant else "false",
        }


def models() -> list[Card]:
    """List the models that can be asked for by name.

    Returns
    -------
    list of Card
        Those of the package, the default first, then the user's own. Nothing is
        fetched or loaded.

    Examples
    --------
    >>> models()[0].name
    'vdsr20-scanner'
    """
    return [*registered(), *user_cards()]


def find(name: str) -> Card:
    """Look up a model; where there is none, the error lists those that there are."""
    require_text("the name of a model", name)
    card = registered_as(name)
    if card is not None:
        return card
    cards = {card.name: card for card in models()}
    if name in cards:
        return cards[name]
    close = get_close_matches(name, cards, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise ModelError(f"there is no model {name!r}.{hint} There are: {', '.join(cards)}")


def fetch(name: str, *, progress: "Progress | None" = None) -> Path:
    """Make sure that the weights of a model are on this machine.

    Parameters
    ----------
    name : str
        Of a model in `napari_vdsr.zoo.models`.
    progress : tqdm-like, optional
        Told of every piece, in bytes. Raise `Cancelled` from its `update` to stop.

    Returns
    -------
    Path
        The file as it was published, its sha256 verified. Nothing is downloaded when
        it is there already.

    Raises
    ------
    FetchError
        When it can be had from none of its addresses; the message says from which,
        why, and where to put the file by hand.
    ModelError
        When there is no such model.
    """
    return _at_hand(find(name), progress)


def _at_hand(card: Card, progress: "Progress | None") -> Path:
    """The file of a model, fetched first if necessary."""
    if card.origin != "user" and not has_content(card.path, card.sha256):
        bring(card, progress)
    return card.path


def load_model(
    model: str | Path | Model, *, progress: "Progress | None" = None
) -> Model:
    """Load a model.

    Parameters
    ----------
    model : str, Path or Model
        A name in `napari_vdsr.zoo.models` or a file: safetensors, a checkpoint of
        PyTorch or the authors' MATLAB file. A model is returned as it is.
    progress : tqdm-like, optional
        Told of the download, in bytes, if the model has to be fetched first. Raise
        `Cancelled` from its `update` to stop.

    Returns
    -------
    Model
        Nothing in its file was run: only tensors are read. Its weights are its own;
        changing them changes no other model of that name.

    Raises
    ------
    ModelError
        When there is no such model, or its file holds none.
    FetchError
        When it has to be fetched and cannot be.
    FileError
        When the file cannot be read.

    Examples
    --------
    >>> load_model("vdsr20").network.depth
    20
    """
    check_progress(progress)
    shared = shared_model(model, progress=progress)
    if shared is model:
        return shared
    return Model(
        deepcopy(shared.network),
        shared.name,
        shared.title,
        shared.sha256,
        dict(shared.metadata),
    )


class _SharedModel(Model):
    """A model whose weights nobody changes, so that it is fingerprinted once."""

    @cached_property
    def fingerprint(self) -> str:
        return super().fingerprint


def shared_model(
    model: str | Path | Model, *, progress: "Progress | None" = None
) -> Model:
    """Load a model that others may be using, too: never change its weights.

    It is read once in a process, and again when its file has changed. Arguments and
    errors are those of `load_model`.
    """
    if isinstance(model, Model):
        return model
    if not isinstance(model, str | Path):
        raise InputError(
            f"a model is a name, a path or a Model, not a {type(model).__name__}"
        )
    if isinstance(model, Path) or is_file_name(model):
        return _read(expanded(model), Path(model).stem)
    card = find(model)
    return _read(_at_hand(card, progress), model, card)


def is_file_name(model: str) -> bool:
    """Whether a model is named by its file: no name of a model looks like one."""
    return is_file_like(model) or "/" in model or "\\" in model


def _read(path: Path, name: str, card: Card | None = None) -> Model:
    file = open_weights(path)
    network, metadata = file.decoded()
    if card is not None:
        metadata = _said_by(card) | metadata
    title = metadata.get("title") or name
    made = _SharedModel(network, name, title, file.sha256, metadata)
    kept: Model = file.models.setdefault(name, made)
    return kept


def _said_by(card: Card) -> dict[str, str]:
    """What a card says, for files that say nothing themselves."""
    names = ("title", "description", "licence", "source", "sampling")
    said = {name: getattr(card, name) for name in names}
    said["factors"] = ", ".join(map(str, card.factors))
    return {name: value for name, value in said.items() if value}
