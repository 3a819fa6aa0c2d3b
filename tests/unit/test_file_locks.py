"""Locks that another process does not give back."""

import fcntl
import os
import pathlib
from collections.abc import Iterator

import pytest

from rebond import file_locks
from rebond.file_locks import LockHeld, wait_for_file_lock
from rebond.testing.manual_clock import ManualClock


@pytest.fixture
def own(tmp_path: pathlib.Path) -> Iterator[int]:
    descriptor = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    yield descriptor
    os.close(descriptor)


@pytest.fixture
def other(tmp_path: pathlib.Path, own: int) -> Iterator[int]:
    descriptor = os.open(tmp_path / "lock", os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    yield descriptor
    os.close(descriptor)


def test_who_holds_a_lock_for_too_long_is_named(own: int, other: int) -> None:
    clock = ManualClock()
    began = clock.monotonic()

    with pytest.raises(LockHeld) as held:
        wait_for_file_lock(own, clock)

    assert held.value.pid == os.getpid()
    assert str(os.getpid()) in str(held.value)
    assert file_locks.PATIENCE_SECONDS <= clock.monotonic() - began < 2 * file_locks.PATIENCE_SECONDS


def test_a_lock_that_is_given_back_in_time_is_taken(own: int, other: int) -> None:
    class Patient(ManualClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if self.monotonic() > 1005:
                fcntl.flock(other, fcntl.LOCK_UN)

    wait_for_file_lock(own, Patient())

    with pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_where_nobody_can_tell_who_holds_it_nobody_is_accused(own: int) -> None:
    assert file_locks.find_holder(own) == 0
    assert "another process" in str(LockHeld(0))
