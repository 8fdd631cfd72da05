"""Draw every picture of the documentation again, into ``docs/images``.

`make pictures` runs it. The panels need a screen, real or of Xvfb.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"


def main() -> None:
    """Run the scripts that draw them."""
    demo = ROOT / "scripts" / "demo.py"
    run(sys.executable, str(demo), "--output", str(IMAGES / "demo.png"))
    run(sys.executable, str(ROOT / "docs" / "believe_pictures.py"))
    virtual_screen = ["xvfb-run", "-a", "-s", "-screen 0 1920x1200x24"]
    on_screen = virtual_screen if sys.platform == "linux" else []
    scripts = ("make", "fluorescence", "psnr", "training")
    for script in scripts:
        run(*on_screen, sys.executable, str(ROOT / "docs" / f"{script}_screenshots.py"))


def run(*command: str) -> None:
    """Run a command at the top of the repository and stop when it fails."""
    subprocess.run(command, check=True, cwd=ROOT)


if __name__ == "__main__":
    main()
