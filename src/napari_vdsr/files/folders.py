"""Which files of a folder are images that can be read."""

import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from napari_vdsr.errors import FileError, VdsrWarning
from napari_vdsr.files.zarr_chunks import ZARR_SUFFIX, is_zarr

TIFF_SUFFIXES = (".tif", ".tiff", ".btf")
_TIFF_OF_MICROSCOPES = (".svs", ".ndpi", ".scn", ".bif", ".qptiff", ".lsm", ".stk")
RASTER_KINDS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".bmp": "BMP"}
_ZIPPED = (".zarr.zip", ".ozx")  # a zarr in one file
_READ = TIFF_SUFFIXES + _TIFF_OF_MICROSCOPES + tuple(RASTER_KINDS)
_NOT_READ = frozenset(  # images, which are not passed over in silence
    ".czi .lif .nd2 .oib .oif .oir .vsi .ims .dv .r3d .mrc .rec .dm3 .dm4 .ser .emd "
    ".mrxs .dcm .h5 .hdf5 .n5 .npy .npz .gif .webp .jp2 .j2k .jxl .heic .avif .psd "
    ".exr .tga .ppm .pgm .nii .nrrd .mha .fits .sld .zvi .lof .xlif .jpe .jfif .flex "
    ".obf .msr .ets .stl .pic .ome".split()
)


def list_images(
    folder: Path | str,
    *,
    unreadable: Callable[[OSError], object] | None = None,
    remark: Callable[[str], object] | None = None,
) -> list[Path]:
    """Images in a folder and the folders within it, in order of name.

    Files whose name ends like that of a TIFF, PNG, JPEG or BMP file, and folders whose
    name ends in ``.zarr``; hidden ones are passed over. Links to folders are not
    followed, and named. Of files that are one image
    together, the first one stands for all. Raises `FileError` when the folder cannot be
    read or holds no such file. A folder within it that cannot be read is an error as
    well, or told to `unreadable` and left out. Warns of images that are left out, or
    tells `remark` of them.
    """
    folder, remark = Path(folder), remark or _warn
    if not folder.is_dir():
        raise FileError(f"{folder} is not a folder")
    others: Counter[str] = Counter()
    links: list[str] = []
    try:
        found = sorted(_images_in(folder, unreadable, others, links))
    except OSError as error:
        raise FileError(f"cannot list {folder}: {error.strerror}") from error
    if not found:
        endings = ", ".join((*_READ, ZARR_SUFFIX))
        raise FileError(f"{folder} holds no image: none of its files ends in {endings}")
    if others:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(others.items()))
        remark(f"{folder}: {kinds} cannot be read and are left out")
    if links:
        more = ", …" * (len(links) > 5)
        remark(f"{folder}: links to folders are left out: {', '.join(links[:5])}{more}")
    return _once_a_set(folder, found, remark)


def _warn(message: str) -> None:
    warnings.warn(message, VdsrWarning, stacklevel=3)


def _once_a_set(
    folder: Path, images: list[Path], remark: Callable[[str], object]
) -> list[Path]:
    """The images without those that are read as parts of another one."""
    if sum(path.suffix.lower() in TIFF_SUFFIXES for path in images) < 2:
        return images
    from napari_vdsr.files.tiff_reader import members_of

    within = set(images)
    part_of: dict[Path, Path] = {}
    for path in images:
        if path in part_of or path.suffix.lower() not in TIFF_SUFFIXES:
            continue
        for other in members_of(path):
            if other in within and other != path:
                part_of.setdefault(other, path)
    for first in dict.fromkeys(part_of.values()):
        names = [path.name for path, of in part_of.items() if of == first]
        remark(
            f"{folder}: {len(names)} {'file is' if len(names) == 1 else 'files are'} "
            f"read with the image {first.name}, as a part of it: "
            f"{', '.join(names[:5])}{', …' * (len(names) > 5)}"
        )
    return [path for path in images if path not in part_of]


def _images_in(
    folder: Path,
    unreadable: Callable[[OSError], object] | None,
    others: Counter[str],
    links: list[str],
) -> Iterator[Path]:

    def refuse(error: OSError) -> None:
        if unreadable is None or error.filename in (None, str(folder)):
            raise error
        unreadable(error)

    for parent, folders, files in os.walk(folder, onerror=refuse):
        here = Path(parent)
        inner = [name for name in folders if not name.startswith(".")]
        zarrs = [name for name in inner if name.lower().endswith(ZARR_SUFFIX)]
        yield from (here / name for name in zarrs)
        # What lies within a zarr are its chunks: very many files.
        folders[:] = [
            name
            for name in inner
            if name not in zarrs and not _known(is_zarr, here / name, otherwise=False)
        ]
        links += [str(here / name) for name in folders if (here / name).is_symlink()]
        for name in files:
            path = here / name
            if name.startswith("."):
                continue
            others.update({path.suffix.lower()} & _NOT_READ)
            wanted = path.suffix.lower() in _READ or name.lower().endswith(_ZIPPED)
            # What cannot be looked at, as a link that leads nowhere, is named when it
            # is opened.
            if wanted and _known(_may_be_file, path, otherwise=True):
                yield path


def _may_be_file(path: Path) -> bool:
    return path.is_file() or not path.exists()


def _known(check: Callable[[Path], bool], path: Path, *, otherwise: bool) -> bool:
    """What a check says of a path, or something else where it is not permitted."""
    try:
        return check(path)
    except PermissionError:
        return otherwise


def result_name(source: Path) -> str:
    """A name for the result of an image: its own, where that can be written."""
    if source.suffix.lower() in _TIFF_OF_MICROSCOPES:
        return source.with_suffix(".tif").name
    for ending in _ZIPPED:
        if source.name.lower().endswith(ending):
            return source.name[: -len(ending)] + ZARR_SUFFIX
    return source.name


def result_places(images: Sequence[Path]) -> list[Path]:
    """The names of all results of a folder, as if they lay beside their sources."""
    places = [image.with_name(result_name(image)) for image in images]
    wanted = Counter(places)
    return [
        # a.svs and a.lsm: the full names differ
        image.with_name(f"{image.name}{place.suffix}")
        if wanted[place] > 1 and place != image
        else place
        for image, place in zip(images, places, strict=True)
    ]
