"""`napari-vdsr models`: list, fetch, import, export, rename, remove, path."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_vdsr.cli.console import fetching_bar, note, print_json, show, show_result
from napari_vdsr.cli.options import Json, named_path

if TYPE_CHECKING:
    from napari_vdsr.zoo import Model

app = typer.Typer(no_args_is_help=True, help="List, fetch, import and export models.")

Name = Annotated[str, typer.Argument(help="Name of a model, as `list` shows it.")]


@app.command("list")
def list_models(as_json: Json = False) -> None:
    """List the models: those of the package and your own.

    For instance:

        napari-vdsr models list

        napari-vdsr models list --json
    """
    from napari_vdsr.zoo import models

    cards = models()
    if as_json:
        print_json({"models": [card.to_dict() for card in cards]})
        return
    width = max(len(card.name) for card in cards)
    for card in cards:
        where = "here" if card.here else f"needs {card.size / 1e6:.1f} MB"
        own = ", your own" if card.origin == "user" else ""
        show(f"{card.name:<{width}}  {card.title} ({where}{own})")
        show(f"{'':<{width}}  {card.text}")


@app.command()
def fetch(name: Name, as_json: Json = False) -> None:
    """Fetch a model, so that it can be used without a network.

    Models are fetched by themselves when they are first used; this does it ahead.
    The content is verified. NAPARI_VDSR_CACHE names another folder to keep it in,
    NAPARI_VDSR_WEIGHTS_URL a mirror or folder to look in first.

    For instance:

        napari-vdsr models fetch vdsr20-kim2016
    """
    from napari_vdsr.zoo import fetch

    with fetching_bar(name) as bar:
        path = fetch(name, progress=bar)
    show_result({"name": name, "path": str(path)}, str(path), as_json)


@app.command("import")
def import_model(
    file: Annotated[
        Path,
        typer.Argument(
            parser=named_path,
            help="A .safetensors, .pth, .pt or the authors' .mat file.",
        ),
    ],
    name: Annotated[
        str | None,
        typer.Option(help="What to call it; by default the name of the file."),
    ] = None,
    title: Annotated[
        str | None, typer.Option(help="A few words that lists show.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Add weights from a file to your own models.

    Only tensors are read; nothing in the file is run.

    For instance:

        napari-vdsr models import model_epoch_50.pth --name mine
    """
    from napari_vdsr.zoo import import_model

    card = import_model(file, name, title=title)
    if not as_json:
        note(f"imported as {card.name}")
    show_result(card.to_dict(), str(card.path), as_json)


@app.command("export")
def export_model(
    name: Annotated[str, typer.Argument(help="Name or file of a model.")],
    file: Annotated[
        Path,
        typer.Argument(parser=named_path, help="What to write: .safetensors or .onnx."),
    ],
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing file.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write a model to a file for other programs.

    For instance:

        napari-vdsr models export vdsr20 vdsr20.onnx
    """
    from napari_vdsr.zoo import export_model

    with fetching_bar(name) as bar:
        path = export_model(name, file, overwrite=overwrite, progress=bar)
    show_result({"name": name, "path": str(path)}, str(path), as_json)


@app.command()
def rename(
    name: Name,
    new_name: Annotated[str, typer.Argument(help="What to call it from now on.")],
    as_json: Json = False,
) -> None:
    """Give one of your own models another name.

    For instance:

        napari-vdsr models rename mine mitochondria
    """
    from napari_vdsr.zoo import rename_model

    card = rename_model(name, new_name)
    show_result(card.to_dict(), str(card.path), as_json)


@app.command()
def remove(name: Name, as_json: Json = False) -> None:
    """Take one of your own models out of the list; its file is kept.

    For instance:

        napari-vdsr models remove mine
    """
    from napari_vdsr.zoo import remove_model

    path = remove_model(name)
    if not as_json:
        note(f"{name} is no longer listed; its file is kept")
    show_result({"name": name, "path": str(path)}, str(path), as_json)


@app.command()
def path(as_json: Json = False) -> None:
    """Print the folders of fetched models and of your own.

    For instance:

        napari-vdsr models path
    """
    from napari_vdsr.zoo import cache_folder, user_folder

    folders = {"cache": str(cache_folder()), "models": str(user_folder())}
    text = f"fetched   {folders['cache']}\nyour own  {folders['models']}"
    show_result(folders, text, as_json)


def loaded_model(name: str) -> "Model":
    """Load a model by name or file, fetching it first if necessary.

    Raises `ModelError` when there is no such model or it cannot be fetched.
    """
    from napari_vdsr import api

    with fetching_bar(name) as bar:
        return api.load_model(name, progress=bar)
