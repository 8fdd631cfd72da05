"""`napari-vdsr bench`: how fast this machine enlarges images."""

from typing import Annotated

import typer

from napari_vdsr.cli.console import note, print_json, show
from napari_vdsr.cli.options import Json, option


def bench(
    device: Annotated[
        list[str] | None,
        option("A device; may be given several times.  [default: all there are]"),
    ] = None,
    largest: Annotated[
        int | None,
        option(
            "Output pixels per edge of the largest image; smaller ones are "
            "halves of it.  [default: 1024 on the CPU, 8192 elsewhere]",
            min=64,
        ),
    ] = None,
    repeats: Annotated[
        int, typer.Option(min=1, help="Timed rounds; medians are shown.")
    ] = 3,
    as_json: Json = False,
) -> None:
    """Measure speed and memory, this program's way and the usual one in turn.

    The usual way is that of published VDSR code: the whole image at once, in
    float32, by torch as it comes. Both enlarge a uint16 image twice with the
    20-layer network, from host memory to host memory. The limit is what a large
    matrix product reaches on the same device in the same run.

    For instance:

        napari-vdsr bench

        napari-vdsr bench --device cuda --largest 8192 --json
    """
    from napari_vdsr.benchmark import bench as measure

    found = measure(device or (), largest=largest, repeats=repeats, say=note)
    if as_json:
        print_json(found.to_json())
    else:
        show(found.to_text())
