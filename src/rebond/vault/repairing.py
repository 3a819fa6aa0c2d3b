"""Mending a vault without deleting from it: lists for packs that have none, copies, damage marks (§11).

Repair is a session like any other. It puts packs, then the lists that name them, then the mark:
only when all that is good of a damaged pack is listed elsewhere do writers learn to look past it.
Cut anywhere it leaves a vault that is as good as before, and can be run again.
"""

from collections.abc import Iterable, Iterator

import msgspec
from msgspec import Struct, field

from rebond.identifiers import DomainId, SessionId, SnapshotId, random_id
from rebond.vault.access import Vault
from rebond.vault.checking_packs import PackChecker, PackVerdict, find_listed
from rebond.vault.checking_places import open_lists
from rebond.vault.damage_marks import draw_damage_mark, find_ended_marks, lift_marks
from rebond.vault.index import LIST_LIMIT, build_index_list, index_name
from rebond.vault.marks import put_mark, read_marks
from rebond.vault.packs import PackBuilder, PackedSegment, SegmentRow, hash_in_name, pack_name
from rebond.vault.repair_plan import RepairPlan
from rebond.vault.segment_judging import JudgedSegment
from rebond.vault.segment_makers import SegmentMakers
from rebond.vault.segment_sets import SegmentSet
from rebond.vault.sessions import SessionJournal
from rebond.vault.signed_objects import put_once

_PACK_BYTES = 16 << 20  # a new pack is put when it is this large
_PACKS_PER_LIST = 8
_BATCH = 64  # packs whose rows are looked up in the lists together


class RepairOutcome(Struct, frozen=True, kw_only=True):
    """What was added, and which damage marks had had their day. Names are those of objects.

    ``put_back`` are vital objects and copies of such that were put right.
    """

    new_packs: tuple[str, ...] = ()
    new_lists: tuple[str, ...] = ()
    copied_segments: int = 0
    listed_packs: tuple[str, ...] = ()
    marked_packs: tuple[str, ...] = ()
    marked_segments: int = 0
    lifted_marks: tuple[str, ...] = ()
    put_back: tuple[str, ...] = ()

    @property
    def changed_anything(self) -> bool:
        """Whether anything was written."""
        added = self.new_packs or self.new_lists or self.put_back
        return bool(added or self.marked_packs or self.marked_segments or self.lifted_marks)


class _ListedPack(Struct):
    """A pack that a new list is to name. Every row has its member."""

    pack_hash: bytes
    size: int
    rows: list[SegmentRow]
    tables: list[bytes]


class _Done(Struct):
    new_packs: list[str] = field(default_factory=list)
    new_lists: list[str] = field(default_factory=list)
    listed_packs: list[str] = field(default_factory=list)
    copied_segments: int = 0


def repair_vault(vault: Vault, plan: RepairPlan, *, host: str) -> RepairOutcome:
    """Carry a plan out; may be run again after a crash. Writes nothing when there is nothing to mend.

    Raises ``StoreError``, among them ``StoreFull``; what was added until then stays and is good.
    """
    ended = find_ended_marks(vault, plan)
    repair = _Repair(vault, plan, host)
    if not plan.is_empty:
        repair.list_unlisted()
        repair.copy_from_damaged()
        repair.finish_lists()
    mark = draw_damage_mark(vault, plan, repair.damaged)
    if mark is not None:
        repair.open_session()
        put_mark(vault.store, vault.credentials, mark)
    lifted = lift_marks(vault, ended)
    repair.close_session()
    return RepairOutcome(
        new_packs=tuple(repair.done.new_packs),
        new_lists=tuple(repair.done.new_lists),
        copied_segments=repair.done.copied_segments,
        listed_packs=tuple(repair.done.listed_packs),
        marked_packs=tuple(mark.names) if mark is not None else (),
        marked_segments=len(mark.segments) if mark is not None else 0,
        lifted_marks=lifted,
    )


