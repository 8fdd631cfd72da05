"""The command `napari-vdsr`: one subcommand for each public function."""

from napari_vdsr.cli.running import main

__all__ = ["main"]
