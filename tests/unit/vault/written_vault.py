"""A small vault in memory and the hosts that write to it."""

import random
from pathlib import Path

from rebond.identifiers import ObjectName, SessionId
from rebond.store.memory import MemoryStore
from rebond.store.protocol import Store
from rebond.testing.manual_clock import ManualClock
from rebond.testing.memory_tree import MemoryTree
from rebond.testing.vaults import make_vault, open_made
from rebond.vault.access import Vault
from rebond.vault.credentials import Credentials
from rebond.vault.index import build_index_list, index_name, parse_index_list
from rebond.vault.packs import PackBuilder, PackedSegment, pack_name


class WrittenVault:
    """Store, clock and owner of a new vault, and a tree worth saving."""

    def __init__(self, caches: Path) -> None:
        self.clock = ManualClock()
        self.store = MemoryStore(self.clock)
        self.created = make_vault(self.store, self.clock)
        self.caches = caches
        self.tree = MemoryTree()
        for number in range(9):
            self.tree.write(f"d{number % 3}/{number}", random.Random(number).randbytes(2000))

    def vault(self, host: str = "host", store: Store | None = None) -> Vault:
        """Open it as its owner; each host has caches of its own."""
        self.clock.advance(1)
        return open_made(self.created, store or self.store, self.clock, self.caches / host)

    def names(self, prefix: str) -> list[str]:
        return [info.name for info in self.store.list_objects(prefix)]


def move_packs(store: Store, credentials: Credentials) -> None:
    """Do what a keeper does: new packs with the same segments, a list that names them, and the old ones gone."""
    domain = credentials.writing_domain()
    keys = credentials.catalog(domain)
    lists = [ObjectName(info.name) for info in store.list_objects("index/")]
    for name in lists:
        index_list, _, _ = parse_index_list(name, store.read(name), credentials.vault_id, keys.keys)
        builder = PackBuilder(credentials.vault_id, domain)
        for pack in index_list.catalog.packs:
            content = store.read(pack_name(pack.pack_hash))
            for row in reversed(pack.rows):
                stored = content[row.offset : row.offset + row.stored_length]
                table = bytes(index_list.table(row))
                session, rest = SessionId(row.session), (row.stored_hash, row.raw_length, table, row.chunk_count)
                builder.add(PackedSegment(session, row.number, row.kind, stored, *rest))
        filled = builder.fill(keys.current)
        store.put_if_absent(filled.name, filled.content)
        content = build_index_list(
            [(filled.pack_hash, len(filled.content), filled.rows, filled.tables)],
            vault_id=credentials.vault_id,
            domain=domain,
            catalog_key=keys.current,
            member=credentials.member,
            signing_key=credentials.signing_key,
        )
        store.put_if_absent(index_name(domain, content), content)
        for pack in index_list.catalog.packs:
            store.delete(pack_name(pack.pack_hash))
        store.delete(name)
