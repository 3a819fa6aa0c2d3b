"""Where a transaction is looked for: also in what ends on another timeline than the one that was looked through."""

from types import SimpleNamespace
from typing import cast

from rebond.operations.physical.archived_log import ArchivedLog, SegmentId
from rebond.operations.physical.places import _find_mark
from rebond.operations.physical.reaching import Window
from rebond.operations.physical.targets import Target, TargetKind
from rebond.sources.postgres_physical.wal_records import Mark


def test_what_begins_in_the_last_segment_of_one_way_is_found_where_it_ends() -> None:
    commit = Mark("commit", 395, 40, 777)
    log = SimpleNamespace(segment_bytes=100, list_marks=lambda them, place: [commit] if place + 1 < len(them) else [])
    both = tuple(SegmentId(1, number) for number in (3, 4))
    target, looked_at = Target(kind=TargetKind.XID, number=777), set[SegmentId]()

    def find(segments: tuple[SegmentId, ...]) -> Mark | None:
        window = cast("Window", SimpleNamespace(segments=segments, since_lsn=300))
        return _find_mark(cast("ArchivedLog", log), window, target, looked_at)

    assert find(both[:1]) is None  # the next one is not there yet
    assert find(both) == commit
