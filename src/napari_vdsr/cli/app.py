"""All subcommands in one program."""

from typing import Annotated

import typer

from napari_vdsr.cli.bench import bench
from napari_vdsr.cli.console import show
from napari_vdsr.cli.describe import describe
from napari_vdsr.cli.evaluate import evaluate
from napari_vdsr.cli.info import info
from napari_vdsr.cli.models import app as models
from napari_vdsr.cli.psnr import psnr
from napari_vdsr.cli.train import train
from napari_vdsr.cli.upscale import upscale
from napari_vdsr.version import __version__

app = typer.Typer(
    name="napari-vdsr",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="markdown",
)
app.command("upscale")(upscale)
app.command("describe")(describe)
app.command("psnr")(psnr)
app.command("evaluate")(evaluate)
app.command("train")(train)
app.add_typer(models, name="models")
app.command("bench")(bench)
app.command("info")(info)


def _print_version(wanted: bool) -> None:
    if wanted:
        show(__version__)
        raise typer.Exit


@app.callback()
def program(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Print the version and leave.",
        ),
    ] = False,
) -> None:
    """Super-resolution you can measure.

    Results go to standard output, messages and progress to standard error.
    Exit status: 0 done, 1 failed, 2 wrong arguments, 130 interrupted.
    """
