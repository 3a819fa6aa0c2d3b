"""Reading a snapshot: tree objects and chunks out of sealed segments (§11).

A chunk is taken from any copy whose bytes have the row's hash, open, and have the chunk's own id.
A copy that fails is reported and the next one tried; a pack that is gone makes the index be read
again once, because a keeper may have moved its segments. When the segment that the snapshot names
is lost, its chunks are looked for in every other segment of the domain: a later backup may have
stored them again. Lost references or index lists do no harm either: the packs speak for themselves.
"""

import threading
from collections.abc import Collection, Iterator, Sequence

from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey

from rebond.errors import ForeignObject, FormatTooNew, ObjectMissing, ShortRead, VaultDamaged, WrongKey
from rebond.findings import Finding, Severity
from rebond.identifiers import DomainId, ObjectName
from rebond.store.protocol import Store
from rebond.vault.access import Vault
from rebond.vault.chunk_index import ROWS_HELD_PER_FIND, ROWS_LOADED_PER_FIND
from rebond.vault.commits import load_references
from rebond.vault.decoded_segments import DecodedSegment, GatheredChunks, StoredCopy
from rebond.vault.index import read_index_object
from rebond.vault.index_loading import IndexContext, catalogs, merge_new_lists, open_list
from rebond.vault.kept_segments import KeptSegments
from rebond.vault.packs import SegmentRow, open_table, pack_name, table_binding
from rebond.vault.primitives import HASH_SIZE, sealing_private_key
from rebond.vault.references import References
from rebond.vault.segment_places import SegmentPlace, SegmentPlaces
from rebond.vault.segments import decode_segment_header
from rebond.vault.snapshots import PrivateComponent, PrivatePart, SnapshotRecord, open_private_part
from rebond.vault.stored_copies import read_stored_copies
from rebond.vault.trees import StoredEntry, read_chunk_rows, read_directory
from rebond.vault.unlisted_packs import SelfDescribedPack, read_unlisted_packs

_KEPT_ENTRIES = 50_000  # of directories that are looked into twice; some 20 MB
_RELIST_SECONDS = 60.0  # a long restore may meet two keepers; a lost segment must not cost a listing each


