"""A line of a restore's journal is whole or was never written, whoever looks meanwhile and whatever the disk does."""

import errno
import os
from pathlib import Path
from types import ModuleType

import pytest

from rebond.errors import RestoreError
from rebond.operations.recovery import journal as journal_module
from rebond.operations.recovery import reserve
from rebond.operations.recovery.journal import Event, Journal
from rebond.operations.recovery.known_runs import look_at_runs
from rebond.testing.manual_clock import ManualClock


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    made = Journal.begin(tmp_path, "0" * 16, {}, ManualClock())
    made.write(Event.STEP_BEGINS, step=1, kind="put", subject="media")
    return made


def test_who_only_looks_leaves_a_line_that_is_being_written(journal: Journal, tmp_path: Path) -> None:
    lines = next(each for each in journal.folder.iterdir() if b"media" in each.read_bytes())
    whole = lines.read_bytes()
    lines.write_bytes(whole + whole[:20])

    (seen,) = look_at_runs(tmp_path, ManualClock()).whole
    assert [each.event for each in seen.entries()] == [each.event for each in journal.entries()]
    assert lines.read_bytes() == whole + whole[:20]

    with seen.held():
        assert lines.read_bytes() == whole  # nobody writes it now: it was cut
        seen.write(Event.KEPT)
    assert [each.event for each in Journal(journal.folder, ManualClock()).entries()][-1] == Event.KEPT


def test_half_a_line_on_a_full_disk_does_not_spoil_the_next(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    write, calls = os.write, 0

    def fill_up(descriptor: int, content: bytes) -> int:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, content[: len(content) // 2])

    with journal.held(), monkeypatch.context() as full:
        full.setattr(os, "write", fill_up)
        with pytest.raises(RestoreError):
            journal.write(Event.STEP_FAILS, step=1, kind="put", subject="media")
    assert calls == 3  # once more, when the reserve was given up
    with journal.held():
        journal.write(Event.ROLLING_BACK)

    events = [each.event for each in Journal(journal.folder, ManualClock()).entries()]
    assert events[-2:] == [Event.STEP_BEGINS, Event.ROLLING_BACK]


def test_a_disk_that_fills_up_in_the_same_run_leaves_room_for_its_undoing(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write

    def fill_up(descriptor: int, content: bytes) -> int:
        if len(content) > 10:
            return write(descriptor, content[:10])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with journal.held():
        with monkeypatch.context() as full:
            full.setattr(os, "write", fill_up)
            with pytest.raises(RestoreError):
                journal.write(Event.STEP_FAILS, step=1, kind="put", subject="media")
        journal.write(Event.ROLLED_BACK)  # without letting go in between

    events = [each.event for each in Journal(journal.folder, ManualClock()).entries()]
    assert events[-2:] == [Event.STEP_BEGINS, Event.ROLLED_BACK]


@pytest.mark.parametrize("module", [reserve, journal_module])
def test_a_run_for_which_the_disk_has_no_room_never_began(
    module: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill_up(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as full:
        full.setattr(module, "write_durably", fill_up)
        with pytest.raises(RestoreError):
            Journal.begin(tmp_path, "0" * 16, {}, ManualClock())
    assert (look_at_runs(tmp_path, ManualClock()).whole, os.listdir(tmp_path)) == ((), [])
    Journal.begin(tmp_path, "0" * 16, {}, ManualClock())
    assert len(look_at_runs(tmp_path, ManualClock()).whole) == 1
