"""Reading the whole index as a keeper sees it: which packs there are and what lies in them (§5, §10.1)."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from msgspec import Struct, field

from rebond.errors import (
    ForeignObject,
    ObjectMissing,
    RebondError,
    ShortRead,
    VaultDamaged,
    VaultError,
    WrongKey,
)
from rebond.findings import Finding, Severity
from rebond.identifiers import DomainId, ObjectName
from rebond.store.protocol import ObjectInfo
from rebond.vault.access import Vault
from rebond.vault.damaged_packs import ScannedPack, scan_pack
from rebond.vault.headers import HEADER_SIZE
from rebond.vault.index import IndexList, catalog_size, parse_index_list, read_index_object, verify_index_list
from rebond.vault.index_loading import note_left_out
from rebond.vault.pack_contents import PackContents
from rebond.vault.pack_table import PackTable
from rebond.vault.pack_tails import PackTail, TailTask, read_tails
from rebond.vault.packs import SegmentRow, pack_name

_START = HEADER_SIZE + 4
_GUESS = 64 << 10  # bytes: the catalog part of most lists


class CensusList(Struct, frozen=True, kw_only=True):
    """An index list that verified: its size, and the packs that it names."""

    name: ObjectName
    domain: DomainId
    size: int
    packs: tuple[bytes, ...]


class Census(Struct, kw_only=True):
    """Every pack that is listed, with what is known to be in it.

    ``unknown`` are packs whose content cannot be learnt; they are left alone. ``domains`` tells a
    pack's domain. ``unnamed`` are packs that no list names, known by their own tails. ``scanned`` are
    packs that no list names either, whose end is lost and which are marked as damaged. ``spoilt_lists``
    are not what was written, and a list of a keeper's or the owner's replaces them.
    """

    table: PackTable
    contents: PackContents
    lists: list[CensusList] = field(default_factory=list)
    domains: dict[bytes, DomainId] = field(default_factory=dict)
    unnamed: set[bytes] = field(default_factory=set)
    unknown: set[bytes] = field(default_factory=set)
    scanned: dict[bytes, ScannedPack] = field(default_factory=dict)
    spoilt_lists: tuple[ObjectName, ...] = ()

    def size_of(self, pack_hash: bytes) -> int:
        """The size that the store reported, in bytes; 0 for a pack that is not listed."""
        ordinal = self.table.find(pack_hash)
        return 0 if ordinal is None else self.table.size_at(ordinal)

    def add_new_packs(
        self, table: PackTable, packs: Mapping[bytes, tuple[DomainId, int, Sequence[SegmentRow]]]
    ) -> None:
        """Take in packs that were put since: pack hash → domain, size, rows. ``table`` is a listing after that."""
        self.table = table
        for pack_hash, (domain, _, rows) in packs.items():
            self.contents.add_pack(pack_hash, rows)
            self.domains[pack_hash] = domain


def take_census(vault: Vault, damaged: Collection[str] = ()) -> Census:
    """List packs, read every index list, and the tails of packs that no list names.

    Raises ``FormatTooNew`` for a list of a later format. A damaged or foreign one counts for nothing, and is reported
    unless it is replaced: what it named is learnt from the packs themselves. ``damaged`` are the names of packs in
    damage marks.
    """
    census = Census(table=PackTable.from_store(vault.store), contents=PackContents())
    bad: dict[ObjectName, RebondError] = {}
    replaced: set[str] = set()
    for index_list, info in read_lists(vault, bad.__setitem__):
        if vault.may_name_others(index_list.member):
            replaced.update(index_list.catalog.replaces)
        domain = DomainId(bytes.fromhex(info.name.split("/")[1]))
        packs = index_list.catalog.packs
        census.lists.append(
            CensusList(
                name=index_list.name, domain=domain, size=info.size, packs=tuple(pack.pack_hash for pack in packs)
            )
        )
        for pack in packs:
            if census.table.find(pack.pack_hash) is not None:
                census.contents.add_pack(pack.pack_hash, pack.rows)
                census.domains[pack.pack_hash] = domain
    there = {*bad, *(each.name for each in census.lists)}
    census.spoilt_lists = tuple(sorted(name for name in there & replaced if is_spoilt(vault, name)))
    for name in sorted(set(bad) - set(census.spoilt_lists)):
        vault.report(note_left_out(name, bad[name]))
    _read_unnamed(vault, census, damaged)
    return census


def is_spoilt(vault: Vault, name: ObjectName) -> bool:
    """Say whether an index list is there and is not what was written."""
    try:
        read_index_object(vault.store, name)
    except VaultDamaged:
        return True
    except ObjectMissing:
        return False
    return False


def _read_unnamed(vault: Vault, census: Census, damaged: Collection[str]) -> None:
    table = census.table
    tasks = (
        TailTask(None, table.hash_at(ordinal), table.size_at(ordinal))
        for ordinal in range(len(table))
        if table.hash_at(ordinal) not in census.contents
    )
    for task, tail in read_tails(vault, tasks):
        if isinstance(tail, PackTail):
            census.contents.add_pack(task.pack_hash, tail.rows)
            census.domains[task.pack_hash] = tail.domain
            census.unnamed.add(task.pack_hash)
        elif not isinstance(tail, ObjectMissing):  # one that another prune has just deleted is not left alone
            name = pack_name(task.pack_hash)
            scanned = scan_pack(vault, task.pack_hash) if name in damaged else None
            if scanned is not None:
                census.scanned[task.pack_hash] = scanned
            else:
                census.unknown.add(task.pack_hash)
                vault.report(_unknown_pack(name, tail))


def read_lists(
    vault: Vault, note: Callable[[ObjectName, RebondError], None] = lambda _name, _error: None
) -> Iterator[tuple[IndexList, ObjectInfo]]:
    """Yield every index list that verifies, its catalog part alone; ``note`` hears of the others."""
    for info in list(vault.store.list_objects("index/")):
        parts = info.name.split("/")
        if len(parts) != 3 or len(parts[1]) != 16:
            continue
        try:
            yield _read_catalog(vault, info, DomainId(bytes.fromhex(parts[1]))), info
        except (ObjectMissing, ValueError):
            continue  # replaced by another keeper since the listing, or no name of ours
        except (VaultDamaged, ForeignObject, WrongKey) as error:
            note(ObjectName(info.name), error)


def _read_catalog(vault: Vault, info: ObjectInfo, domain: DomainId) -> IndexList:
    try:
        content = vault.store.read(info.name, start=0, length=min(info.size, _GUESS))
        if len(content) >= _START and catalog_size(content) > len(content):
            content = vault.store.read(info.name, start=0, length=min(info.size, catalog_size(content)))
    except ShortRead as error:
        raise VaultDamaged("The index list {name} is shorter than the store said.", name=info.name) from error
    return _open_list(vault, ObjectName(info.name), domain, content)


def read_whole_list(vault: Vault, census_list: CensusList) -> IndexList:
    """Read a list with its chunk tables; raises ``VaultDamaged`` or ``ObjectMissing``."""
    return _open_list(vault, census_list.name, census_list.domain, read_index_object(vault.store, census_list.name))


def _open_list(vault: Vault, name: ObjectName, domain: DomainId, content: bytes) -> IndexList:
    keys = vault.credentials.catalog(domain).keys
    index_list, signed, signature = parse_index_list(name, content, vault.vault_id, keys)
    verify_index_list(vault.verify_key_of(index_list.member), signed, signature)
    return index_list


def _unknown_pack(name: str, error: VaultError) -> Finding:
    return Finding(
        code="pack-unknown",
        severity=Severity.DAMAGE,
        subject=name,
        template="The pack {name} is left alone, because it does not say what it holds: {reason}",
        hint_template="Run 'rebond verify --repair': a damaged pack that it marks goes with a later prune.",
        values={"name": name, "reason": error},
    )
