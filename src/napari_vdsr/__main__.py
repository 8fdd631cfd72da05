"""`python -m napari_vdsr` is the command `napari-vdsr`."""

import sys

from napari_vdsr.cli import main

if __name__ == "__main__":
    sys.exit(main())
