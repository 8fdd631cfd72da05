"""Free memory: that of the machine, or less within a container."""

from pathlib import Path

import psutil
import pytest

from napari_vdsr import memory
from napari_vdsr.errors import FileError
from napari_vdsr.files.opening import check_memory

GIGABYTE = 1 << 30


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the folder of the system's control groups; this process is in none."""
    monkeypatch.setattr(memory, "_ALL_GROUPS", tmp_path / "groups")
    monkeypatch.setattr(memory, "_OWN_GROUPS", tmp_path / "own")
    return tmp_path / "groups"


def make(folder: Path, **files: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(f"{content}\n")


def version_2(folder: Path, limit: object, used: int, cached: int) -> None:
    stat = f"anon 7\ninactive_file {cached}\nactive_file 3"
    make(folder, memory__max=limit, memory__current=used, memory__stat=stat)


def version_1(folder: Path, limit: int, used: int, cached: int) -> None:
    stat = f"inactive_file 5\ntotal_inactive_file {cached}"
    values = {"limit_in_bytes": limit, "usage_in_bytes": used, "stat": stat}
    make(folder, **{f"memory__{name}": value for name, value in values.items()})


def machine() -> int:
    return psutil.virtual_memory().available + psutil.swap_memory().free


def test_without_groups_it_is_that_of_the_machine(groups: Path) -> None:
    assert memory.free_memory() == pytest.approx(machine(), rel=0.3)


@pytest.mark.parametrize("inside", [True, False], ids=["namespace", "path"])
def test_a_limit_of_version_2_counts(inside: bool, groups: Path) -> None:
    (groups.parent / "own").write_text("0::/docker/abc\n")
    folder = groups if inside else groups / "docker" / "abc"
    version_2(folder, 3_000_000, 2_500_000, 400_000)
    assert memory.free_memory() == 900_000


def test_the_least_of_the_groups_around_it_counts(groups: Path) -> None:
    (groups.parent / "own").write_text("0::/slice/job/step\n")
    version_2(groups / "slice" / "job" / "step", "max", 100, 0)
    version_2(groups / "slice" / "job", 1_000_000, 999_000, 0)
    version_2(groups / "slice", 50_000_000, 3_000_000, 0)
    assert memory.free_memory() == 1000
    version_2(groups / "slice" / "job", 1_000_000, 1_000_001, 0)
    assert memory.free_memory() == 0


@pytest.mark.parametrize("inside", [True, False], ids=["namespace", "path"])
def test_a_limit_of_version_1_counts(inside: bool, groups: Path) -> None:
    (groups.parent / "own").write_text(
        "9:name=systemd:/\n4:cpu,cpuacct:/x\n3:memory:/docker/abc\n0::/\n"
    )
    folder = groups / "memory" / ("" if inside else "docker/abc")
    version_1(folder, 2_000_000, 1_500_000, 100_000)
    assert memory.free_memory() == 600_000


def test_no_limit_is_none(groups: Path) -> None:
    (groups.parent / "own").write_text("3:memory:/\n0::/\n")
    version_1(groups / "memory", (1 << 63) - 4096, GIGABYTE, 0)
    assert memory.free_memory() == pytest.approx(machine(), rel=0.3)


def test_what_is_read_has_to_fit_into_the_container(groups: Path) -> None:
    (groups.parent / "own").write_text("0::/\n")
    version_2(groups, GIGABYTE, GIGABYTE // 2, 0)
    with pytest.raises(FileError, match=r"needs 1\.1 GB of memory, but 0\.5 GB are"):
        check_memory("a.tif", GIGABYTE)
