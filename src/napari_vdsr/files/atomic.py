"""Writing a file so that it is there complete or not at all, under a possible name."""

import contextlib
import errno
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from napari_vdsr.errors import FileError

_LONGEST_NAME = 255  # bytes
# Names that Windows keeps for devices, with any ending.
_DEVICES = re.compile("con|prn|aux|nul|(?:com|lpt)[0-9¹²³]", re.IGNORECASE)
_LONGEST_STEM = 200  # bytes of a name, so that an ending and a number fit
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NOTHING_WRITTEN = "Nothing was written; free some space or choose another disk"


@contextlib.contextmanager
def replacing(target: Path, *, overwrite: bool) -> Iterator[Path]:
    """Write to a temporary file beside a target, then move it into place.

    Yields a new empty file to write to. It is moved to `target` when the block ends,
    and removed when the block raises. Raises `FileError` when it cannot be written, the
    disk is full, or the target exists and `overwrite` is false.
    """
    target = resolved(target)  # a link keeps pointing to the file
    name = bounded_name(target.name)
    temporary = target.with_name(f".{name}.{secrets.token_hex(4)}.part")
    try:
        with writing_to(target, _NOTHING_WRITTEN):
            temporary.open("xb").close()  # with the permissions that a new file gets
            yield temporary
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            _move(temporary, target, overwrite=overwrite)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def resolved(path: Path) -> Path:
    """Where a path leads; `FileError` when it is too long or a circle of links."""
    with writing_to(path, _NOTHING_WRITTEN):
        with contextlib.suppress(FileNotFoundError):
            path.stat()
        return path.resolve()


def check_place(path: Path) -> None:
    """Raise `FileError` unless a file of this name can be made in its folder."""
    length = len(os.fsencode(path.name))
    if length > _LONGEST_NAME:
        raise FileError(
            f"cannot write {path}: its name has {length} bytes, and {_LONGEST_NAME} "
            "are allowed: choose a shorter one"
        )
    folder = path.absolute().parent
    with writing_to(path, _NOTHING_WRITTEN):
        if not folder.is_dir():
            what = "is no folder" if os.path.lexists(folder) else "does not exist"
            raise FileError(
                f"cannot write {path}: there is no such folder ({folder} {what})"
            )
        if not os.access(resolved(path).parent, os.W_OK | os.X_OK):
            raise FileError(f"cannot write {path}: no permission to write in {folder}")


def make_folder(folder: Path) -> Path:
    """Make a folder, and those that it lies in, unless it is there already."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"cannot make the folder {folder}: {error.strerror}") from error
    return folder


@contextlib.contextmanager
def locked(lock: Path, when_taken: str) -> Iterator[None]:
    """Hold a lock, a file beside what is written; `FileError` if another run does.

    The lock is the system's, so that it ends with this process, however that ends.
    """
    from filelock import FileLock, Timeout

    held = FileLock(lock, timeout=0)
    with writing_to(lock, _NOTHING_WRITTEN):
        try:
            held.acquire()
        except Timeout as error:
            raise FileError(when_taken) from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # Windows removes it when it is released
            lock.unlink()
        held.release()


def bounded_name(name: str, most: int = 200) -> str:
    """A name that fits into a number of bytes, so that more can be put round it.

    File systems allow 255 bytes, and a letter takes up to four. A name that is cut ends
    in a checksum: different names stay different, and equal ones equal.
    """
    encoded = os.fsencode(name)
    if len(encoded) <= most:
        return name
    checksum = hashlib.sha256(encoded).hexdigest()[:16]
    return f"{encoded[: most - 17].decode(errors='ignore')}-{checksum}"


def file_name(name: str) -> str:
    """A name of anything without what names of files cannot have, without an ending."""
    plain = "".join(c if c.isprintable() else " " for c in name).strip()
    plain = "".join("_" if c in '/\\:*?"<>|' else c for c in plain)
    plain = plain.encode()[:_LONGEST_STEM].decode(errors="ignore").strip(" .")
    plain = plain or "image"
    device = _DEVICES.fullmatch(plain.partition(".")[0].strip())
    return f"_{plain}" if device else plain


def free_paths(names: Iterable[str], place: Callable[[str], Path]) -> list[Path]:
    """The place of a file for each name; equal names are numbered."""
    paths: list[Path] = []
    for name in map(file_name, names):
        path, number = place(name), 1
        while path in paths:
            number += 1
            path = place(f"{name} {number}")
        paths.append(path)
    return paths


@contextlib.contextmanager
def writing_to(place: Path, when_full: str) -> Iterator[None]:
    """Turn an `OSError` into a `FileError`; `when_full` says what to do then."""
    try:
        yield
    except FileError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        # numpy reports a short write without a number: "n requested and m written"
        if error.errno in _FULL or "requested and" in str(error):
            reason = f"the disk is full or a size limit is reached. {when_full}"
        raise FileError(f"cannot write {place}: {reason}") from error


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
    """Say that a file exists and what to do about it."""
    return f"{target} exists already: choose another name, or allow --overwrite"


def check_space(folder: Path, needed: int) -> None:
    """Raise `FileError` when a disk has less than `needed` bytes free."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise FileError(
            f"{folder} has {free / 1e6:,.1f} MB free, but the result needs about "
            f"{needed / 1e6:,.1f} MB: free some space or choose another disk"
        )
