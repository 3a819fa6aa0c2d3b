"""The steps of a restore in place share the snapshot that was read last."""

from pathlib import Path

import pytest
from tests.unit.operations.restored import RestoredVault
from tests.unit.vault.written_trees import Thing, ThingTree

from rebond.operations.recovery.last_reader import LastReader
from rebond.operations.recovery.parts import Source

THINGS = ThingTree((b"", [(b"file", Thing(b"top"))]))


@pytest.fixture
def place(tmp_path: Path) -> RestoredVault:
    return RestoredVault(tmp_path)


def test_one_step_after_the_other_takes_the_same_and_within_one_another_they_do_not(place: RestoredVault) -> None:
    record, readers = place.save(THINGS), LastReader()
    source = Source(vault=place.vault(), record=record, readers=readers)
    with source.reading() as first, source.reading() as inner:
        assert inner is not first
    with source.reading() as second:
        assert second is first
    readers.close()
    readers.close()
    with source.reading() as third:
        assert third is not first
    readers.close()


def test_another_snapshot_or_a_minute_later_is_opened_anew(place: RestoredVault) -> None:
    records, readers, vault = [place.save(THINGS), place.save(THINGS)], LastReader(), place.vault()
    old, new = (Source(vault=vault, record=each, readers=readers) for each in records)
    with old.reading() as first:
        assert first.record.snapshot == records[0].snapshot
    with new.reading() as second:
        assert second.record.snapshot == records[1].snapshot
    place.clock.advance(59)
    with new.reading() as still:
        assert still is second
    place.clock.advance(2)
    with new.reading() as again:
        assert again is not second
    readers.close()


def test_a_step_that_fails_gives_its_reader_back(place: RestoredVault) -> None:
    readers = LastReader()
    source = Source(vault=place.vault(), record=place.save(THINGS), readers=readers)
    with pytest.raises(ValueError, match="step"), source.reading() as first:
        raise ValueError("step")
    with source.reading() as second:
        assert second is first
    readers.close()
