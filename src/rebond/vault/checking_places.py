"""Does every needed segment have a place? Index lists against packs and their tails (§11).

A place counts when a list names it, the pack is listed with the right size, and the pack's own
tail says the same. Packs that no list names are asked for their tails too: what only they hold is
found there, and repair writes it into a list again.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct, field

from rebond.errors import (
    ForeignObject,
    FormatTooNew,
    ObjectMissing,
    RebondError,
    RoleTooSmall,
    VaultDamaged,
    VaultError,
    WrongKey,
)
from rebond.findings import Finding, Severity
from rebond.identifiers import DomainId, ObjectName
from rebond.vault.access import Vault
from rebond.vault.auditing import read_ahead
from rebond.vault.credentials import Role
from rebond.vault.index import IndexedPack, IndexList, parse_index_list, verify_index_list
from rebond.vault.index_loading import require_own_rows
from rebond.vault.object_findings import damage_of, foreign, too_new
from rebond.vault.object_names import ObjectClass, classify_name
from rebond.vault.pack_table import PackTable
from rebond.vault.pack_tails import PackTail, TailTask, read_tails
from rebond.vault.packs import SegmentRow, hash_in_name, pack_name, row_without_member
from rebond.vault.primitives import Buffer, hash_of
from rebond.vault.segment_sets import SegmentSet


class PlaceFacts(Struct):
    """Where the needed segments are, and what is doubtful about lists and packs."""

    packs: PackTable
    placed: SegmentSet = field(default_factory=SegmentSet)  # a list and its pack agree
    unlisted: SegmentSet = field(default_factory=SegmentSet)  # only in packs that no list names
    unlisted_packs: dict[int, DomainId] = field(default_factory=dict)  # those packs, by ordinal
    suspects: dict[int, str] = field(default_factory=dict)  # packs to be read whole, with the reason
    absent_packs: dict[bytes, SegmentSet] = field(default_factory=dict)  # named by a list, needed, not there
    holds_needed: bytearray = field(default_factory=bytearray)  # a byte for each pack
    table_sums: "array[int]" = field(default_factory=lambda: array("Q"))  # of the tables in lists; 0 for unlisted
    damaged_lists: list[str] = field(default_factory=list)
    replaced_lists: set[str] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)
    read_objects: int = 0
    read_bytes: int = 0


def sum_tables(tables: Iterable[Buffer]) -> int:
    """Return 64 bits that tell chunk tables apart, in the order of their segments; never 0 or 1."""
    return int.from_bytes(hash_of(b"".join(tables))[:8], "little") | 2


def open_domains(vault: Vault) -> list[DomainId]:
    """Return the domains whose catalog this credential opens."""
    found = []
    for domain in vault.roster.domains:
        try:
            vault.credentials.catalog(domain.id)
        except RoleTooSmall:
            continue
        found.append(domain.id)
    return found


def open_lists(
    vault: Vault,
    note: Callable[[str, RebondError], None] = lambda _name, _error: None,
    count: Callable[[int], None] = lambda _: None,
) -> Iterator[tuple[DomainId, IndexList]]:
    """Yield every sound list in the store with its domain; ``note`` hears of the others."""
    domains = {domain.hex(): domain for domain in open_domains(vault)}
    for info, content in read_ahead(
        vault.store, vault.store.list_objects("index/"), lambda info: classify_name(info.name) is ObjectClass.INDEX
    ):
        if content is None or isinstance(content, ObjectMissing):
            continue  # not a list, or replaced since the listing
        if isinstance(content, RebondError):
            if not isinstance(content, VaultDamaged):
                raise content
            note(info.name, content)
            continue
        count(len(content))
        domain = domains.get(info.name.split("/")[1])
        try:
            if hash_of(content) != hash_in_name(info.name):
                raise VaultDamaged("The bytes of {name} do not have the hash that is its name.", name=info.name)
            if domain is None:
                _require_known_domain(vault, info.name)
                continue
            yield domain, _open_list(vault, domain, ObjectName(info.name), content)
        except (VaultDamaged, WrongKey, ForeignObject, FormatTooNew) as error:
            note(info.name, error)


def _require_known_domain(vault: Vault, name: str) -> None:
    if vault.roster.find_domain(bytes.fromhex(name.split("/")[1])) is None:
        raise ForeignObject("{name} is of a domain that the roster does not know.", name=name)


def _open_list(vault: Vault, domain: DomainId, name: ObjectName, content: bytes) -> IndexList:
    try:
        opened, signed, signature = parse_index_list(
            name, content, vault.vault_id, vault.credentials.catalog(domain).keys
        )
    except (VaultDamaged, WrongKey) as error:
        # Its bytes have the hash that is its name, so nothing rotted: it never was one of ours.
        raise ForeignObject("{name} is not one of this vault's lists: {reason}", name=name, reason=error) from error
    verify_index_list(vault.verify_key_of(opened.member), signed, signature)
    if not vault.may_name_others(opened.member):
        require_own_rows(opened)
    return opened


class PlaceChecker:
    """One look at lists and packs. ``needed`` are the segments whose places matter."""

    def __init__(self, vault: Vault, needed: SegmentSet, *, on_pack: Callable[[int], None] = lambda _: None) -> None:
        self._vault = vault
        self._needed = needed
        self._on_pack = on_pack
        # A writer's credential may not read packs (§2): it takes the lists' word for them.
        self._reads_tails = vault.credentials.role is not Role.WRITER
        self._facts = PlaceFacts(PackTable())
        self._is_listed = bytearray()
        self._half_listed: dict[int, PackTail] = {}  # packs of which some list says less than they hold

    def check(self) -> PlaceFacts:
        """List packs, read every list and every tail; raises ``StoreError``."""
        packs = PackTable.from_store(self._vault.store)
        facts = self._facts = PlaceFacts(
            packs, holds_needed=bytearray(len(packs)), table_sums=array("Q", bytes(8 * len(packs)))
        )
        self._is_listed = bytearray(len(packs))
        if self._reads_tails:
            for task, tail in read_tails(self._vault, self._listed_packs()):
                self._take_listed(task.subject, task.listed, tail)
            for task, tail in read_tails(self._vault, self._unlisted_packs()):
                self._take_unlisted(task.subject, tail)
        else:
            for task in self._listed_packs():
                self._take_listed(task.subject, task.listed, None)
        for ordinal, half_listed in self._half_listed.items():
            self._take_unplaced(ordinal, half_listed)
        for ordinal in facts.unlisted_packs:
            facts.findings.append(_unlisted(pack_name(packs.hash_at(ordinal))))
        return facts

    # -- what lists say -------------------------------------------------------------------------------

    def _listed_packs(self) -> Iterator[TailTask[int]]:
        """Go through the lists; yield each pack that is there, to be compared with its tail."""
        facts = self._facts
        bad: dict[str, RebondError] = {}

        def count(size_bytes: int) -> None:
            facts.read_objects += 1
            facts.read_bytes += size_bytes

        for domain, opened in open_lists(self._vault, bad.__setitem__, count):
            if self._vault.may_name_others(opened.member):
                facts.replaced_lists.update(opened.catalog.replaces)
            for pack in opened.catalog.packs:
                ordinal = facts.packs.find(pack.pack_hash)
                if ordinal is None:
                    self._take_absent(pack)
                else:
                    self._is_listed[ordinal] = 1
                    self._note_tables(ordinal, opened, pack)
                    yield TailTask(ordinal, pack.pack_hash, facts.packs.size_at(ordinal), (domain, pack))
        for name, error in bad.items():
            self._note_bad_list(name, error)

    def _note_tables(self, ordinal: int, opened: IndexList, pack: IndexedPack) -> None:
        """Remember which tables a list gives for a pack: they must be those that the pack holds."""
        try:
            tables = sum_tables(opened.table(row) for row in pack.rows)
        except VaultDamaged:
            tables = 1
        known = self._facts.table_sums[ordinal]
        self._facts.table_sums[ordinal] = tables if known in (0, tables) else 1

    def _note_bad_list(self, name: str, error: RebondError) -> None:
        facts = self._facts
        if isinstance(error, FormatTooNew):
            facts.findings.append(too_new(name, error))
        elif isinstance(error, ForeignObject):
            facts.findings.append(foreign(name, error))
        elif name in facts.replaced_lists:
            facts.findings.append(_list_replaced(name))
        else:
            facts.damaged_lists.append(name)
            facts.findings.append(damage_of(name, error))

    def _take_absent(self, pack: IndexedPack) -> None:
        for row in pack.rows:
            if self._needed.has(row.session, row.number):
                absent = self._facts.absent_packs.setdefault(pack.pack_hash, SegmentSet())
                absent.add(row.session, row.number)

    def _take_listed(
        self,
        ordinal: int,
        listed: tuple[DomainId, IndexedPack] | None,
        tail: PackTail | VaultError | ObjectMissing | None,
    ) -> None:
        """Compare one pack of one list with what the pack says of itself."""
        if listed is None or isinstance(tail, ObjectMissing):
            return
        facts, pack = self._facts, listed[1]
        facts.read_objects += 1
        self._on_pack(ordinal)
        truth: set[tuple[object, ...]] | None = None
        if isinstance(tail, VaultError):
            facts.suspects[ordinal] = tail.message
        elif pack.size != facts.packs.size_at(ordinal):
            facts.suspects[ordinal] = "Its size is not the one that was written."
        elif tail is not None:
            truth = {_identity(row) for row in tail.rows}
            if truth - {_identity(row) for row in pack.rows}:
                self._half_listed[ordinal] = tail
        for row in pack.rows:
            if truth is not None and _identity(row) not in truth:
                facts.findings.append(_row_differs(pack_name(pack.pack_hash), row))
            elif self._needed.has(row.session, row.number):
                facts.placed.add(row.session, row.number)
                facts.holds_needed[ordinal] = 1

    # -- what packs say -------------------------------------------------------------------------------

    def _unlisted_packs(self) -> Iterator[TailTask[int]]:
        packs = self._facts.packs
        for ordinal in range(len(packs)):
            if not self._is_listed[ordinal]:
                yield TailTask(ordinal, packs.hash_at(ordinal), packs.size_at(ordinal))

    def _take_unlisted(self, ordinal: int, tail: PackTail | VaultError | ObjectMissing) -> None:
        if isinstance(tail, ObjectMissing):
            return
        facts = self._facts
        facts.read_objects += 1
        if isinstance(tail, VaultError):
            facts.suspects[ordinal] = tail.message  # damaged, foreign or too new: reading it whole tells which
        else:
            self._take_unplaced(ordinal, tail)

    def _take_unplaced(self, ordinal: int, tail: PackTail) -> None:
        """Note what is needed of a pack and in no list."""
        facts = self._facts
        for row in tail.rows:
            if self._needed.has(row.session, row.number):
                facts.holds_needed[ordinal] = 1
                if not facts.placed.has(row.session, row.number):
                    facts.unlisted.add(row.session, row.number)
                    facts.unlisted_packs[ordinal] = tail.domain


def _identity(row: SegmentRow) -> tuple[object, ...]:
    """A row without what differs between a list and a tail: where its table lies, and its maker."""
    return (*row_without_member(row)[:7], row.table_length, row.chunk_count)


def _row_differs(name: str, row: SegmentRow) -> Finding:
    return Finding(
        code="index-differs",
        severity=Severity.DAMAGE,
        subject=name,
        template="An index list says of segment {session}.{number} in {name} what the pack does not say.",
        hint_template="Run 'rebond verify --repair' to write a list from the pack itself.",
        values={"name": name, "session": row.session.hex(), "number": row.number},
    )


def _unlisted(name: str) -> Finding:
    return Finding(
        code="pack-unlisted",
        severity=Severity.WARNING,
        subject=name,
        template="{name} holds what snapshots need, and no index list names it.",
        hint_template="Nothing is lost. Run 'rebond verify --repair' to write a list for it.",
        values={"name": name},
    )


def _list_replaced(name: str) -> Finding:
    return Finding(
        code="list-replaced",
        severity=Severity.NOTE,
        subject=name,
        template="The index list {name} is damaged; another one replaces it already.",
        hint_template="It is of no use any more. The next prune deletes it.",
        values={"name": name},
    )
