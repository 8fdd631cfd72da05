"""Write the command line's own help into the documentation.

What the page shows is what ``--help`` prints, so the two cannot disagree.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Plain text; the frames that rich draws are for terminals. Read by typer's import.
os.environ["TYPER_USE_RICH"] = "0"

import typer
from sphinx.application import Sphinx
from typer.testing import CliRunner

from napari_vdsr.cli.running import application

command_line = application()


def setup(sphinx: Sphinx) -> dict[str, Any]:
    """Have the page written before the documentation is read."""
    sphinx.connect("builder-inited", write_reference)
    return {"parallel_read_safe": True}


def write_reference(sphinx: Sphinx) -> None:
    """Write ``generated/command-line.md``, which a page includes."""
    sections = [
        f"## `{' '.join(('napari-vdsr', *path))}`\n\n```text\n{help_of(path)}\n```\n"
        for path in paths(typer.main.get_command(command_line))
    ]
    folder = Path(sphinx.srcdir) / "generated"
    folder.mkdir(exist_ok=True)
    (folder / "command-line.md").write_text("\n".join(sections), encoding="utf-8")


def paths(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Give the words of every command, the program itself first."""
    yield path
    for name, child in getattr(command, "commands", {}).items():
        yield from paths(child, (*path, name))


def help_of(path: tuple[str, ...]) -> str:
    """Give what a command prints about itself, 80 characters wide."""
    arguments = [*path, "--help"]
    result = CliRunner().invoke(
        command_line, arguments, env={"COLUMNS": "80"}, prog_name="napari-vdsr"
    )
    assert result.exit_code == 0, result.output
    return result.output.strip()
