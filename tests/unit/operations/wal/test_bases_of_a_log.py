"""Whether a base leads to the log that a server writes now: without one nothing of it can be brought back."""

import dataclasses
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.unit.operations.test_snapshots import OLD
from tests.unit.operations.wal.archived import Archived, set_stage

from rebond.operations.physical.leading import has_base
from rebond.operations.wal.coverage import survey_wal
from rebond.sources.postgres.wal_names import stream_of_segments
from rebond.testing.wal_segments import SYSTEM_ID
from rebond.vault.snapshots import SnapshotRecord


@pytest.fixture
def stage(tmp_path: Path) -> Archived:
    return set_stage(tmp_path)


def make_base(timeline: int, last: int) -> SnapshotRecord:
    """Return a snapshot that says which segments it needs."""
    needs = [(stream_of_segments(SYSTEM_ID, timeline), last, last)]
    return replace(OLD, catalog=replace(OLD.catalog, needs=needs))


def ask(stage: Archived, records: list[SnapshotRecord], timeline: int, role: str = "writer") -> bool | None:
    return has_base(stage.open(role), "site", records, survey_wal(stage.open(), SYSTEM_ID), timeline)


def test_a_base_in_the_newest_unbroken_range_leads_there_and_an_older_one_does_not(stage: Archived) -> None:
    stage.push(1, [1, 2, 5, 6])

    assert ask(stage, [make_base(1, 5)], 1) is True
    assert ask(stage, [], 1) is False
    assert ask(stage, [make_base(1, 2)], 1, "owner") is False


def test_a_base_before_what_is_on_its_way_leads_on(stage: Archived) -> None:
    stage.push(1, [1, 2, 5, 6])
    found = survey_wal(stage.open(), SYSTEM_ID)
    coming = dataclasses.replace(
        found, timelines={1: dataclasses.replace(found.timelines[1], ranges=((1, 6),), begins_ms=(), ends_ms=())}
    )

    assert has_base(stage.open("writer"), "site", [make_base(1, 2)], coming, 1) is True
    assert has_base(stage.open("writer"), "site", [], coming, 1) is False


def test_what_only_the_history_tells_is_not_guessed_without_the_key(stage: Archived) -> None:
    stage.push(1, [1, 2])
    stage.push_history()
    stage.push(2, [8])

    assert ask(stage, [make_base(1, 2)], 2, "writer") is None
    assert ask(stage, [make_base(1, 2)], 2, "owner") is False
    assert ask(stage, [make_base(1, 2)], 3, "owner") is None  # nothing of it came yet
