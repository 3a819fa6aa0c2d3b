"""A drill that would take the memory or the disk of what it protects is refused beforehand."""

import pathlib

import pytest

from rebond.errors import RestoreError
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
