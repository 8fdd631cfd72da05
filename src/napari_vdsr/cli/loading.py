"""Models loaded for a command, with a bar while one is fetched."""

from napari_vdsr import api
from napari_vdsr.cli.console import progress_bar
from napari_vdsr.zoo import Model


def loaded_model(name: str) -> Model:
    """Load a model, fetching it first if need be.

    Parameters
    ----------
    name : str
        A name or a file.

    Returns
    -------
    Model

    Raises
    ------
    ModelError
        When there is no such model or it cannot be had.
    """
    with progress_bar(f"fetching {name}", "B") as bar:
        return api.load_model(name, progress=bar)
