"""Names of models that are to be trained."""

from itertools import count

from napari_vdsr.errors import VdsrError
from napari_vdsr.plugin.jobs import sentence
from napari_vdsr.plugin.model.settings import FieldError
from napari_vdsr.plugin.training.unfinished import is_begun
from napari_vdsr.zoo import models
from napari_vdsr.zoo.user import free_path


def free_name(stem: str = "trained") -> str:
    """Find a name that no model has, by adding a number to the stem."""
    taken = {card.name.lower() for card in models()}
    names = (f"{stem[:60]}-{number}" for number in count(1))
    return next(n for n in names if n.lower() not in taken and not is_begun(n))


def check_name(name: str) -> None:
    """Raise FieldError when a model's name cannot be used or is taken."""
    try:
        free_path(name)
    except VdsrError as error:
        raise FieldError("name", sentence(error)) from error
    if is_begun(name):
        msg = (
            f"There is a training '{name}' that is not finished: resume or discard "
            "it, or choose another name."
        )
        raise FieldError("name", msg)
