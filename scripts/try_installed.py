"""Try what a user of the installed package has: Python, shell and manifest."""

import re
import subprocess
import sys
from importlib.metadata import metadata
from pathlib import Path

import numpy as np
from npe2 import PluginManifest

import napari_vdsr


def main() -> None:
    """Fail at the first thing that does not work."""
    image = np.add.outer(40 * np.arange(20), 30 * np.arange(30)).astype(np.uint16)
    result = napari_vdsr.upscale(image, 2)
    assert result.shape == (40, 60)
    assert result.dtype == np.uint16
    # Weights that were lost on the way would not leave a ramp a ramp.
    assert abs(result.mean() - image.mean()) < 5

    command = Path(sys.executable).with_name("napari-vdsr")
    shown = subprocess.run(
        [command, "--help"], check=True, capture_output=True, text=True
    )
    assert "upscale" in shown.stdout

    # The package page shows the README without the repository around it.
    page = str(metadata("napari-vdsr").get_payload())
    assert "](" in page
    assert not re.findall(r"\]\((?!https://|#)[^)]*\)", page)

    manifest = PluginManifest.from_distribution("napari-vdsr")
    assert manifest.contributions.widgets
    print(f"napari-vdsr {napari_vdsr.__version__} works from {napari_vdsr.__file__}")


if __name__ == "__main__":
    main()
