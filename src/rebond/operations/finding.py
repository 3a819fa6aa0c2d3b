"""Looking into many snapshots: every version of what a pattern fits.

What fits is noted once for each directory that holds it, however many snapshots have this directory, and put into
order on disk: everything may fit, in every snapshot.
"""

import fnmatch
import struct
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import groupby

from msgspec import Struct, field

from rebond.entries import EntryKind
from rebond.operations.browsing import Located, children, root_of
from rebond.operations.sorted_rows import SortedRows
from rebond.vault.access import Vault
from rebond.vault.primitives import hash_of
from rebond.vault.reading import OpenDomain, SnapshotReader
from rebond.vault.snapshots import SnapshotRecord
from rebond.vault.trees import StoredEntry, decode_entry, encode_entry

_NUMBER = struct.Struct(">I")  # of a directory


class FoundVersion(Struct, frozen=True):
    """One version of a path, and the snapshots that hold it, oldest first."""

    path: bytes
    entry: StoredEntry
    snapshots: tuple[SnapshotRecord, ...]


def find_versions(
    vault: Vault,
    records: Sequence[SnapshotRecord],
    pattern: str,
    open_reader: Callable[[Vault, SnapshotRecord, OpenDomain | None], SnapshotReader] = SnapshotReader,
) -> Iterator[FoundVersion]:
    """Yield every version of every path that ``pattern`` fits, over all ``records``, in the order of the paths.

    A pattern without ``/`` is compared with the last part of the path, any other with
    COMPONENT/PATH. A directory that did not change between snapshots is looked into once, and the index of a domain is
    read once, with its first snapshot. The first version comes when all snapshots were looked into.
    """
    with SortedRows() as rows:
        search = _Search(_Matcher(pattern), rows)
        with ExitStack() as held:
            domains: dict[bytes, OpenDomain] = {}
            for position, record in enumerate(records):
                if record.domain not in domains:
                    domains[record.domain] = held.enter_context(open_reader(vault, record, None)).open_domain()
                with open_reader(vault, record, domains[record.domain]) as reader:
                    for component in reader.components:
                        search.look_below(reader, root_of(component), position)
        for path, found in groupby(map(_split, rows), key=lambda row: row[0]):
            yield from _tell_apart(path, [row[1:] for row in found], search.holders, records)


def _split(row: bytes) -> tuple[bytes, int, bytes]:
    """Return the path, the number of the directory that has it, and the encoded entry."""
    end = row.index(b"\0")
    start = end + 1 + _NUMBER.size
    return row[:end], _NUMBER.unpack_from(row, end + 1)[0], row[start:]


def _tell_apart(
    path: bytes, found: list[tuple[int, bytes]], holders: Sequence[Sequence[int]], records: Sequence[SnapshotRecord]
) -> Iterator[FoundVersion]:
    """Yield the versions of one path, in the order of the snapshots that have them first."""
    if len(found) > 1:
        found.sort(key=lambda row: holders[row[0]][0])
    same: dict[bytes, list[int]] = {}  # mostly it is one entry, whatever else in its directory changed
    for number, encoded in found:
        same.setdefault(encoded, []).extend(holders[number])
    versions: dict[bytes, tuple[StoredEntry, list[int]]] = {}
    for encoded, positions in same.items():
        entry = decode_entry(encoded)
        versions.setdefault(_version_of(entry) if len(same) > 1 else b"", (entry, []))[1].extend(positions)
    told = [(entry, [records[each] for each in sorted(positions)]) for entry, positions in versions.values()]
    for entry, snapshots in sorted(told, key=lambda each: each[1][0].catalog.time_ms):
        yield FoundVersion(path, entry, tuple(snapshots))


def _version_of(entry: StoredEntry) -> bytes:
    kind = entry.kind.encode()
    if entry.kind == EntryKind.DIRECTORY:
        return kind
    content = entry.chunks + (entry.chunk_list[0] if entry.chunk_list else b"") + entry.target
    return hash_of(
        kind + entry.size.to_bytes(8, "little") + entry.modified_ns.to_bytes(16, "little", signed=True) + content
    )


class _Matcher:
    def __init__(self, pattern: str) -> None:
        self._whole = "/" in pattern
        self._pattern = pattern.lstrip("/").encode(errors="surrogateescape")

    def fits(self, located: Located, entry: StoredEntry) -> bool:
        return fnmatch.fnmatchcase(located.shown if self._whole else entry.name, self._pattern)


class _Directory(Struct):
    """A directory in or below which something fits. Without a ``number`` nothing in itself does."""

    number: int | None = None
    below: list["_Directory"] = field(default_factory=list)


class _Level(Struct):
    """A directory that is being looked into; its subdirectories are too."""

    key: bytes
    items: Iterator[Located]
    directory: _Directory


class _Search:
    """What was found so far: a row for each thing that fits, and ``holders``, the records that have each directory."""

    def __init__(self, matcher: _Matcher, rows: SortedRows) -> None:
        self._matcher = matcher
        self._rows = rows
        self._seen: dict[bytes, _Directory | None] = {}
        self.holders: list[array[int]] = []

    def look_below(self, reader: SnapshotReader, start: Located, record: int) -> None:
        """Look into everything below ``start``, which the record of this number has."""
        top = _Directory()
        pending = [_Level(b"", iter(()), top)]
        below: Located | None = start
        while below is not None or pending[1:]:
            if below is not None and below.directory:
                self._enter(reader, below, pending)
            level = pending[-1]
            below = next(level.items, None)
            if below is None and pending[1:]:
                pending.pop()
                self._finish(level, pending[-1].directory)
            elif below is not None and below.entry is not None and self._matcher.fits(below, below.entry):
                self._note(level.directory, below.shown, below.entry)
        self._hold(top, record)

    def _enter(self, reader: SnapshotReader, located: Located, pending: list[_Level]) -> None:
        key = hash_of(located.directory + located.shown)[:16]
        if key not in self._seen:
            pending.append(_Level(key, children(reader, located), _Directory()))
        elif (known := self._seen[key]) is not None:
            pending[-1].directory.below.append(known)

    def _note(self, directory: _Directory, shown: bytes, entry: StoredEntry) -> None:
        if directory.number is None:
            directory.number = len(self.holders)
            self.holders.append(array("I"))
        self._rows.add(shown + b"\0" + _NUMBER.pack(directory.number) + encode_entry(entry))

    def _finish(self, level: _Level, above: _Directory) -> None:
        done = level.directory
        is_empty = done.number is None and not done.below
        self._seen[level.key] = None if is_empty else done
        if not is_empty:
            above.below.append(done)

    def _hold(self, top: _Directory, record: int) -> None:
        """Note that a record has everything from ``top`` down."""
        pending = [top]
        while pending:
            each = pending.pop()
            if each.number is not None:
                self.holders[each.number].append(record)
            pending.extend(each.below)
