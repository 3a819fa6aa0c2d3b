"""Records that a full disk did not take: they count meanwhile, and are written once there is room."""

import errno
import pathlib

import pytest

from rebond.schedule.records import JobRecord, Records
from rebond.service.known_records import KnownRecords
from rebond.testing.manual_clock import ManualClock


def test_what_a_full_disk_did_not_take_is_written_once_there_is_room(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records, clock = Records(tmp_path), ManualClock()
    known = KnownRecords(records, clock)
    known.write("weekly", JobRecord(taken_ms=1))

    def fail(name: str, record: JobRecord) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(records, "write", fail)
        known.write("weekly", JobRecord(taken_ms=2))
    assert known.read("weekly") == JobRecord(taken_ms=2)
    assert known.faults, "it is tried once a minute"
    clock.advance(61)
    assert known.read("weekly") == JobRecord(taken_ms=2) == records.read("weekly")
    assert not known.faults
