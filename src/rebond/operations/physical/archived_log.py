"""The log of one cluster as a vault has it: segment by segment, along the timelines that lead from one to another."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence

from msgspec import Struct

from rebond.errors import WalGap
from rebond.operations.wal.coverage import Coverage, survey_wal
from rebond.operations.wal.fetching import fetch_wal, read_history
from rebond.operations.wal.tails import list_tails
from rebond.sources.postgres.wal_names import Switch, history_name, is_partial, parse_segment_name, segment_name
from rebond.sources.postgres_physical.wal_records import CutRecord, Mark, ScannedSegment, finish_record, scan_segment
from rebond.vault.access import Vault

_KEPT_SEGMENTS, _KEPT_SCANS = 2, 8  # in memory


class SegmentId(Struct, frozen=True, order=True):
    """One segment of a timeline, by its number."""

    timeline: int
    number: int


class Leg(Struct, frozen=True, kw_only=True):
    """The part of a timeline that is replayed: up to ``end``, where the next one left it; ``None`` is all there is."""

    timeline: int
    end: int | None


class ArchivedLog:
    """What a vault has of a cluster's log. Looked at once: what comes later is not seen."""

    def __init__(self, vault: Vault, system_id: int, segment_bytes: int) -> None:
        """Raises ``StoreError`` and ``VaultDamaged``."""
        self._vault = vault
        self.system_id = system_id
        self.segment_bytes = segment_bytes
        self.coverage: Coverage = survey_wal(vault, system_id)
        unfinished = {each.name for each in self.coverage.files if is_partial(each.name)} | list_tails(vault, system_id)
        self._unfinished = {SegmentId(*parse_segment_name(each, segment_bytes)) for each in unfinished}
        self._contents: OrderedDict[SegmentId, bytes] = OrderedDict()
        self._scanned: OrderedDict[SegmentId, ScannedSegment] = OrderedDict()
        self._histories: dict[int, tuple[Switch, ...]] = {}

    def has(self, segment: SegmentId) -> bool:
        """Say whether a segment is there, also as the unfinished end of its timeline."""
        found = self.coverage.timelines.get(segment.timeline)
        if found is not None and found.has(segment.number):
            return True
        # One with later ones behind it was not finished here but lost: that is a hole.
        return segment in self._unfinished and (found is None or segment.number > found.last)

    def name_of(self, segment: SegmentId) -> str:
        """Return the name of its file."""
        return segment_name(segment.timeline, segment.number, self.segment_bytes)

    def read(self, segment: SegmentId) -> bytes:
        """Return a segment, checked. Raises ``WalGap`` when it is not there, ``VaultDamaged``, ``StoreError``."""
        if segment in self._contents:
            self._contents.move_to_end(segment)
            return self._contents[segment]
        content = fetch_wal(self._vault, self.system_id, self.name_of(segment))
        if content is None:
            raise missing_segment(self.name_of(segment))
        self._contents[segment] = content
        while len(self._contents) > _KEPT_SEGMENTS:
            self._contents.popitem(last=False)
        return content

    def list_marks(self, segments: Sequence[SegmentId], place: int) -> tuple[Mark, ...]:
        """Return what one of some segments that follow one another says of moments. Raises as ``read`` does.

        What begins in it and ends in the next is its own, and is left out where the next is not there.
        """
        scanned = self._scan(segments[place])
        if scanned.cut is None or not scanned.cut.may_be_mark:
            return scanned.marks
        mark, _ = self._finish(scanned.cut, segments, place)
        return scanned.marks if mark is None else (*scanned.marks, mark)

    def find_last_record(self, segments: Sequence[SegmentId], place: int) -> int | None:
        """Return where the last record begins that begins in a segment and is whole; ``None`` where none is."""
        scanned = self._scan(segments[place])
        if scanned.cut is not None and self._finish(scanned.cut, segments, place)[1]:
            return scanned.cut.lsn
        return scanned.last_lsn

    def _scan(self, segment: SegmentId) -> ScannedSegment:
        if segment not in self._scanned:
            self._scanned[segment] = scan_segment(self.read(segment), segment.number * self.segment_bytes)
            while len(self._scanned) > _KEPT_SCANS:
                self._scanned.popitem(last=False)
        return self._scanned[segment]

    def _finish(self, cut: CutRecord, segments: Sequence[SegmentId], place: int) -> tuple[Mark | None, bool]:
        numbers = range(place + 1, len(segments))
        following = ((self.read(segments[each]), segments[each].number * self.segment_bytes) for each in numbers)
        return finish_record(cut, following)

    def read_history_file(self, timeline: int) -> bytes:
        """Return the file that says where a timeline comes from, byte for byte. Raises ``WalGap``."""
        content = fetch_wal(self._vault, self.system_id, history_name(timeline))
        if content is None:
            raise missing_segment(history_name(timeline))
        return content

    def list_legs(self, timeline: int) -> list[Leg]:
        """Return the way to a timeline from the first one on. Raises ``WalGap`` when its history is not there."""
        if timeline not in self._histories:
            self._histories[timeline] = read_history(self._vault, self.system_id, timeline)
        return [
            *(Leg(timeline=each.timeline, end=each.lsn) for each in self._histories[timeline]),
            Leg(timeline=timeline, end=None),
        ]

    def list_timelines(self) -> list[int]:
        """Return the timelines that are known, the newest last."""
        return sorted({*self.coverage.timelines, *self.coverage.histories})

    def walk(self, legs: list[Leg], start: int) -> Iterator[SegmentId]:
        """Yield the segments from a position on along the legs, without end; whether they are there is not asked.

        Where a timeline was left, its last segment is the next one's, which begins with a copy of it.
        """
        number = start // self.segment_bytes
        for leg in legs:
            if leg.end is None:
                while True:
                    yield SegmentId(leg.timeline, number)
                    number += 1
            while number < leg.end // self.segment_bytes:
                yield SegmentId(leg.timeline, number)
                number += 1


def missing_segment(name: str) -> WalGap:
    """Return the error for a file that recovery cannot do without."""
    return WalGap(
        "{name} is missing in the vault: recovery cannot go past it.",
        hint="'rebond wal status' lists every gap; restore to a moment before this one.",
        name=name,
    )


def find_legs(log: ArchivedLog, timeline: int, position: int, target_timeline: int) -> list[Leg] | None:
    """Return the legs from a timeline at a position to another; ``None`` when that one left it earlier, or never."""
    legs = log.list_legs(target_timeline)
    for place, leg in enumerate(legs):
        if leg.timeline == timeline:
            return legs[place:] if leg.end is None or position <= leg.end else None
    return None