class SnapshotReader:
    """Reads the content of one snapshot; for the owner. Used as a context manager.

    ``find_place``, ``read_object`` and ``close`` belong to one thread; ``fetch`` may be called
    from several.
    """

    def __init__(self, vault: Vault, record: SnapshotRecord) -> None:
        self._vault = vault
        self.record = record
        self._references: References | None = self._load_references()
        self._private_keys: dict[int, MLKEM768X25519PrivateKey] = {}
        self.part: PrivatePart = open_private_part(record, self._key_of(record.private_segment))
        self._trees = KeptSegments()
        self._lock = threading.RLock()
        self._relisted_at: float | None = None
        self._good: set[int] = set()  # own segments that have a place, as far as was asked
        self._is_wide = self._references is None  # whether ``places`` has every segment of the domain
        self._asked_packs = False
        self._unlisted: list[SelfDescribedPack] = []
        self._directories: dict[bytes, list[StoredEntry]] = {}  # that were read, and will be again
        self._room = _KEPT_ENTRIES

    def __enter__(self) -> "SnapshotReader":
        self._domain: DomainId = self.record.domain
        self._keys = self._vault.credentials.domain_keys(self._domain)
        self._cache = self._vault.open_cache(self._domain)
        try:
            self._context: IndexContext = self._vault.index_context(self._domain)
            self._load_places()
            rows = self._cache.chunks.row_count
            self._finds, self._finds_many = 0, (1 + rows // ROWS_HELD_PER_FIND, 1 + rows // ROWS_LOADED_PER_FIND)
            self._cache.detach()  # a long restore must not take the cache away from the backups beside it
        except BaseException:
            self._cache.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._cache.close()

    def _load_references(self) -> References | None:
        """Return the segments of this snapshot; ``None`` when that list is lost: then all are in question."""
        try:
            return load_references(self._vault, self.record)
        except (VaultDamaged, WrongKey, FormatTooNew) as error:
            name = self.record.catalog.references_name or self.record.name
            self._vault.report(
                Finding(
                    code="references-damaged",
                    severity=Severity.DAMAGE,
                    subject=name,
                    template="The references {name} are lost; every segment is looked at instead: {reason}",
                    hint_template="Make a new backup, then forget this snapshot: prune cannot work with it.",
                    values={"name": name, "reason": error.message},
                )
            )
            return None

    def _load_places(self) -> None:
        present = merge_new_lists(self._context, self._cache, saves=False)
        self.places = SegmentPlaces(self._cache.segments)
        for catalog in catalogs(self._context, self._cache, present):
            self.places.add_catalog(catalog, self._is_needed)

    def _key_of(self, stored: bytes) -> MLKEM768X25519PrivateKey:
        epoch = decode_segment_header(stored).epoch
        if epoch not in self._private_keys:
            self._private_keys[epoch] = sealing_private_key(self._vault.credentials.sealing_seed(epoch))
        return self._private_keys[epoch]

    # -- components and trees ---------------------------------------------------------------------

    @property
    def components(self) -> list[PrivateComponent]:
        """The components of the snapshot, with their roots."""
        return self.part.components

    def read_object(self, object_id: bytes) -> bytes:
        """Return a tree object; raises ``VaultDamaged`` when no copy of it is good."""
        short = object_id[:16]
        for place in self._find_places(object_id):
            segment = self._trees.find(place)
            if segment is None:
                try:
                    segment = self.fetch(place, (short,), is_tree=True)
                except VaultDamaged:
                    continue
                self._trees.keep(place, segment)
            content = segment.find(short)
            if content is not None:
                return bytes(content)
        raise VaultDamaged(
            "A piece of the directory tree is missing or damaged.",
            hint="Run 'rebond verify --read-data' to see which paths it reaches.",
        )

    def directory(self, directory_id: bytes) -> Iterator[StoredEntry]:
        """Yield the entries of a directory in order."""
        known = self._directories.get(directory_id)
        return read_directory(directory_id, self.read_object) if known is None else iter(known)

    def keep_directory(self, directory_id: bytes) -> Iterator[StoredEntry]:
        """Yield the entries of a directory in order, and keep them for the next time, as far as there is room."""
        entries: list[StoredEntry] = []
        for entry in self.directory(directory_id):
            if len(entries) < self._room:
                entries.append(entry)
            yield entry
        if directory_id not in self._directories and len(entries) < self._room:
            self._directories[directory_id] = entries
            self._room -= len(entries) + 1

    def chunk_rows(self, entry: StoredEntry) -> Iterator[tuple[bytes, int]]:
        """Yield (chunk id, length) of a file in order."""
        return read_chunk_rows(entry, self.read_object)

    def expect_finds(self, count: int) -> None:
        """Make ready for about so many look-ups, as far as that costs less than it spares."""
        self._cache.chunks.expect_finds(count)

    def expect_many_finds(self) -> None:
        """Make ready for finding most chunks of the snapshot, where memory allows it."""
        self.expect_finds(1 + self._cache.chunks.row_count)

    # -- chunks and segments ----------------------------------------------------------------------

    def _find_places(self, chunk_id: bytes) -> Iterator[int]:
        """Yield where a chunk may be had: the snapshot's own segments, then any other, then packs in no list."""
        others = []
        for place in self._cache.chunks.find(chunk_id):
            if self._is_own(*self._cache.segments.name_of(place)):
                if self.places.has(place):
                    self._good.add(place)
                    yield place
            else:
                others.append(place)
        if others:
            self._widen()
            yield from (place for place in others if self.places.has(place))
        if self._ask_packs():
            yield from (place for place in self._cache.chunks.find(chunk_id) if self.places.has(place))

    def find_place(self, chunk_id: bytes) -> int:
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
        for place in self._find_places(chunk_id):
            return place
        raise VaultDamaged(
            "A chunk is in no segment that is left.",
            hint="Run 'rebond verify --read-data' to see which paths it reaches.",
        )

    def fetch(
        self,
        place: int,
        wanted: Collection[bytes] = (),
        *,
        is_tree: bool = False,
        ahead: StoredCopy | None = None,
        is_sparing: bool = False,
    ) -> DecodedSegment:
        """Read, open and check a segment from the first good copy that holds the chunks ``wanted``.

        ``ahead`` is what ``read_stored`` has given for it already; it is tried first. ``is_sparing`` decodes and checks
        no more than what is wanted needs, and nothing else is found in the result.
        ``wanted`` are the first 16 bytes of ids. When no copy will do they are gathered from other
        segments; what is in none is then not found in the result. Raises ``VaultDamaged`` when nothing
        of it is left. May be called from several threads.
        """
        if ahead is not None:
            opened = self._open_ahead(ahead, wanted, is_tree=is_tree, is_sparing=is_sparing)
            if opened is not None:
                return opened
        tried: set[SegmentPlace] = set()
        for renew in (None, self._read_index_again, self._ask_packs):
            if renew is not None:
                renew()  # what another thread has just looked up anew counts as well
            for copy in [one for one in self.places.copies(place) if one not in tried]:
                tried.add(copy)
                opened = self._try_copy(place, copy, wanted, is_tree=is_tree, is_sparing=is_sparing)
                if opened is not None:
                    return opened
        gathered = self._gather(place, wanted, is_tree=is_tree)
        if gathered is not None:
            return gathered
        session, number = self._cache.segments.name_of(place)
        raise VaultDamaged(
            "No good copy of segment {session}.{number} is left.",
            hint="Run 'rebond verify' to see which paths it reaches; the next backup stores what the source still has.",
            session=session.hex(),
            number=number,
        )

    def _open_ahead(
        self, copy: StoredCopy, wanted: Collection[bytes], *, is_tree: bool, is_sparing: bool
    ) -> DecodedSegment | None:
        """Open a copy that was read ahead; its faults are told when it is read again."""
        try:
            key = self._key_of(copy.stored)
            id_key = self._keys.tree_id_key if is_tree else self._keys.data_id_key
            segment = copy.open(key, id_key, wanted if is_sparing else None)
        except (VaultDamaged, WrongKey, FormatTooNew):
            return None
        return segment if all(short_id in segment for short_id in wanted) else None

    def first_copy(self, place: int) -> SegmentPlace | None:
        """Return where a segment lies, the first place if there are several; ``None`` when none is known."""
        return next(iter(self.places.copies(place)), None)

    def read_stored(self, place: int) -> StoredCopy | None:
        """Read the first copy of a segment as it is stored; nothing of it is checked, and its faults are not told.

        ``None`` when it is not there: ``fetch`` looks further. May be called from several threads.
        """
        copy = self.first_copy(place)
        return None if copy is None else self.read_together([(place, copy)])[0]

    def read_together(self, copies: Sequence[tuple[int, SegmentPlace]]) -> list[StoredCopy | None]:
        """Read copies that lie in one pack by one request; otherwise as ``read_stored`` does."""
        if not copies:
            return []
        return read_stored_copies(self._vault.store, self._vault.credentials, self._cache.segments, copies)

    def let_go_of_trees(self) -> None:
        """Give back the memory of opened tree segments: the walk is over. What is asked for later is read again."""
        self._trees = KeptSegments()

    @property
    def store(self) -> Store:
        """Where the vault lies."""
        return self._vault.store

    @property
    def data_id_key(self) -> bytes:
        """The key of the ids of this snapshot's chunks."""
        return self._keys.data_id_key

    def _gather(self, lost: int, wanted: Collection[bytes], *, is_tree: bool) -> DecodedSegment | None:
        """Look for the chunks of a lost segment in all others; ``None`` when there is not one of them."""
        found: dict[bytes, bytes] = {}
        for short_id in wanted:
            if short_id in found:
                continue
            with self._lock:
                places = [place for place in self._find_places(short_id) if place != lost]
            for place in places:
                copies = list(self.places.copies(place))
                opened = (self._try_copy(place, copy, (short_id,), is_tree=is_tree) for copy in copies)
                segment = next((each for each in opened if each is not None), None)
                if segment is not None:
                    contents = ((one, segment.find(one)) for one in wanted)
                    found.update((one, bytes(content)) for one, content in contents if content is not None)
                    break
        return GatheredChunks(found) if found else None

    def _try_copy(
        self, place: int, copy: SegmentPlace, wanted: Collection[bytes], *, is_tree: bool, is_sparing: bool = False
    ) -> DecodedSegment | None:
        name = pack_name(copy.pack_hash)
        try:
            stored = self._vault.store.read(name, start=copy.offset, length=copy.stored_length)
            session, number = self._cache.segments.name_of(place)
            found = StoredCopy(bytes(stored), copy.stored_hash, session, number, b"")
            id_key = self._keys.tree_id_key if is_tree else self._keys.data_id_key
            segment = found.open(self._key_of(stored), id_key, wanted if is_sparing else None)
            # Whoever may put packs can seal anything under this name; ids decide what it is.
            if not all(short_id in segment for short_id in wanted):
                raise VaultDamaged("It does not hold the chunks that it should.")
            return segment
        except ObjectMissing:
            return None
        except (VaultDamaged, WrongKey, FormatTooNew, ShortRead) as error:
            self._vault.report(
                Finding(
                    code="copy-damaged",
                    severity=Severity.DAMAGE,
                    subject=name,
                    template="A segment in {name} is damaged, another copy is tried: {reason}",
                    hint_template="Run 'rebond verify --read-data --repair'.",
                    values={"name": name, "reason": error.message},
                )
            )
            return None

    def _read_index_again(self) -> None:
        """A keeper may have moved segments since: look once more, unless that was done just now.

        Only the places are read anew, not the chunk index, which belongs to the main thread.
        """
        with self._lock:
            now = self._vault.clock.monotonic()
            if self._relisted_at is None or now - self._relisted_at >= _RELIST_SECONDS:
                self._reload_places()
                self._relisted_at = now

    def _reload_places(self) -> set[bytes]:
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
        self.places = places
        self._good.clear()
        return packs

    def _widen(self) -> None:
        """Take in every segment of the domain, once: something of this snapshot's own is missing."""
        with self._lock:
            if not self._is_wide:
                self._is_wide = True
                self._reload_places()

    def _ask_packs(self) -> bool:
        """Ask packs that no list names for what they hold, once. ``False`` when that was done already."""
        with self._lock:
            if self._asked_packs:
                return False
            self._asked_packs = self._is_wide = True
            listed = self._reload_places()
            for pack in read_unlisted_packs(self._vault, listed, self._domain):
                self._unlisted.append(SelfDescribedPack(pack.pack_hash, pack.size, pack.domain, pack.rows, []))
                for row, table in zip(pack.rows, pack.tables, strict=True):
                    self.places.add(pack.pack_hash, row)
                    self._add_chunks(row, table)
            return True

    def _add_chunks(self, row: SegmentRow, table: bytes) -> None:
        binding = table_binding(self._vault.vault_id, self._domain, row.session, row.number)
        try:
            ids = open_table(self._keys.table_key, table, binding, row.chunk_count)
        except (VaultDamaged, WrongKey):
            return  # its chunks cannot be found without decoding it: verify --repair does that
        place = self._cache.segments.place(row.session, row.number)
        for start in range(0, len(ids), HASH_SIZE):
            self._cache.chunks.add(ids[start : start + HASH_SIZE], place)

    def _is_own(self, session: bytes, number: int) -> bool:
        return self._references is None or (session, number) in self._references

    def _is_needed(self, session: bytes, number: int) -> bool:
        return self._is_wide or self._is_own(session, number)
