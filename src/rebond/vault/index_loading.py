"""Bringing the local index up to the vault, and deciding which segments are usable (§9.3)."""

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress

from msgspec import Struct

from rebond.errors import ForeignObject, ObjectMissing, RebondError, VaultDamaged, WrongKey
from rebond.findings import Finding, Severity
from rebond.identifiers import DomainId, ObjectName, VaultId
from rebond.store.asking_ahead import ask_ahead
from rebond.store.protocol import Store
from rebond.vault.credentials import CatalogKeys, DomainKeys
from rebond.vault.index import (
    IndexCatalog,
    IndexList,
    catalog_size,
    parse_index_list,
    read_index_object,
    verify_index_list,
)
from rebond.vault.local_cache import LocalCache
from rebond.vault.packs import SegmentRow, hash_in_name, open_table, table_binding
from rebond.vault.segments import SegmentKind

SAVED_FROM_BYTES = 64 << 20  # of new lists: they are made an index of, whoever reads them

VerifyKey = Callable[[bytes], bytes]  # member id → verify key; raises ForeignObject


class IndexContext(Struct, frozen=True, kw_only=True):
    """What is needed to open the index of one domain.

    ``verify_key_of`` returns a member's verify key and raises ``ForeignObject`` for one that the
    roster does not know. ``is_trusted`` says whether a member's segments may be referred to,
    ``may_name_others`` whether its lists may name segments that other members made.
    """

    store: Store
    vault_id: VaultId
    domain: DomainId
    catalog_keys: CatalogKeys
    domain_keys: DomainKeys
    verify_key_of: VerifyKey
    is_trusted: Callable[[bytes], bool]
    may_name_others: Callable[[bytes], bool]
    report: Callable[[Finding], None]


def merge_new_lists(context: IndexContext, cache: LocalCache, *, saves: bool = True) -> set[bytes]:
    """Read the lists that the cache does not know yet; return the hashes of all lists in the store.

    A damaged or foreign list is reported and left out: the chunks it names are stored again. Without
    ``saves``, for who wants few chunks, an index is made of them only when many are looked up after all.
    """
    present: set[bytes] = set()
    added = new_bytes = 0
    unknown: list[tuple[ObjectName, bytes]] = []
    for info in context.store.list_objects(f"index/{context.domain.hex()}/"):
        list_hash = hash_in_name(info.name)
        if list_hash is None:
            continue
        present.add(list_hash)
        if list_hash not in cache.merged_lists or cache.catalog(list_hash) is None:
            unknown.append((ObjectName(info.name), list_hash))
            new_bytes += info.size
    saves = saves or new_bytes >= SAVED_FROM_BYTES

    def read(item: tuple[ObjectName, bytes]) -> bytes | ObjectMissing | VaultDamaged:
        kept = cache.kept_list(item[1])
        if kept is not None:
            return kept
        try:
            return read_index_object(context.store, item[0])
        except (ObjectMissing, VaultDamaged) as error:
            return error

    for (name, list_hash), content in ask_ahead(context.store, unknown, read):
        try:
            if not isinstance(content, bytes):
                raise content
            _merge_list(context, cache, name, list_hash, content)
            if saves:
                cache.chunks.sort_tables()  # memory stays bounded, however many lists are new
                cache.merged_lists.add(list_hash)
            else:
                cache.keep_list(list_hash, content)
        except ObjectMissing:
            present.discard(list_hash)  # a keeper replaced it between the listing and the read
        except (VaultDamaged, ForeignObject, WrongKey) as error:
            present.discard(list_hash)
            context.report(note_left_out(name, error))
        else:
            added += 1
    if added and saves:
        with suppress(OSError):  # no room on this host: what was learnt is learnt again next time
            cache.save()
    cache.drop_lists_except(present)
    return present


def note_left_out(name: str, error: RebondError) -> Finding:
    """Say that an index list cannot be used."""
    return Finding(
        code=error.code,
        severity=Severity.DAMAGE,
        subject=name,
        template="The index list {name} is left out: {reason}",
        hint_template="Run 'rebond verify --repair' to rebuild it from the packs; the prune after that deletes it.",
        values={"name": name, "reason": error},
    )