class _Repair:
    """The writing part of one repair."""

    def __init__(self, vault: Vault, plan: RepairPlan, host: str) -> None:
        self._vault = vault
        self._plan = plan
        self._host = host
        self._journal: SessionJournal | None = None
        self._checker = PackChecker(vault)
        self._makers = SegmentMakers(vault)
        self._waiting: dict[DomainId, list[_ListedPack]] = {}
        self._builders: dict[tuple[DomainId, int], PackBuilder] = {}
        self._members: dict[tuple[bytes, int], bytes] = {}
        self._replaced = {name: DomainId(bytes.fromhex(name.split("/")[1])) for name in plan.damaged_lists}
        self.damaged = set(plan.damaged_packs)
        self.done = _Done()

    def open_session(self) -> SessionJournal:
        """Make the session known, before its first put; once."""
        if self._journal is None:
            vault = self._vault
            self._journal = SessionJournal(
                vault.store, vault.credentials, SnapshotId(random_id()), SessionId(random_id()), vault.clock
            )
            self._journal.open(self._host, "repair")
            self._journal.declare_marks(read_marks(vault.store, vault.vault_id, vault.roster).mark_names)
        return self._journal

    def close_session(self) -> None:
        """Say that all is done, if anything was."""
        if self._journal is not None:
            self._journal.finish()

    def list_unlisted(self) -> None:
        """Name in a list every whole pack that has none; one that turns out damaged is dealt with later."""
        for pack_hash, _ in self._plan.unlisted_packs:
            if pack_hash in self.damaged:
                continue
            content = self._checker.read(pack_hash)
            if content is None:
                continue
            verdict = self._checker.judge(pack_hash, content)
            if not verdict.is_sound or verdict.domain is None:
                self.damaged.add(pack_hash)
                continue
            rows = [self._with_maker(verdict.domain, segment.row) for segment in verdict.segments]
            tables = [segment.table or b"" for segment in verdict.segments]
            self._add_to_list(verdict.domain, _ListedPack(pack_hash, len(content), rows, tables))
            self.done.listed_packs.append(pack_name(pack_hash))

    def copy_from_damaged(self) -> None:
        """Copy what is needed, good, and nowhere else out of damaged packs, byte for byte, into new ones."""
        if not self.damaged:
            return
        elsewhere = self._find_elsewhere()
        for batch in _batches(sorted(self.damaged)):
            listed = find_listed(self._vault, batch)
            for pack_hash in batch:
                content = self._checker.read(pack_hash)
                if content is None:
                    continue
                known = listed.get(pack_hash)
                for one in known.rows if known is not None else ():
                    self._members[one.row.session, one.row.number] = one.row.member
                self._copy_segments(content, self._checker.judge(pack_hash, content, known), elsewhere)
        for (domain, _), builder in self._builders.items():
            if len(builder):
                self._put_pack(domain, builder)

    def _copy_segments(self, content: bytes, verdict: PackVerdict, elsewhere: SegmentSet) -> None:
        for segment in verdict.segments:
            row = segment.row
            if verdict.domain is None or segment.fault or segment.table is None:
                continue
            if not self._plan.needed.has(row.session, row.number) or elsewhere.has(row.session, row.number):
                continue
            elsewhere.add(row.session, row.number)
            self._copy(verdict.domain, content, segment)

    def _copy(self, domain: DomainId, content: bytes, segment: JudgedSegment) -> None:
        row = segment.row
        builder = self._builders.setdefault((domain, row.kind), PackBuilder(self._vault.vault_id, domain))
        if len(builder) and builder.size + row.stored_length > _PACK_BYTES:
            self._put_pack(domain, builder)
        builder.add(
            PackedSegment(
                SessionId(row.session),
                row.number,
                row.kind,
                content[row.offset : row.offset + row.stored_length],
                row.stored_hash,
                row.raw_length,
                segment.table or b"",
                row.chunk_count,
            )
        )
        self.done.copied_segments += 1

    def _put_pack(self, domain: DomainId, builder: PackBuilder) -> None:
        self.open_session()
        filled = builder.fill(self._vault.credentials.catalog(domain).current)
        put_once(self._vault.store, filled.name, filled.content)
        self.done.new_packs.append(filled.name)
        rows = [self._with_maker(domain, row) for row in filled.rows]
        self._add_to_list(domain, _ListedPack(filled.pack_hash, len(filled.content), rows, list(filled.tables)))

    def _find_elsewhere(self) -> SegmentSet:
        """Return the needed segments that lie in a listed, undamaged, unmarked pack too."""
        marked = {one for name in self._plan.marks.names if (one := hash_in_name(name)) is not None}
        found = SegmentSet()
        for _, opened in open_lists(self._vault):
            for pack in opened.catalog.packs:
                if pack.pack_hash in self.damaged or pack.pack_hash in marked:
                    continue
                if self._plan.packs.find(pack.pack_hash) is None:
                    continue
                for row in pack.rows:
                    if self._plan.needed.has(row.session, row.number):
                        found.add(row.session, row.number)
        for packs in self._waiting.values():
            for waiting in packs:
                for row in waiting.rows:
                    found.add(row.session, row.number)
        return found

    def _with_maker(self, domain: DomainId, row: SegmentRow) -> SegmentRow:
        maker = self._members.get((row.session, row.number)) or self._makers.maker_of(domain, row.session)
        return msgspec.structs.replace(row, member=maker)

    # -- lists ----------------------------------------------------------------------------------------

    def _add_to_list(self, domain: DomainId, pack: _ListedPack) -> None:
        waiting = self._waiting.setdefault(domain, [])
        waiting.append(pack)
        size = sum(len(table) + 150 for each in waiting for table in each.tables)
        if len(waiting) >= _PACKS_PER_LIST or size >= LIST_LIMIT // 2:
            self._put_list(domain, ())

    def finish_lists(self) -> None:
        """Put the last lists; those name the damaged ones that they replace, so that a prune removes them."""
        for domain in {*self._waiting, *self._replaced.values()}:
            replaced = [name for name, of in self._replaced.items() if of == domain]
            if self._waiting.get(domain) or replaced:
                self._put_list(domain, replaced)

    def _put_list(self, domain: DomainId, replaced: Iterable[str]) -> None:
        journal = self.open_session()
        packs = self._waiting.pop(domain, [])
        credentials = self._vault.credentials
        content = build_index_list(
            [(pack.pack_hash, pack.size, pack.rows, pack.tables) for pack in packs],
            vault_id=self._vault.vault_id,
            domain=domain,
            catalog_key=credentials.catalog(domain).current,
            member=credentials.member,
            signing_key=credentials.signing_key,
            replaces=sorted(replaced),
        )
        name = index_name(domain, content)
        put_once(self._vault.store, name, content)
        self.done.new_lists.append(name)
        journal.note_progress([name, *(pack.pack_hash.hex() for pack in packs)])


def _batches(packs: list[bytes]) -> Iterator[list[bytes]]:
    for start in range(0, len(packs), _BATCH):
        yield packs[start : start + _BATCH]
