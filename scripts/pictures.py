"""Draw every picture of the documentation again, into ``docs/images``.

`make pictures` runs it. Where there is no screen, Xvfb is used.
"""

import subprocess
import sys
from pathlib import Path

SCRIPTS = Path(__file__).parent
IMAGES = SCRIPTS.parent / "docs" / "images"


def main() -> None:
    """Draw all of them."""
    run("demo.py", "--output", str(IMAGES / "demo.png"))


def run(script: str, *arguments: str) -> None:
    """Run a script of this folder, with the Python that runs this one."""
    subprocess.run([sys.executable, SCRIPTS / script, *arguments], check=True)


if __name__ == "__main__":
    main()
