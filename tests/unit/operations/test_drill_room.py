"""A drill that would take the memory or the disk of what it protects is refused beforehand."""

import pathlib

import pytest

from rebond.errors import RestoreError
from rebond.operations.drills.memory_groups import find_room_of_groups
from rebond.operations.drills.room import SPARE_BYTES, Room, check_room, find_room

MB = 1 << 20


def room(*, disk: int = 10_000 * MB, memory: int | None = 10_000 * MB, is_in_memory: bool = False) -> Room:
    return Room(disk_bytes=disk, memory_bytes=memory, is_in_memory=is_in_memory)


def test_memory_that_would_not_suffice_is_named_and_nothing_is_restored(tmp_path: pathlib.Path) -> None:
    with pytest.raises(RestoreError) as refused:
        check_room(tmp_path, room(memory=300 * MB), disk_bytes=MB, memory_bytes=256 * MB)
    assert "of memory" in refused.value.message
    assert "nothing was restored" in refused.value.message
    assert "--sample" in refused.value.hint
    check_room(tmp_path, room(memory=256 * MB + SPARE_BYTES), disk_bytes=MB, memory_bytes=256 * MB)


def test_a_disk_that_is_memory_counts_as_memory(tmp_path: pathlib.Path) -> None:
    enough = room(memory=1000 * MB)
    check_room(tmp_path, enough, disk_bytes=900 * MB, memory_bytes=256 * MB)
    with pytest.raises(RestoreError, match="of memory"):
        check_room(tmp_path, room(memory=1000 * MB, is_in_memory=True), disk_bytes=900 * MB, memory_bytes=256 * MB)


def test_a_disk_that_would_not_suffice_is_named(tmp_path: pathlib.Path) -> None:
    with pytest.raises(RestoreError, match="is free there; nothing was restored"):
        check_room(tmp_path, room(disk=100 * MB), disk_bytes=MB, memory_bytes=MB)


def test_where_memory_cannot_be_told_it_refuses_nothing(tmp_path: pathlib.Path) -> None:
    check_room(tmp_path, room(memory=None), disk_bytes=MB, memory_bytes=1 << 50)


def test_this_machine_is_looked_at(tmp_path: pathlib.Path) -> None:
    found = find_room(tmp_path)
    assert found.disk_bytes > 0
    assert found.memory_bytes is None or 0 < found.memory_bytes < 1 << 60
    assert find_room(pathlib.Path("/dev/shm")).is_in_memory


def make_group(folder: pathlib.Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"memory.{name}").write_text(text + "\n")


def test_the_tightest_of_the_groups_above_a_process_counts(tmp_path: pathlib.Path) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("0::/system.slice/rebond.service\n")
    groups = tmp_path / "sys/fs/cgroup"
    make_group(groups, stat="active_file 5")
    make_group(groups / "system.slice", max="900", current="500", stat="anon 10\nactive_file 60\ninactive_file 40")
    make_group(groups / "system.slice/rebond.service", max="max", current="100", stat="anon 10")
    assert find_room_of_groups(tmp_path) == [500]


def test_groups_of_the_first_version_are_asked_too(tmp_path: pathlib.Path) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("5:cpu:/\n4:memory,hugetlb:/jobs/a b\n0::/\n")
    top = tmp_path / "sys/fs/cgroup/memory"
    wide = {"limit_in_bytes": str(2**63 - 4096), "usage_in_bytes": "4096", "stat": "total_active_file 7"}
    make_group(top, **wide)
    make_group(
        top / "jobs/a b", limit_in_bytes="1000", usage_in_bytes="900", stat="active_file 1\ntotal_active_file 50"
    )
    assert min(find_room_of_groups(tmp_path)) == 150
    assert len(find_room_of_groups(tmp_path)) == 2


def test_a_container_that_sees_its_own_group_as_the_topmost_is_limited_by_it(tmp_path: pathlib.Path) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("0::/docker/0123abc\n")
    make_group(tmp_path / "sys/fs/cgroup", max="300", current="100", stat="")
    assert find_room_of_groups(tmp_path) == [200]


def test_where_there_are_no_groups_nothing_is_limited(tmp_path: pathlib.Path) -> None:
    assert find_room_of_groups(tmp_path) == []
