"""Writing a file so that it is there whole or not at all."""

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from napari_vdsr.errors import FileError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextlib.contextmanager
def replacing(target: Path, *, overwrite: bool) -> Iterator[Path]:
    """Write to a temporary file beside a target, then move it into place.

    Parameters
    ----------
    target : Path
        The file to make.
    overwrite : bool
        Whether an existing target may be replaced.

    Yields
    ------
    Path
        A new empty file to write to. It is moved to `target` when the block ends,
        and removed when the block raises.

    Raises
    ------
    FileError
        When the file cannot be written, the disk is full or the target exists.
    """
    target = target.resolve()  # a link keeps pointing to the file
    temporary = target.with_name(f".{target.name[:200]}.{secrets.token_hex(4)}.part")
    try:
        temporary.open("xb").close()  # with the permissions that a new file gets
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        _move(temporary, target, overwrite=overwrite)
    except OSError as error:
        if isinstance(error, FileError):
            raise
        raise FileError(_reason(target, error)) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _move(temporary: Path, target: Path, *, overwrite: bool) -> None:
    if not overwrite:
        try:
            os.link(temporary, target)  # fails if somebody made the target meanwhile
        except FileExistsError as error:
            raise FileError(already_there(target)) from error
        except OSError:  # no hard links on this file system
            if target.exists():
                raise FileError(already_there(target)) from None
            os.replace(temporary, target)
    else:
        if target.exists():
            shutil.copymode(target, temporary)
        os.replace(temporary, target)
    if os.name == "posix":  # so that the new name outlives a power cut as well
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def already_there(target: Path) -> str:
    """Say that a file exists and what to do about it.

    Parameters
    ----------
    target : Path
        The file.

    Returns
    -------
    str
        A message for the user.
    """
    return f"{target} exists already: choose another name, or allow --overwrite"


def is_full(error: OSError) -> bool:
    """Whether an error says that there is no room for more.

    Parameters
    ----------
    error : OSError
        Of writing a file.

    Returns
    -------
    bool
    """
    # numpy reports a short write without an error number: "n requested and m written"
    return error.errno in _FULL or "requested and" in str(error)


def _reason(target: Path, error: OSError) -> str:
    if is_full(error):
        return (
            f"cannot write {target}: the disk is full or a size limit is reached. "
            "Nothing was written; free some space or choose another disk"
        )
    return f"cannot write {target}: {error.strerror or error}"


def check_space(folder: Path, needed: int) -> None:
    """Make sure that a disk has room for a file.

    Parameters
    ----------
    folder : Path
        Where the file goes.
    needed : int
        Estimated size of the file, in bytes.

    Raises
    ------
    FileError
        When less is free.
    """
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise FileError(
            f"{folder} has {free / 1e6:,.1f} MB free, but the result needs about "
            f"{needed / 1e6:,.1f} MB: free some space or choose another disk"
        )