def _merge_list(context: IndexContext, cache: LocalCache, name: ObjectName, list_hash: bytes, content: bytes) -> None:
    add_list_chunks(context, cache, open_list(context, name, content))
    cache.keep_catalog(list_hash, content[: catalog_size(content)])


def add_list_chunks(context: IndexContext, cache: LocalCache, index_list: IndexList) -> None:
    """Tell the chunk index of every chunk that a list names."""
    for pack in index_list.catalog.packs:
        for row in pack.rows:
            if row.kind in (SegmentKind.DATA, SegmentKind.TREE):
                _add_chunks(context, cache, index_list, row)


def open_list(context: IndexContext, name: str, content: bytes) -> IndexList:
    """Open a list and check its maker; raises ``VaultDamaged``, ``WrongKey`` or ``ForeignObject``."""
    index_list, signed, signature = parse_index_list(
        ObjectName(name), content, context.vault_id, context.catalog_keys.keys
    )
    verify_index_list(context.verify_key_of(index_list.member), signed, signature)
    if not context.may_name_others(index_list.member):
        require_own_rows(index_list)
    return index_list


def require_own_rows(index_list: IndexList) -> None:
    """Raise ``ForeignObject`` unless a writer's list names its own segments only: rows say whom to trust."""
    for pack in index_list.catalog.packs:
        if any(row.member != index_list.member for row in pack.rows):
            raise ForeignObject(
                "The index list {name} speaks for another writer than the one that signed it.", name=index_list.name
            )


def _add_chunks(context: IndexContext, cache: LocalCache, index_list: IndexList, row: SegmentRow) -> None:
    place = cache.segments.place(row.session, row.number)
    cache.chunks.add_table(open_chunk_table(context, index_list, row), place)


def open_chunk_table(context: IndexContext, index_list: IndexList, row: SegmentRow) -> bytes:
    """Return the chunk ids of a segment, concatenated; raises ``VaultDamaged`` or ``WrongKey``."""
    binding = table_binding(context.vault_id, context.domain, row.session, row.number)
    return open_table(context.domain_keys.table_key, index_list.table(row), binding, row.chunk_count)


def catalogs(context: IndexContext, cache: LocalCache, present: Collection[bytes]) -> list[IndexCatalog]:
    """Open the catalog parts of the lists in the store out of the cache; of what is gone from there, out of the store.

    A list that is passed over in silence would make content look lost that is in the vault.
    """
    found = []
    for list_hash in present:
        name = ObjectName(f"index/{context.domain.hex()}/{list_hash.hex()}")
        try:
            content = cache.catalog(list_hash) or read_index_object(context.store, name)
            found.append(open_list(context, name, content).catalog)
        except ObjectMissing:
            continue  # a keeper replaced it since the listing
        except (VaultDamaged, ForeignObject, WrongKey) as error:
            context.report(note_left_out(name, error))
    return found


def allow_usable(
    context: IndexContext,
    cache: LocalCache,
    present_lists: Collection[bytes],
    usable_packs: Mapping[bytes, int],
    marked_segments: Collection[tuple[bytes, int]],
) -> set[bytes]:
    """Declare usable every segment that §9.3 allows: indexed, in a pack that may be used, unmarked, trusted.

    ``usable_packs`` come with their sizes in bytes. Returns those whose size is not the one that was written: of these
    nothing is usable, so what they held is stored again.
    """
    spoilt: set[bytes] = set()
    for catalog in catalogs(context, cache, present_lists):
        for pack in catalog.packs:
            if pack.pack_hash not in usable_packs:
                continue
            if usable_packs[pack.pack_hash] != pack.size:
                spoilt.add(pack.pack_hash)
                continue
            for row in pack.rows:
                if context.is_trusted(row.member) and (row.session, row.number) not in marked_segments:
                    cache.segments.allow(cache.segments.place(row.session, row.number), row.raw_length)
    return spoilt
