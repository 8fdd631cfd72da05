"""What is printed: results to standard output, all else to standard error."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from napari_vdsr.progress import Progress


def note(message: str) -> None:
    """Tell the user something, on standard error.

    Parameters
    ----------
    message : str
        Shown behind the name of the program.
    """
    if "tqdm" in sys.modules:  # a bar is perhaps on the screen: write above it
        from tqdm import tqdm

        with tqdm.external_write_mode(file=sys.stderr):
            print(f"napari-vdsr: {message}", file=sys.stderr)
    else:
        print(f"napari-vdsr: {message}", file=sys.stderr)


def print_json(result: dict[str, Any]) -> None:
    """Print the one JSON object that ``--json`` asks for.

    Parameters
    ----------
    result : dict
        Of plain values.
    """
    show(json.dumps(result, indent=2, allow_nan=False))


def show(text: str) -> None:
    """Print a result on standard output.

    Parameters
    ----------
    text : str
        Lines for people or programs.
    """
    # At once, so that typer notices when whoever reads it has had enough.
    print(text, flush=True)


@contextmanager
def progress_bar(description: str, unit: str = "px") -> Iterator[Progress]:
    """Show a bar on standard error, if somebody can see it.

    Parameters
    ----------
    description : str
        Stands before the bar.
    unit : str
        What is counted.

    Yields
    ------
    Progress
        The bar, which disappears when the block ends.
    """
    from tqdm import tqdm

    bar: tqdm[Any] = tqdm(
        desc=description,
        unit=unit,
        unit_scale=unit in ("px", "B"),
        leave=False,
        file=sys.stderr,
        disable=None,
    )
    with bar:
        yield bar
