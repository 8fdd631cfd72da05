"""Which files of a folder are images that can be read."""

from pathlib import Path

from napari_vdsr.errors import FileError

__all__ = ["RASTER_SUFFIXES", "TIFF_SUFFIXES", "list_images"]

TIFF_SUFFIXES = (".tif", ".tiff", ".btf")
RASTER_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")


def list_images(folder: Path | str) -> list[Path]:
    """Find the images in a folder and the folders within it.

    Parameters
    ----------
    folder : path
        Where to look. Hidden files and folders are passed over.

    Returns
    -------
    list of Path
        Files whose name ends like a TIFF, PNG, JPEG or BMP file, in order of name.

    Raises
    ------
    FileError
        When the folder cannot be read or holds no such file.
    """
    folder = Path(folder)
    if not folder.is_dir():
        msg = f"{folder} is not a folder"
        raise FileError(msg)
    suffixes = TIFF_SUFFIXES + RASTER_SUFFIXES
    try:
        found = [
            path
            for path in sorted(folder.rglob("*"))
            if path.suffix.lower() in suffixes
            and not any(part.startswith(".") for part in path.relative_to(folder).parts)
            and path.is_file()
        ]
    except OSError as error:
        msg = f"cannot list {folder}: {error.strerror}"
        raise FileError(msg) from error
    if not found:
        endings = ", ".join(suffixes)
        msg = f"{folder} holds no image: none of its files ends in {endings}"
        raise FileError(msg)
    return found
