"""The last look before a pack goes: its own tail says what it holds, and other places are read (§10.6).

The index is a hint, and whoever holds a writer's key may have lied in it. So no pack is deleted
because of what a list says: the tail of the pack itself decides what is at stake, and a place that
is to take over must have the very bytes, and be named by a list of the same domain: readers look in no other.
Of a damaged pack that lost its tail, and that a damage mark names, all that is known or found is at stake.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

from rebond.errors import ObjectMissing, ShortRead
from rebond.findings import Finding, Severity
from rebond.identifiers import DomainId
from rebond.vault.access import Vault
from rebond.vault.damaged_packs import find_whole, read_damaged_pack
from rebond.vault.index_census import read_lists
from rebond.vault.marks import Marks
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


class PlaceProver:
    """One last look. ``marks`` were read when all else was looked at again; ``marked`` is what counts for no place.

    ``made`` are packs that this process put, with what it put there after checking the bytes: these need not be
    read again, whatever else a list says of such a pack.
    """

    def __init__(
        self,
        vault: Vault,
        survey: Survey,
        contents: ListedContents,
        marks: Marks,
        marked: Collection[object],
        made: MadePacks | None = None,
    ) -> None:
        self._vault = vault
        self._survey = survey
        self._contents = contents
        self._damaged = marks.damaged()
        self._marked = marked
        self._made = made or {}

    def prove(self, deletable: Collection[bytes]) -> frozenset[bytes]:
        """Return which of the ``deletable`` packs may really go.

        A pack that does not say what it holds, and that no damage mark names, and one that
        holds something needed of which no other place could be read, stay and are reported.
        """
        at_stake: dict[bytes, set[SegmentCopy]] = {}
        endless: dict[bytes, str] = {}
        tasks = (TailTask(None, found, self._survey.census.size_of(found)) for found in sorted(deletable))
        for task, tail in read_tails(self._vault, tasks):
            if isinstance(tail, PackTail):
                at_stake[task.pack_hash] = {_copy_of(tail.domain, row) for row in tail.rows if self._needs(row)}
            elif not isinstance(tail, ObjectMissing):
                endless[task.pack_hash] = tail.message
        at_stake |= self._look_into(endless)
        wanted = {copy for copies in at_stake.values() for copy in copies}
        proven = self._find_proven(wanted, deletable) if wanted else set()
        going = {pack_hash for pack_hash, copies in at_stake.items() if proven.issuperset(copies)}
        for pack_hash in sorted(at_stake.keys() - going):
            self._vault.report(_needed(pack_name(pack_hash)))
        return frozenset(going)

    def _needs(self, row: SegmentRow) -> bool:
        return (row.session, row.number) in self._survey.needs.segments

    def _look_into(self, endless: Mapping[bytes, str]) -> dict[bytes, set[SegmentCopy]]:
        """Return what is needed of packs whose end is lost: what lists say of them, and what is found in them.

        Lists may lie, so what is found counts too. What is not found was cut off; and yet it stays as long as
        it is needed, because no prune works where a needed segment has no place at all.
        """
        told = {pack_hash: set[SegmentCopy]() for pack_hash in endless}
        for index_list, info in read_lists(self._vault) if endless else ():
            domain = DomainId(bytes.fromhex(info.name.split("/")[1]))
            for pack in index_list.catalog.packs:
                if pack.pack_hash in told:
                    told[pack.pack_hash].update(_copy_of(domain, row) for row in pack.rows if self._needs(row))
        found: dict[bytes, set[SegmentCopy]] = {}
        for pack_hash, reason in endless.items():
            name = pack_name(pack_hash)
            content = read_damaged_pack(self._vault, pack_hash) if name in self._damaged else None
            if content is None:
                self._vault.report(_unread(name, reason))
                continue
            held = {_copy_of(domain, row) for domain, row in find_whole(self._vault, content) if self._needs(row)}
            found[pack_hash] = told[pack_hash] | held
        return found

    def _find_proven(self, wanted: Collection[SegmentCopy], deletable: Collection[bytes]) -> set[SegmentCopy]:
        """Return the segments of which another pack, listed and unmarked, has the very bytes."""
        proven: set[SegmentCopy] = set()
        put = {
            pack_hash: {_copy_of(domain, row) for row in rows} for pack_hash, (domain, _, rows) in self._made.items()
        }
        for index_list, info in read_lists(self._vault):
            domain = DomainId(bytes.fromhex(info.name.split("/")[1]))
            for pack in index_list.catalog.packs:
                if (
                    pack.pack_hash in deletable
                    or pack.pack_hash in self._marked
                    or pack.pack_hash not in self._contents
                ):
                    continue
                for row in pack.rows:
                    copy = _copy_of(domain, row)
                    if copy not in wanted or copy in proven or (row.session, row.number) in self._marked:
                        continue
                    if copy in put.get(pack.pack_hash, ()) or _has_bytes(self._vault, pack.pack_hash, row):
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
