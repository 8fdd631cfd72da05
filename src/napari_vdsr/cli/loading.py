"""Loading models, with a progress bar while one is fetched."""

from napari_vdsr import api
from napari_vdsr.cli.console import progress_bar
from napari_vdsr.zoo import Model


def loaded_model(name: str) -> Model:
    """Load a model by name or file, fetching it first if necessary.

    Raises `ModelError` when there is no such model or it cannot be fetched.
    """
    with progress_bar(f"fetching {name}", "B") as bar:
        return api.load_model(name, progress=bar)
