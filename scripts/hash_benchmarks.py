"""Make the list by which benchmark images are recognised in training sets.

    python scripts/hash_benchmarks.py ../shared/data/images

prints a 64-bit fingerprint and a name for each image of Set5, Set14 and B100.
"""

import sys
from pathlib import Path

from napari_vdsr.files import list_images
from napari_vdsr.images.open_any import opened
from napari_vdsr.training.dataset import fingerprint
from napari_vdsr.training.planes import colours_first, luminance


def main(folder: Path) -> None:
    """Print the list.

    Parameters
    ----------
    folder : Path
        Holds the folders Set5, Set14 and B100.
    """
    print("# fingerprints of benchmark images, made by scripts/hash_benchmarks.py")
    for name in ("Set5", "Set14", "B100"):
        for path in list_images(folder / name):
            with opened(path) as image:
                plane = luminance(colours_first(image.whole(), image.rgb))[0]
            digits = fingerprint(plane)
            print(f"{digits:016x} {name}/{path.stem.removesuffix('_GT')}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
