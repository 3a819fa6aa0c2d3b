"""Where the chunks of a snapshot may be had, and where else to look when something is missing (§11).

First come the snapshot's own segments, then, when the one that it names is lost, every other segment of the domain: a
later backup may have stored its chunks again. Lost references or index lists do no harm either: the packs speak for
themselves.
"""

import threading
from collections.abc import Iterator

from rebond.errors import ForeignObject, ObjectMissing, VaultDamaged, WrongKey
from rebond.identifiers import DomainId, ObjectName
from rebond.vault.access import Vault
from rebond.vault.chunk_index import ROWS_HELD_PER_FIND, ROWS_LOADED_PER_FIND
from rebond.vault.index import read_index_object
from rebond.vault.index_loading import catalogs, merge_new_lists, open_list
from rebond.vault.local_cache import LocalCache
from rebond.vault.packs import SegmentRow, open_table, table_binding
from rebond.vault.primitives import HASH_SIZE
from rebond.vault.references import References
from rebond.vault.segment_places import SegmentPlace, SegmentPlaces
from rebond.vault.unlisted_packs import SelfDescribedPack, read_unlisted_packs

_RELIST_SECONDS = 60.0  # a long restore may meet two keepers; a lost segment must not cost a listing each


class SnapshotPlaces:
    """The places of one snapshot; without ``references``, which may be lost, every segment of the domain is its own.

    ``copies`` are those of every segment of the domain, where they are known: then the index is not read for it.
    ``find``, ``find_all`` and what makes ready for them belong to one thread; the others may be called from several.
    """

    def __init__(
        self,
        vault: Vault,
        domain: DomainId,
        references: References | None,
        cache: LocalCache,
        table_key: bytes,
        copies: SegmentPlaces | None = None,
    ) -> None:
        self._vault = vault
        self._domain = domain
        self._references = references
        self._cache = cache
        self._table_key = table_key
        self._context = vault.index_context(domain)
        self._lock = threading.RLock()
        self._relisted_at: float | None = None
        self._good: set[int] = set()  # own segments that have a place, as far as was asked
        self._is_wide = references is None or copies is not None  # whether ``_copies`` has all segments of the domain
        self._asked_packs = False
        self._unlisted: list[SelfDescribedPack] = []
        self._copies = self._load() if copies is None else copies
        rows = cache.chunks.row_count
        self._finds, self._finds_many = 0, (1 + rows // ROWS_HELD_PER_FIND, 1 + rows // ROWS_LOADED_PER_FIND)

    def _load(self) -> SegmentPlaces:
        present = merge_new_lists(self._context, self._cache, saves=False)
        copies = SegmentPlaces(self._cache.segments)
        for catalog in catalogs(self._context, self._cache, present):
            copies.add_catalog(catalog, self._is_needed)
        return copies

    def list_all_copies(self) -> SegmentPlaces:
        """Return the copies of every segment of the domain, for other snapshots of it."""
        if not self._is_wide:
            self._is_wide = True
            self._copies = self._load()
        return self._copies

    def expect_finds(self, count: int) -> None:
        """Make ready for about so many look-ups, as far as that costs less than it spares."""
        self._cache.chunks.expect_finds(count)

    def expect_many_finds(self) -> None:
        """Make ready for finding most chunks of the snapshot, where memory allows it."""
        self.expect_finds(1 + self._cache.chunks.row_count)

    def expect_no_finds(self) -> None:
        """Give back the memory of what was made ready: few look-ups follow, or none."""
        self._cache.chunks.expect_no_finds()

    def find_all(self, chunk_id: bytes) -> Iterator[int]:
        """Yield where a chunk may be had: the snapshot's own segments, then any other, then packs in no list."""
        others = []
        for place in self._cache.chunks.find(chunk_id):
            if self._is_own(*self._cache.segments.name_of(place)):
                if self._copies.has(place):
                    self._good.add(place)
                    yield place
            else:
                others.append(place)
        if others:
            self._widen()
            yield from (place for place in others if self._copies.has(place))
        if self.ask_packs():
            yield from (place for place in self._cache.chunks.find(chunk_id) if self._copies.has(place))

    def find(self, chunk_id: bytes) -> int:
        """Return a segment that holds a chunk of this snapshot; raises ``VaultDamaged`` when none does."""
        good = self._good
        self._finds += 1
        if self._finds in self._finds_many:  # nobody said so, and others are likely to follow
            self.expect_finds(self._finds)
        chunks = self._cache.chunks
        found = chunks.find_among(chunk_id, good)  # what is read anyway will do: asked for every file
        if found is not None:
            return found
        for place in chunks.find(chunk_id):
            if place in good:
                return place
        for place in self.find_all(chunk_id):
            return place
        raise VaultDamaged(
            "A chunk is in no segment that is left.",
            hint="Run 'rebond verify --read-data' to see which paths it reaches.",
        )

    def list_others(self, chunk_id: bytes, lost: int) -> list[int]:
        """Return every place of a chunk but the one that is lost."""
        with self._lock:
            return [place for place in self.find_all(chunk_id) if place != lost]

    def copies(self, place: int) -> Iterator[SegmentPlace]:
        """Yield the copies of a segment, as far as they are known by now."""
        return self._copies.copies(place)

    def read_index_again(self) -> None:
        """A keeper may have moved segments since: look once more, unless that was done just now.

        Only the places are read anew, not the chunk index, which belongs to the main thread.
        """
        with self._lock:
            now = self._vault.clock.monotonic()
            if self._relisted_at is None or now - self._relisted_at >= _RELIST_SECONDS:
                self._reload()
                self._relisted_at = now

    def _reload(self) -> set[bytes]:
        """Read every list in the store again; return the hashes of the packs that they name."""
        places = SegmentPlaces(self._cache.segments)
        packs: set[bytes] = set()
        for info in list(self._vault.store.list_objects(f"index/{self._domain.hex()}/")):
            try:
                content = read_index_object(self._vault.store, ObjectName(info.name))
                catalog = open_list(self._context, info.name, content).catalog
            except (VaultDamaged, ForeignObject, WrongKey, ObjectMissing):
                continue  # replaced since the listing, or reported when the lists were merged
            places.add_catalog(catalog, self._is_needed)
            packs.update(pack.pack_hash for pack in catalog.packs)
        for unlisted in self._unlisted:
            for row in unlisted.rows:
                places.add(unlisted.pack_hash, row)
        self._copies = places
        self._good.clear()
        return packs

    def _widen(self) -> None:
        """Take in every segment of the domain, once: something of this snapshot's own is missing."""
        with self._lock:
            if not self._is_wide:
                self._is_wide = True
                self._reload()

    def ask_packs(self) -> bool:
        """Ask packs that no list names for what they hold, once. ``False`` when that was done already."""
        with self._lock:
            if self._asked_packs:
                return False
            self._asked_packs = self._is_wide = True
            listed = self._reload()
            for pack in read_unlisted_packs(self._vault, listed, self._domain):
                self._unlisted.append(SelfDescribedPack(pack.pack_hash, pack.size, pack.domain, pack.rows, []))
                for row, table in zip(pack.rows, pack.tables, strict=True):
                    self._copies.add(pack.pack_hash, row)
                    self._add_chunks(row, table)
            return True

    def _add_chunks(self, row: SegmentRow, table: bytes) -> None:
        binding = table_binding(self._vault.vault_id, self._domain, row.session, row.number)
        try:
            ids = open_table(self._table_key, table, binding, row.chunk_count)
        except (VaultDamaged, WrongKey):
            return  # its chunks cannot be found without decoding it: verify --repair does that
        place = self._cache.segments.place(row.session, row.number)
        for start in range(0, len(ids), HASH_SIZE):
            self._cache.chunks.add(ids[start : start + HASH_SIZE], place)

    def _is_own(self, session: bytes, number: int) -> bool:
        return self._references is None or (session, number) in self._references

    def _is_needed(self, session: bytes, number: int) -> bool:
        return self._is_wide or self._is_own(session, number)
