"""The user's own models: imported or trained, in a folder of theirs."""

import re
from pathlib import Path

from napari_vdsr.errors import FileError, InputError, ModelError, require_text
from napari_vdsr.files.atomic import file_name, make_folder
from napari_vdsr.zoo.formats import read_metadata
from napari_vdsr.zoo.registry import Card, factors_in, registered, user_folder
from napari_vdsr.zoo.weight_files import FileCache, is_file_like

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_WORDS = ("description", "architecture", "sampling", "licence", "source")
_metadata = FileCache(read_metadata, most=1000)


def user_cards() -> list[Card]:
    """List the user's own models, in order of name."""
    try:
        paths = sorted(user_folder().glob("*.safetensors"))
    except OSError:
        return []
    # A link to a file that is gone is no model, and must not hide the others.
    return [
        _card(path)
        for path in paths
        if path.is_file() and not path.name.startswith(".")
    ]


def _card(path: Path) -> Card:
    try:
        said = _metadata(path)
        size = path.stat().st_size
    except (ModelError, OSError) as error:
        said, size = {"description": str(error)}, 0
    return Card(
        name=path.stem,
        title=said.get("title") or path.stem,
        factors=factors_in(said.get("factors", "")),
        **{word: said.get(word, "") for word in _WORDS},
        scores=(),
        size=size,
        sha256="",
        urls=(),
        origin="user",
        path=path,
        here=True,
    )


def free_path(name: str) -> Path:
    """Where a model of the user with a new name is to be written.

    InputError says which names can be used, or that there is one already.
    """
    require_text("the name", name)
    if not _NAME.fullmatch(name) or is_file_like(name) or file_name(name) != name:
        raise InputError(
            f"the name is {name!r}: use 1 to 64 letters, digits, dots, dashes and "
            "underscores, the first a letter or digit, the last no dot, no ending of "
            "a file and no device of Windows such as con or nul"
        )
    # Some file systems do not tell upper from lower case.
    taken = {card.name.lower() for card in (*registered(), *user_cards())}
    if name.lower() in taken:
        raise InputError(f"there is a model {name!r} already: choose another name")
    return make_folder(user_folder()) / f"{name}.safetensors"


def rename_model(name: str, new_name: str) -> Card:
    """Give a model of the user another name.

    Parameters
    ----------
    name, new_name : str
        As it is and as it is to be.

    Returns
    -------
    Card
        Under its new name.

    Raises
    ------
    InputError
        When the model is not the user's own, or the new name cannot be used.
    FileError
        When the file cannot be moved.
    """
    card = _own(name)
    return _card(_moved(card.path, free_path(new_name)))


def remove_model(name: str) -> Path:
    """Take a model of the user out of the lists.

    Parameters
    ----------
    name : str
        Of a model that the user imported or trained.

    Returns
    -------
    Path
        Where its file is now: in a folder ``removed`` beside the others.

    Raises
    ------
    InputError
        When the model is not the user's own.
    FileError
        When the file cannot be moved.
    """
    card = _own(name)
    folder = make_folder(card.path.parent / "removed")
    target, count = folder / card.path.name, 1
    while target.exists():
        count += 1
        target = folder / f"{name}-{count}.safetensors"
    return _moved(card.path, target)


def _moved(path: Path, target: Path) -> Path:
    try:
        return path.rename(target)
    except OSError as error:
        raise FileError(f"cannot move {path} to {target}: {error.strerror}") from error


def _own(name: str) -> Card:
    require_text("the name of a model", name)
    cards = {card.name: card for card in user_cards()}
    if name not in cards:
        own = ", ".join(cards) or "none yet"
        raise InputError(f"{name!r} is not one of your own models: {own}")
    return cards[name]
