"""Loading models, with a progress bar while one is fetched."""

from contextlib import AbstractContextManager

from napari_vdsr import api
from napari_vdsr.cli.console import progress_bar
from napari_vdsr.progress import Progress
from napari_vdsr.zoo import Model


def fetching_bar(name: object) -> AbstractContextManager[Progress]:
    """A bar that is seen while a model is fetched."""
    return progress_bar(f"fetching {name}", "B")


def loaded_model(name: str) -> Model:
    """Load a model by name or file, fetching it first if necessary.

    Raises `ModelError` when there is no such model or it cannot be fetched.
    """
    with fetching_bar(name) as bar:
        return api.load_model(name, progress=bar)
