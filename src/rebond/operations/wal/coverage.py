"""Which segments of a write-ahead log lie in a vault: unbroken ranges, holes, histories; and the proof of a range."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from rebond.errors import ObjectMissing, WalGap
from rebond.identifiers import DomainId, ObjectName
from rebond.sources.postgres.wal_names import (
    format_lsn,
    history_name,
    is_history,
    parse_stream,
    segment_name,
    stream_of_cluster,
    stream_of_segments,
    timeline_of,
)
from rebond.store.protocol import ObjectInfo
from rebond.vault.access import Vault
from rebond.vault.stream_catalogue import ListedStream, list_domains, list_streams, read_record
from rebond.vault.stream_items import StreamRecord, stream_item_name
from rebond.vault.streams import open_contents, open_item

PREFIX = "wal/"


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineCoverage:
    """What is there of one timeline. ``ranges`` are numbers of segments, first and last, in order, not touching.

    ``begins_ms`` is the store time of the first segment of each range, ``ends_ms`` that of the last one.
    """

    timeline: int
    ranges: tuple[tuple[int, int], ...]
    begins_ms: tuple[int, ...] = ()
    ends_ms: tuple[int, ...] = ()
    stored_bytes: int = 0
    newest_ms: int = 0

    @property
    def first(self) -> int:
        """The number of the first segment."""
        return self.ranges[0][0]

    @property
    def last(self) -> int:
        """The number of the last segment, whatever is missing before it."""
        return self.ranges[-1][1]

    def holes(self, *, since_ms: int = 0) -> list[tuple[int, int]]:
        """Return what is missing between the first segment and the last: first and last number of each hole.

        Holes that ended before ``since_ms`` are left out: clean-up makes such between old backups that are kept.
        """
        begins_ms = self.begins_ms or (since_ms,) * len(self.ranges)
        found = zip(self.ranges, self.ranges[1:], begins_ms[1:], strict=False)
        return [(before[1] + 1, after[0] - 1) for before, after, begin_ms in found if begin_ms >= since_ms]

    def missing(self, first: int, last: int) -> list[int]:
        """Return the numbers from ``first`` to ``last`` that are not there."""
        return [number for number in range(first, last + 1) if not self.has(number)]

    def has(self, number: int) -> bool:
        """Say whether a segment is there."""
        return any(first <= number <= last for first, last in self.ranges)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedFile:
    """A file that is no whole segment: a history, a label of a backup, an unfinished segment."""

    name: str
    domain: DomainId
    object_name: ObjectName
    time_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What a vault has of one cluster's write-ahead log; ``segment_bytes`` is 0 while there is no segment."""

    system_id: int
    segment_bytes: int = 0
    timelines: Mapping[int, TimelineCoverage] = field(default_factory=dict)
    files: tuple[ArchivedFile, ...] = ()

    @property
    def histories(self) -> tuple[int, ...]:
        """The timelines whose history is there."""
        return tuple(sorted({timeline_of(each.name) for each in self.files if is_history(each.name)}))

    def missing(self, timeline: int, first: int, last: int) -> list[int]:
        """Return the numbers of a timeline from ``first`` to ``last`` that are not there."""
        found = self.timelines.get(timeline)
        return list(range(first, last + 1)) if found is None else found.missing(first, last)


def name_range(timeline: int, numbers: tuple[int, int], segment_bytes: int) -> str:
    """Return the names of the first and the last file of a range; one name where they are the same."""
    first, last = (segment_name(timeline, number, segment_bytes) for number in numbers)
    return first if first == last else f"{first}–{last}"


def list_clusters(vault: Vault) -> list[int]:
    """Return the system ids of the clusters that archived into this vault. Raises ``StoreError``."""
    parsed = (parse_stream(each.stream) for each in list_streams(vault, prefix=PREFIX))
    return sorted({found[0] for found in parsed if found is not None})


def survey_wal(vault: Vault, system_id: int) -> Coverage:
    """Look at what the vault has of a cluster: one listing, and one look for each unbroken range.

    Raises ``StoreError``, and ``VaultDamaged`` when an item that has to be looked at is damaged.
    """
    sizes: set[int] = set()
    times: dict[int, dict[int, int]] = {}
    sums: dict[int, tuple[int, int]] = {}
    files: list[ArchivedFile] = []
    for listed in list_streams(vault, prefix=f"{PREFIX}{system_id}"):
        parsed = parse_stream(listed.stream)
        if parsed is None or parsed[0] != system_id:
            continue
        timeline = parsed[1]
        if timeline is None:
            files += _read_files(vault, listed)
            continue
        names, segment_bytes = find_numbers(vault, listed, timeline)
        numbers = {number: listed.items[name].modified_ms for number, name in names.items()}
        sizes.add(segment_bytes)
        times.setdefault(timeline, {}).update(numbers)
        stored, newest = sums.get(timeline, (0, 0))
        sums[timeline] = (
            stored + sum(info.size for info in listed.items.values()),
            max(newest, *(info.modified_ms for info in listed.items.values())),
        )
    return Coverage(
        system_id=system_id,
        segment_bytes=max(sizes, default=0),
        timelines={
            timeline: TimelineCoverage(
                timeline=timeline,
                ranges=(ranges := tuple(join_ranges(numbers))),
                begins_ms=tuple(numbers[first] for first, _ in ranges),
                ends_ms=tuple(numbers[last] for _, last in ranges),
                stored_bytes=sums[timeline][0],
                newest_ms=sums[timeline][1],
            )
            for timeline, numbers in sorted(times.items())
        },
        files=tuple(sorted(files, key=lambda each: each.name)),
    )


