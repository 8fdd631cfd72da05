"""Somebody changes an unfinished OME-Zarr: it is noticed, never taken for good."""

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import zarr
from streaming_helpers import (
    Once,
    as_if_stopped,
    files_of,
    noise,
    plain_zarr,
    stream,
    tiny_model,
)

from napari_vdsr import psnr
from napari_vdsr.errors import FileError
from napari_vdsr.files import read_image
from napari_vdsr.files.ome_zarr_writer import part_of
from napari_vdsr.files.partial_zarr import Counts
from napari_vdsr.zoo import Model

VERSIONS = ("0.4", "0.5")

Run = Callable[..., Counts]


@pytest.fixture(scope="module")
def model() -> Model:
    return tiny_model()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("source") / "in.zarr"
    return plain_zarr(path, noise((300, 320)))


@pytest.fixture(scope="module")
def run(source: Path, model: Model) -> Run:
    """Enlarge the image into the place that is given."""
    return partial(stream, source, model=model, axes="YX")


@pytest.fixture(scope="module")
def made(run: Run, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Give the complete image in each version."""
    folder = tmp_path_factory.mktemp("made")
    made = {version: folder / version / "out.zarr" for version in VERSIONS}
    for version, target in made.items():
        target.parent.mkdir()
        run(target, version=version)
    return made


@pytest.fixture
def stop(made: dict[str, Path], tmp_path: Path) -> Callable[[str], Path]:
    """Give what makes an image that was all but finished, and gives its place."""

    def make(version: str) -> Path:
        target = tmp_path / "out.zarr"
        shutil.copytree(made[version], target)
        as_if_stopped(target)
        return target

    return make


def chunk_of(part: Path, version: str, level: int, *index: int) -> Path:
    return part.joinpath(
        str(level), *(["c"] if version == "0.5" else []), *map(str, index)
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_chunks_that_were_swapped_are_made_again(
    version: str,
    stop: Callable[[str], Path],
    made: dict[str, Path],
    run: Run,
) -> None:
    target = stop(version)
    first = chunk_of(part_of(target), version, 0, 0, 0)
    other = chunk_of(part_of(target), version, 1, 0, 0)
    kept = first.read_bytes()
    first.write_bytes(other.read_bytes())
    other.write_bytes(kept)
    counts = run(target, version=version)
    assert (counts.good, counts.damaged, counts.missing) == (3, 2, 0)
    assert files_of(target) == files_of(made[version])


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def rewritten(key: str, value: object) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        content = json.loads(path.read_text())
        assert key in content
        path.write_text(json.dumps({**content, key: value}))

    return change


CHANGES: dict[str, tuple[str, str, Callable[[Path], None]]] = {
    "lost": ("0.5", "zarr.json", Path.unlink),
    "lost level": ("0.5", "1/zarr.json", Path.unlink),
    "cut": ("0.5", "zarr.json", cut),
    "cut level": ("0.5", "0/zarr.json", cut),
    "no JSON": ("0.5", "0/zarr.json", lambda path: path.write_bytes(b"\xff\0{")),
    "dtype": ("0.5", "0/zarr.json", rewritten("data_type", "int16")),
    "shape": ("0.5", "0/zarr.json", rewritten("shape", [599, 640])),
    "fill": ("0.5", "0/zarr.json", rewritten("fill_value", 7)),
    "codec": ("0.5", "0/zarr.json", rewritten("codecs", [{"name": "bytes"}])),
    "group": ("0.5", "zarr.json", rewritten("zarr_format", 2)),
    "old lost": ("0.4", ".zattrs", Path.unlink),
    "old empty": ("0.4", "0/.zarray", emptied),
    "old dtype": ("0.4", "0/.zarray", rewritten("dtype", "<i2")),
    "old order": ("0.4", "0/.zarray", rewritten("order", "F")),
    "old codec": ("0.4", "0/.zarray", rewritten("compressor", None)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_metadata_that_were_changed_are_named_and_a_new_start_is_offered(
    change: str,
    stop: Callable[[str], Path],
    made: dict[str, Path],
    run: Run,
) -> None:
    version, name, damage = CHANGES[change]
    target = stop(version)
    damage(part_of(target) / name)
    with pytest.raises(FileError, match=f"is damaged .its {name} .* allow --overwrite"):
        run(target, version=version)
    assert not target.exists()
    counts = run(target, version=version, overwrite=True)
    assert counts.good == 0
    assert files_of(target) == files_of(made[version])


def test_what_it_was_begun_for_has_to_be_known(
    stop: Callable[[str], Path], run: Run
) -> None:
    target = stop("0.5")
    rewritten("attributes", {})(part_of(target) / "zarr.json")
    with pytest.raises(FileError, match="does not say what it was begun for"):
        run(target)


def test_a_part_without_its_list_and_metadata_can_be_begun_anew(
    stop: Callable[[str], Path], run: Run
) -> None:
    target = stop("0.5")
    part = part_of(target)
    (part / "0" / ".zsums").unlink()
    (part / "zarr.json").unlink()
    own = part / "notes.txt"
    own.write_bytes(b"mine")
    with pytest.raises(FileError, match="its metadata are damaged"):
        run(target, overwrite=True)
    assert own.read_bytes() == b"mine"
    own.unlink()
    with pytest.raises(FileError, match=r"metadata are damaged.*allow --overwrite"):
        run(target)
    assert run(target, overwrite=True).missing == 5


def test_a_part_may_be_given_another_name(
    stop: Callable[[str], Path], run: Run
) -> None:
    target = stop("0.5")
    other = target.with_name("better.zarr")
    part_of(target).rename(part_of(other))
    assert run(other).good == 5
    ome = zarr.open_group(str(other), mode="r").attrs["ome"]
    assert ome["multiscales"][0]["name"] == "better"


@pytest.mark.parametrize("content", [None, b"", b"x" * 30, b"\0" * 40])
def test_chunks_that_are_not_listed_are_made_again(
    content: bytes | None,
    stop: Callable[[str], Path],
    made: dict[str, Path],
    run: Run,
) -> None:
    target = stop("0.5")
    listed = part_of(target) / "0" / ".zsums"
    listed.unlink()
    if content is not None:
        listed.write_bytes(content)
    counts = run(target)
    assert (counts.good, counts.missing) == (1, 4)
    assert files_of(target) == files_of(made["0.5"])


def test_checksums_that_were_damaged_cost_their_chunks_alone(
    stop: Callable[[str], Path], made: dict[str, Path], run: Run
) -> None:
    target = stop("0.5")
    listed = part_of(target) / "0" / ".zsums"
    listed.write_bytes(flipped(listed.read_bytes(), 9))
    counts = run(target)
    assert (counts.good, counts.damaged, counts.missing) == (4, 1, 0)
    assert files_of(target) == files_of(made["0.5"])


@pytest.mark.parametrize("content", [None, b"", b"x" * 50])
def test_checksums_that_go_when_their_level_is_done_are_there_in_the_end(
    content: bytes | None, made: dict[str, Path], run: Run, tmp_path: Path
) -> None:
    target = tmp_path / "out.zarr"
    listed = part_of(target) / "0" / ".zsums"

    def change() -> None:
        listed.unlink()
        if content is not None:
            listed.write_bytes(content)

    run(target, progress=Once(4, change))
    assert files_of(target) == files_of(made["0.5"])


def test_a_list_of_checksums_that_cannot_be_written_is_named(
    stop: Callable[[str], Path], made: dict[str, Path], run: Run
) -> None:
    target = stop("0.5")
    listed = part_of(target) / "0" / ".zsums"
    listed.unlink()
    listed.mkdir()
    with pytest.raises(FileError, match="cannot write"):
        run(target)
    listed.rmdir()
    assert run(target).missing == 4
    assert files_of(target) == files_of(made["0.5"])


@pytest.mark.parametrize("chunks", [1, 4])
@pytest.mark.parametrize("lost", ["", "0", "0/zarr.json", "zarr.json", "0/c/0/0"])
def test_what_is_removed_while_it_is_written_is_missed(
    chunks: int,
    lost: str,
    made: dict[str, Path],
    run: Run,
    tmp_path: Path,
) -> None:
    target = tmp_path / "out.zarr"

    def remove() -> None:
        path = part_of(target) / lost
        path.unlink() if path.is_file() else shutil.rmtree(path)

    with pytest.raises(FileError, match=r"missing|was removed"):
        run(target, progress=Once(chunks, remove))
    assert not target.exists()
    try:
        run(target)
    except FileError as error:
        assert "is damaged" in str(error)
        run(target, overwrite=True)
    assert files_of(target) == files_of(made["0.5"])


@pytest.mark.parametrize("version", VERSIONS)
def test_one_flipped_bit_of_a_result_is_noticed(
    version: str, made: dict[str, Path], tmp_path: Path
) -> None:
    target = tmp_path / "out.zarr"
    shutil.copytree(made[version], target)
    chunk = chunk_of(target, version, 0, 0, 0)
    whole = chunk.read_bytes()
    for place in range(0, len(whole), len(whole) // 40):
        chunk.write_bytes(flipped(whole, place))
        for path in (target, target / "0"):
            with pytest.raises(FileError, match=r"cannot read .*damaged"):
                read_image(path)
    with pytest.raises(FileError, match=r"cannot read .*damaged"):
        psnr(target, made[version])
    chunk.write_bytes(whole)
    assert psnr(target, made[version]).mean == np.inf


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :]


@pytest.mark.parametrize("version", VERSIONS)
def test_what_another_program_changed_is_read_when_that_was_meant(
    version: str, made: dict[str, Path], tmp_path: Path
) -> None:
    target = tmp_path / "out.zarr"
    shutil.copytree(made[version], target)
    zarr.open_array(str(target / "0"), mode="r+")[...] = 7
    sums = target / "0" / ".zsums"
    with pytest.raises(FileError, match=f"If that was meant, remove {sums}"):
        read_image(target)
    sums.write_bytes(sums.read_bytes()[:-8])
    with pytest.raises(FileError, match="its number of chunks is not as it was"):
        read_image(target)
    sums.unlink()
    assert (read_image(target).array == 7).all()


def test_a_chunk_that_a_level_lost_is_not_made_up(
    made: dict[str, Path], tmp_path: Path
) -> None:
    target = tmp_path / "out.zarr"
    shutil.copytree(made["0.5"], target)
    chunk_of(target, "0.5", 0, 0, 1).unlink()
    for path in (target, target / "0"):
        with pytest.raises(FileError, match=r"chunk (0/)?c/0/1 is missing"):
            read_image(path)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_zarr_with_somebodys_own_file_is_not_replaced(
    version: str, made: dict[str, Path], run: Run, tmp_path: Path
) -> None:
    whole = made[version]
    target = tmp_path / "out.zarr"
    shutil.copytree(whole, target)
    for name in ("notes.txt", "0/c/mask.png", "1/roi/cells.zip"):
        own = target / name
        own.parent.mkdir(exist_ok=True, parents=True)
        own.write_bytes(b"mine")
        with pytest.raises(FileError, match=f"also holds {name}, .*no part of a zarr"):
            run(target, version=version, overwrite=True)
        assert own.read_bytes() == b"mine"
        own.unlink()
    run(target, version=version, overwrite=True)
    assert files_of(target) == files_of(whole)


def test_an_own_file_that_comes_meanwhile_is_kept_too(run: Run, tmp_path: Path) -> None:
    target = tmp_path / "out.zarr"
    zarr.create_array(str(target), data=np.zeros((2, 2)))
    own = target / "notes.txt"
    progress = Once(2, lambda: own.write_bytes(b"mine"))
    with pytest.raises(FileError, match=r"also holds notes\.txt"):
        run(target, overwrite=True, progress=progress)
    assert own.read_bytes() == b"mine"
    own.unlink()
    counts = run(target, overwrite=True)
    assert counts.missing == 0


@pytest.mark.parametrize("dtype", ["longlong", "ulonglong", "int64", "uint64"])
def test_whole_numbers_of_64_bits_are_stored(
    dtype: str, model: Model, tmp_path: Path
) -> None:
    import tifffile

    path = tmp_path / "in.tif"
    tifffile.imwrite(path, noise((20, 30), dtype))
    stream(path, tmp_path / "out.zarr", model, axes="YX")
    array = zarr.open_array(str(tmp_path / "out.zarr" / "0"))
    assert array.dtype == np.dtype(dtype)
    assert array.shape == (40, 60)
