"""Where a transaction is looked for: also in what ends on another timeline than the one that was looked through."""

from types import SimpleNamespace
from typing import cast

import pytest

from rebond.errors import VaultDamaged
from rebond.operations.physical.archived_log import ArchivedLog, SegmentId
from rebond.operations.physical.places import _find_marks
from rebond.operations.physical.reaching import Window
from rebond.operations.physical.targets import Target, TargetKind
from rebond.sources.postgres_physical.wal_records import Mark


def test_what_begins_in_the_last_segment_of_one_way_is_found_where_it_ends() -> None:
    commit = Mark("commit", 395, 40, 777)
    log = SimpleNamespace(segment_bytes=100, list_marks=lambda them, place: [commit] if place + 1 < len(them) else [])
    both = tuple(SegmentId(1, number) for number in (3, 4))
    target, looked_at = Target(kind=TargetKind.XID, number=777), set[SegmentId]()

    def find(segments: tuple[SegmentId, ...]) -> list[Mark]:
        window = cast("Window", SimpleNamespace(segments=segments, since_lsn=300))
        return _find_marks(cast("ArchivedLog", log), window, target, looked_at)

    assert find(both[:1]) == []  # the next one is not there yet
    assert find(both) == [commit]


def test_damage_behind_a_restore_point_hides_none_before_it() -> None:
    point = Mark("point", 310, 40, name="deploy")

    def list_marks(_: object, place: int) -> list[Mark]:
        if place == 1:
            raise VaultDamaged("It is rotten.")
        return [point]

    log = cast("ArchivedLog", SimpleNamespace(segment_bytes=100, list_marks=list_marks))
    segments = tuple(SegmentId(1, number) for number in (3, 4, 5))
    target = Target(kind=TargetKind.NAME, name="deploy")

    def find(behind: int) -> list[Mark]:
        window = cast("Window", SimpleNamespace(segments=segments, since_lsn=behind))
        return _find_marks(log, window, target, set())

    assert find(300) == [point]
    with pytest.raises(VaultDamaged):
        find(320)
