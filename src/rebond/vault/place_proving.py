"""The last look before a pack goes: its own tail says what it holds, and other places are read (§10.6).

The index is a hint, and whoever holds a writer's key may have lied in it. So no pack is deleted
because of what a list says: the tail of the pack itself decides what is at stake, and a place that
is to take over must have the very bytes, and be named by a list of the same domain: readers look in no other.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

from rebond.errors import ObjectMissing, ShortRead
from rebond.findings import Finding, Severity
from rebond.identifiers import DomainId
from rebond.vault.access import Vault
from rebond.vault.index_census import read_lists
from rebond.vault.pack_contents import PackContents, SegmentName
from rebond.vault.pack_table import PackTable
from rebond.vault.pack_tails import PackTail, TailTask, read_tails
from rebond.vault.packs import SegmentRow, pack_name
from rebond.vault.primitives import hash_of
from rebond.vault.prune_survey import Survey

SegmentCopy = tuple[bytes, bytes, int, bytes]  # domain, session id, number, HASH of the stored bytes
MadePacks = Mapping[bytes, tuple[DomainId, int, Sequence[SegmentRow]]]  # pack hash → domain, size, rows


class ListedContents(Mapping[bytes, Sequence[SegmentName]]):
    """What packs hold, of those that the newest listing shows."""

    def __init__(self, contents: PackContents, table: PackTable) -> None:
        self._contents = contents
        self._table = table

    def __getitem__(self, pack_hash: bytes) -> Sequence[SegmentName]:
        if pack_hash not in self:
            raise KeyError(pack_hash)
        return self._contents[pack_hash]

    def __iter__(self) -> Iterator[bytes]:
        return (found for found in self._contents if self._table.find(found) is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, pack_hash: object) -> bool:
        return isinstance(pack_hash, bytes) and pack_hash in self._contents and self._table.find(pack_hash) is not None


def prove_places(
    vault: Vault,
    survey: Survey,
    contents: ListedContents,
    deletable: Collection[bytes],
    marked: Collection[object],
    made: MadePacks | None = None,
) -> frozenset[bytes]:
    """Return which of the ``deletable`` packs may really go.

    ``made`` are packs that this process put, with what it put there after checking the bytes: these need not be
    read again, whatever else a list says of such a pack. A pack that cannot be
    read, or that holds something needed of which no other place could be read, stays and is reported.
    """
    at_stake: dict[bytes, list[SegmentCopy]] = {}
    tasks = (TailTask(None, found, survey.census.size_of(found)) for found in sorted(deletable))
    for task, tail in read_tails(vault, tasks):
        if isinstance(tail, PackTail):
            needed = [row for row in tail.rows if (row.session, row.number) in survey.needs.segments]
            at_stake[task.pack_hash] = [_copy_of(tail.domain, row) for row in needed]
        elif not isinstance(tail, ObjectMissing):
            vault.report(_unread(pack_name(task.pack_hash), tail.message))
    wanted = {copy for copies in at_stake.values() for copy in copies}
    proven = _find_proven(vault, contents, wanted, deletable, marked, made or {}) if wanted else set()
    going = set()
    for pack_hash, copies in at_stake.items():
        if proven.issuperset(copies):
            going.add(pack_hash)
        else:
            vault.report(_needed(pack_name(pack_hash)))
    return frozenset(going)


def _find_proven(
    vault: Vault,
    contents: ListedContents,
    wanted: Collection[SegmentCopy],
    deletable: Collection[bytes],
    marked: Collection[object],
    made: MadePacks,
) -> set[SegmentCopy]:
    """Return the segments of which another pack, listed and unmarked, has the very bytes."""
    proven: set[SegmentCopy] = set()
    put = {pack_hash: {_copy_of(domain, row) for row in rows} for pack_hash, (domain, _, rows) in made.items()}
    for index_list, info in read_lists(vault):
        domain = DomainId(bytes.fromhex(info.name.split("/")[1]))
        for pack in index_list.catalog.packs:
            if pack.pack_hash in deletable or pack.pack_hash in marked or pack.pack_hash not in contents:
                continue
            for row in pack.rows:
                copy = _copy_of(domain, row)
                if copy not in wanted or copy in proven or (row.session, row.number) in marked:
                    continue
                if copy in put.get(pack.pack_hash, ()) or _has_bytes(vault, pack.pack_hash, row):
                    proven.add(copy)
    return proven


def _copy_of(domain: DomainId, row: SegmentRow) -> SegmentCopy:
    return domain, row.session, row.number, row.stored_hash


def _has_bytes(vault: Vault, pack_hash: bytes, row: SegmentRow) -> bool:
    try:
        stored = vault.store.read(pack_name(pack_hash), start=row.offset, length=row.stored_length)
    except (ObjectMissing, ShortRead):
        return False
    return hash_of(stored) == row.stored_hash


def _unread(name: str, reason: str) -> Finding:
    return Finding(
        code="pack-kept-unread",
        severity=Severity.WARNING,
        subject=name,
        template="{name} is kept, because it does not say what it holds: {reason}",
        hint_template="Run 'rebond verify --repair'.",
        values={"name": name, "reason": reason},
    )


def _needed(name: str) -> Finding:
    return Finding(
        code="pack-kept-needed",
        severity=Severity.WARNING,
        subject=name,
        template="{name} is kept: it holds something needed, and no other place of it could be read",
        hint_template="Run 'rebond verify --read-data --repair'.",
        values={"name": name},
    )