def join_ranges(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Return numbers as ranges, in order."""
    ranges: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if ranges and ranges[-1][1] + 1 == number:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return ranges


def find_numbers(vault: Vault, listed: ListedStream, timeline: int) -> tuple[dict[int, ObjectName], int]:
    """Return the numbers of the segments of a stream, each with the name of its object, and their size.

    The names of objects are made from those of segments, so the neighbours of one that was looked at are known.
    """
    keys = vault.credentials.catalog(listed.domain)
    left = dict(listed.items)
    numbers: dict[int, ObjectName] = {}
    segment_bytes = 0
    while left:
        object_name, info = left.popitem()
        record = read_record(vault, info)
        numbers[record.sequence] = object_name
        segment_bytes = record.raw_length
        for step in (-1, 1):
            number = record.sequence + step
            while number >= 0:
                name = stream_item_name(keys, listed.stream, segment_name(timeline, number, segment_bytes))
                if left.pop(name, None) is None:
                    break
                numbers[number] = name
                number += step
    return numbers, segment_bytes


def _read_files(vault: Vault, listed: ListedStream) -> list[ArchivedFile]:
    found = []
    for object_name, info in listed.items.items():
        record = read_record(vault, info)
        found.append(
            ArchivedFile(name=record.item, domain=listed.domain, object_name=object_name, time_ms=record.time_ms)
        )
    return found


def find_stored(vault: Vault, stream: str, item: str) -> list[ObjectInfo]:
    """Return where an item lies, in whichever domains. Raises ``StoreError``; what is not there is not returned."""
    found = []
    for domain in list_domains(vault):
        try:
            found.append(vault.store.stat(stream_item_name(vault.credentials.catalog(domain), stream, item)))
        except ObjectMissing:
            continue
    return found


def read_whole(vault: Vault, info: ObjectInfo) -> tuple[StreamRecord, bytes | None]:
    """Read an item and check all that this key can: sum, signature, record, and what it holds where it may open that.

    Raises ``VaultDamaged``, ``ForeignObject``, ``StoreError``.
    """
    record, raw = open_item(vault, ObjectName(info.name), vault.store.read(info.name), info.modified_ms)
    return record, open_contents(vault, raw, record) if vault.can_read() else None


def segments_between(start_lsn: int, stop_lsn: int, segment_bytes: int) -> tuple[int, int]:
    """Return the first and the last segment that hold a range of positions, the end of it left out."""
    return start_lsn // segment_bytes, max(start_lsn, stop_lsn - 1) // segment_bytes


def prove_wal(
    vault: Vault, system_id: int, timeline: int, start_lsn: int, stop_lsn: int, segment_bytes: int
) -> tuple[str, int, int]:
    """Read every segment from ``start_lsn`` to ``stop_lsn`` out of the vault, and their timeline's history; check them.

    Returns the stream and the first and last number, for the ``needs`` of a snapshot. Raises ``WalGap`` that names
    the first one missing, ``VaultDamaged`` for one that is not what was written, ``StoreError``.
    """
    if timeline > 1:
        _prove_history(vault, system_id, timeline)
    stream = stream_of_segments(system_id, timeline)
    first, last = segments_between(start_lsn, stop_lsn, segment_bytes)
    for number in range(first, last + 1):
        name = segment_name(timeline, number, segment_bytes)
        places = find_stored(vault, stream, name)
        if not places:
            raise WalGap(
                "{name} is missing in the vault: without it the positions {start} to {stop} are not whole.",
                hint="Look at 'rebond wal status': the server may still have it and archive it.",
                name=name,
                start=format_lsn(start_lsn),
                stop=format_lsn(stop_lsn),
            )
        for info in places:
            read_whole(vault, info)
    return stream, first, last


def _prove_history(vault: Vault, system_id: int, timeline: int) -> None:
    """Nobody goes back to a timeline that the vault cannot tell the origin of, however whole its segments are."""
    name = history_name(timeline)
    places = find_stored(vault, stream_of_cluster(system_id), name)
    if not places:
        raise WalGap(
            "{name} is missing in the vault: without it no base of its timeline can be brought back.",
            hint="The server still has it in pg_wal: 'rebond wal adopt --data DIR' saves it.",
            name=name,
        )
    for info in places:
        read_whole(vault, info)
