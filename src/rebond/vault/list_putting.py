"""Index lists as a keeper makes them: of several members' segments, in lists of a bearable size (§5)."""

from collections.abc import Iterable, Sequence

import msgspec

from rebond.identifiers import DomainId, ObjectName
from rebond.vault.access import Vault
from rebond.vault.credentials import Role
from rebond.vault.index import LIST_LIMIT, IndexedPack, IndexList, build_index_list, index_name
from rebond.vault.packs import SegmentRow

ListEntry = tuple[bytes, int, Sequence[SegmentRow], Sequence[bytes]]
"""Pack hash, size in bytes, rows with their members, chunk tables."""

_ROW_BYTES = 160


def rows_with_member(vault: Vault, index_list: IndexList, pack: IndexedPack) -> list[SegmentRow]:
    """Return a pack's rows, each with the member that answers for it.

    A writer's list names that writer only, whatever it says: otherwise a keeper who merges it would
    lend another member's good name to the segment.
    """
    if vault.roster.member(index_list.member).role != Role.WRITER:
        return list(pack.rows)
    return [msgspec.structs.replace(row, member=bytes(index_list.member)) for row in pack.rows]


def put_lists(
    vault: Vault, domain: DomainId, entries: Iterable[ListEntry], replaces: Sequence[str] = ()
) -> list[ObjectName]:
    """Put as many lists as it takes; the last one says what they replace together. Returns their names."""
    names: list[ObjectName] = []
    waiting: list[ListEntry] = []
    size = 0
    for entry in entries:
        weight = sum(map(len, entry[3])) + _ROW_BYTES * len(entry[2])
        if waiting and size + weight > LIST_LIMIT:
            names.append(_put_list(vault, domain, waiting, ()))
            waiting, size = [], 0
        waiting.append(entry)
        size += weight
    if waiting:
        names.append(_put_list(vault, domain, waiting, replaces))
    return names


def _put_list(vault: Vault, domain: DomainId, entries: Sequence[ListEntry], replaces: Sequence[str]) -> ObjectName:
    credentials = vault.credentials
    content = build_index_list(
        entries,
        vault_id=vault.vault_id,
        domain=domain,
        catalog_key=credentials.catalog(domain).current,
        member=credentials.member,
        signing_key=credentials.signing_key,
        replaces=replaces,
    )
    name = index_name(domain, content)
    vault.store.put_if_absent(name, content)
    return name
