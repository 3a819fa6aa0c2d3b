"""Putting packs, then the lists that name them, then the journal's word of both (§9.5)."""

import contextlib
import threading
from collections.abc import Sequence

from msgspec import Struct

from rebond.errors import ObjectExists, RebondError
from rebond.identifiers import DomainId
from rebond.vault.access import Vault
from rebond.vault.index import LIST_LIMIT, build_index_list, catalog_size, index_name
from rebond.vault.local_cache import LocalCache
from rebond.vault.packs import FilledPack, SegmentRow, hash_in_name
from rebond.vault.sessions import SessionJournal

PACKS_PER_LIST = 8
SECONDS_PER_LIST = 60.0
HEARTBEAT_SECONDS = 300.0
LOOK_SECONDS = 15.0  # how often the heart looks whether a beat is due


class UnlistedPack(Struct, frozen=True):
    """A pack that was put and that no list names yet."""

    pack_hash: bytes
    size: int
    rows: Sequence[SegmentRow]
    tables: Sequence[bytes | memoryview]

    @property
    def weight(self) -> int:
        """About how many bytes of a list it takes."""
        return sum(len(table) for table in self.tables) + 150 * len(self.rows)


class PackPutter:
    """Puts the packs of one session; may be called from several threads.

    A pack is noted on this host, so that the run after one that is killed here finds it again; then
    put, then named by an index list, then by the journal. A note of a pack that is not in the store
    is worth nothing, and the next run drops it.
    """

    def __init__(self, vault: Vault, domain: DomainId, cache: LocalCache, journal: SessionJournal) -> None:
        self._vault = vault
        self._domain = domain
        self._cache = cache
        self._journal = journal
        self._lock = threading.Lock()
        self._unlisted: list[UnlistedPack] = []
        self._list_bytes = 0
        self._last_list = vault.clock.monotonic()
        self._stop = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._heart.start()
        self.put_bytes = 0
        self.put_hashes: list[bytes] = []

    def adopt(self, pack: UnlistedPack) -> None:
        """Take over a pack of a session that was cut short: the next list names it."""
        with self._lock:
            self._add(pack)

    def put(self, pack: FilledPack) -> None:
        """Make a pack durable in the store."""
        unlisted = UnlistedPack(pack.pack_hash, len(pack.content), pack.rows, pack.tables)
        self._cache.note_unlisted(pack.pack_hash, self._build([unlisted]))
        with contextlib.suppress(ObjectExists):  # named by its own hash: the same bytes are there already
            self._vault.store.put_if_absent(pack.name, pack.content)
        with self._lock:
            self.put_bytes += len(pack.content)
            self.put_hashes.append(pack.pack_hash)
            self._add(unlisted)
            is_due = self._vault.clock.monotonic() - self._last_list >= SECONDS_PER_LIST
            if len(self._unlisted) >= PACKS_PER_LIST or is_due or self._list_bytes >= LIST_LIMIT // 2:
                self._put_lists()

    def finish(self) -> None:
        """Name every pack in a list; nothing is put after this."""
        self.stop()
        with self._lock:
            if self._unlisted:
                self._put_lists()

    def stop(self) -> None:
        """Stop the heartbeat; what is put stays noted for the next run."""
        self._stop.set()
        self._heart.join()

    def _add(self, pack: UnlistedPack) -> None:
        self._unlisted.append(pack)
        self._list_bytes += pack.weight

    def _build(self, packs: Sequence[UnlistedPack]) -> bytes:
        credentials = self._vault.credentials
        return build_index_list(
            [(p.pack_hash, p.size, p.rows, p.tables) for p in packs],
            vault_id=self._vault.vault_id,
            domain=self._domain,
            catalog_key=credentials.catalog(self._domain).current,
            member=credentials.member,
            signing_key=credentials.signing_key,
        )

    def _put_lists(self) -> None:
        """Name all packs that no list names yet: in one list, unless runs that were killed left very many."""
        packs, self._unlisted, self._list_bytes = self._unlisted, [], 0
        together: list[UnlistedPack] = []
        size = 0
        for pack in packs:
            if together and size + pack.weight > LIST_LIMIT // 2:
                self._put_list(together)
                together, size = [], 0
            together.append(pack)
            size += pack.weight
        self._put_list(together)

    def _put_list(self, packs: Sequence[UnlistedPack]) -> None:
        content = self._build(packs)
        name = index_name(self._domain, content)
        with contextlib.suppress(ObjectExists):  # named by its own hash too
            self._vault.store.put_if_absent(name, content)
        list_hash = hash_in_name(name) or b""
        self._cache.keep_catalog(list_hash, content[: catalog_size(content)])
        self._cache.merged_lists.add(list_hash)
        for pack in packs:
            self._cache.forget_unlisted(pack.pack_hash)
        self._last_list = self._vault.clock.monotonic()
        self._journal.note_progress([name, *(pack.pack_hash.hex() for pack in packs)])

    def _beat(self) -> None:
        """Give a sign of life while nothing is put: a session that is silent may be voided."""
        while not self._stop.wait(LOOK_SECONDS):
            try:
                with self._lock:
                    if self._journal.seconds_since_last() >= HEARTBEAT_SECONDS:
                        self._journal.note_progress([])
            except RebondError:
                continue  # the next put says it; a missed beat costs a retry at the most


def unlisted_from_list(rows: Sequence[SegmentRow], pack_hash: bytes, size: int, tables: memoryview) -> UnlistedPack:
    """Rebuild what ``note_unlisted`` kept, with table offsets as the rows of a pack have them."""
    cut = [tables[row.table_offset : row.table_offset + row.table_length] for row in rows]
    return UnlistedPack(pack_hash, size, list(rows), cut)
