"""Reading a snapshot: tree objects and chunks out of sealed segments (§11).

A chunk is taken from any copy whose bytes have the row's hash, open, and have the chunk's own id.
A copy that fails is reported and the next one tried; a pack that is gone makes the index be read
again once, because a keeper may have moved its segments.
"""

import threading
from collections import OrderedDict
from collections.abc import Collection, Iterator

from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey

from rebond.errors import FormatTooNew, ObjectMissing, RebondError, ShortRead, VaultDamaged, WrongKey
from rebond.findings import Finding, Severity
from rebond.identifiers import DomainId, ObjectName
from rebond.vault.access import Vault
from rebond.vault.commits import load_references
from rebond.vault.frames import ChunkTable, open_frame, split_chunks
from rebond.vault.index import read_index_object
from rebond.vault.index_loading import IndexContext, catalogs, merge_new_lists, open_list
from rebond.vault.packs import pack_name
from rebond.vault.primitives import keyed_id, sealing_private_key
from rebond.vault.references import References
from rebond.vault.segment_places import SegmentPlace, SegmentPlaces
from rebond.vault.segments import decode_segment_header, open_segment, segment_matches
from rebond.vault.snapshots import PrivateComponent, PrivatePart, SnapshotRecord, open_private_part
from rebond.vault.trees import StoredEntry, read_chunk_rows, read_directory

_TREE_SEGMENTS_KEPT = 6


class DecodedSegment:
    """An opened segment whose chunks all have their own ids, by the first 16 bytes of these."""

    __slots__ = ("_positions", "_table")

    def __init__(self, table: ChunkTable, id_key: bytes) -> None:
        """Check every chunk; raises ``VaultDamaged`` unless each is what its id says."""
        for position, chunk_id in enumerate(table.ids):
            if keyed_id(id_key, table.content(position)) != chunk_id:
                raise VaultDamaged("A chunk is not what its id says.")
        self._table = table
        self._positions = {chunk_id[:16]: i for i, chunk_id in enumerate(table.ids)}

    def find(self, short_id: bytes) -> memoryview | None:
        """Return a chunk, ``None`` when it is not here."""
        position = self._positions.get(short_id)
        return None if position is None else self._table.content(position)

    def __contains__(self, short_id: bytes) -> bool:
        return short_id in self._positions

    def __len__(self) -> int:
        return len(self._table.raw)


class SnapshotReader:
    """Reads the content of one snapshot; for the owner. Used as a context manager.

    ``find_place``, ``read_object`` and ``close`` belong to one thread; ``fetch`` may be called
    from several.
    """

    def __init__(self, vault: Vault, record: SnapshotRecord) -> None:
        self._vault = vault
        self.record = record
        self._references: References = load_references(vault, record)
        self._private_keys: dict[int, MLKEM768X25519PrivateKey] = {}
        self.part: PrivatePart = open_private_part(record, self._key_of(record.private_segment))
        self._trees: OrderedDict[int, DecodedSegment] = OrderedDict()
        self._lock = threading.Lock()
        self._relisted = False

    def __enter__(self) -> "SnapshotReader":
        self._domain: DomainId = self.record.domain
        self._keys = self._vault.credentials.domain_keys(self._domain)
        self._cache = self._vault.open_cache(self._domain)
        try:
            self._context: IndexContext = self._vault.index_context(self._domain)
            self._load_places()
        except BaseException:
            self._cache.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._cache.close()

    def _load_places(self) -> None:
        present = merge_new_lists(self._context, self._cache)
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
            segment = self._trees.get(place)
            if segment is None:
                try:
                    segment = self.fetch(place, (short,), is_tree=True)
                except VaultDamaged:
                    continue
                self._trees[place] = segment
                if len(self._trees) > _TREE_SEGMENTS_KEPT:
                    self._trees.popitem(last=False)
            else:
                self._trees.move_to_end(place)
            content = segment.find(short)
            if content is not None:
                return bytes(content)
        raise VaultDamaged(
            "A piece of the directory tree is missing or damaged.",
            hint="Run 'rebond verify --read-data' to see which paths it reaches.",
        )

    def directory(self, directory_id: bytes) -> Iterator[StoredEntry]:
        """Yield the entries of a directory in order."""
        return read_directory(directory_id, self.read_object)

    def chunk_rows(self, entry: StoredEntry) -> Iterator[tuple[bytes, int]]:
        """Yield (chunk id, length) of a file in order."""
        return read_chunk_rows(entry, self.read_object)

    # -- chunks and segments ----------------------------------------------------------------------

    def _find_places(self, chunk_id: bytes) -> Iterator[int]:
        for place in self._cache.chunks.find(chunk_id):
            if self._cache.segments.name_of(place) in self._references:
                yield place

    def find_place(self, chunk_id: bytes, avoided: frozenset[int] = frozenset()) -> int:
        """Return the segment that holds a chunk of this snapshot; raises ``VaultDamaged`` when none does."""
        for place in self._find_places(chunk_id):
            if place not in avoided:
                return place
        raise VaultDamaged(
            "A chunk is in no segment that the index knows.",
            hint="Run 'rebond verify --repair' to rebuild the index, then try again.",
        )

    def fetch(self, place: int, wanted: Collection[bytes] = (), *, is_tree: bool = False) -> DecodedSegment:
        """Read, open and check a segment from the first good copy that holds the chunks ``wanted``.

        ``wanted`` are the first 16 bytes of ids. Raises ``VaultDamaged`` when no copy will do. May be
        called from several threads.
        """
        for attempt in range(2):
            for copy in list(self.places.copies(place)):
                opened = self._try_copy(place, copy, wanted, is_tree)
                if opened is not None:
                    return opened
            if attempt == 0 and not self._read_index_again():
                break
        session, number = self._cache.segments.name_of(place)
        raise VaultDamaged(
            "No good copy of segment {session}.{number} is left.",
            hint="Run 'rebond verify' to see which paths it reaches; the next backup stores what the source still has.",
            session=session.hex(),
            number=number,
        )

    def _try_copy(
        self, place: int, copy: SegmentPlace, wanted: Collection[bytes], is_tree: bool
    ) -> DecodedSegment | None:
        name = pack_name(copy.pack_hash)
        try:
            stored = self._vault.store.read(name, start=copy.offset, length=copy.stored_length)
            if not segment_matches(stored, copy.stored_hash):
                raise VaultDamaged("The bytes are not those that were written.")
            header = decode_segment_header(stored)
            if (header.session, header.number) != self._cache.segments.name_of(place):
                raise VaultDamaged("It is another segment.")
            table = split_chunks(open_frame(open_segment(stored, self._key_of(stored))))
            segment = DecodedSegment(table, self._keys.tree_id_key if is_tree else self._keys.data_id_key)
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

    def _read_index_again(self) -> bool:
        """A keeper may have moved segments since; look once more. ``False`` when that was done already.

        Only the places are read anew, not the chunk index, which belongs to the main thread.
        """
        with self._lock:
            if self._relisted:
                return False
            self._relisted = True
            places = SegmentPlaces(self._cache.segments)
            for info in list(self._vault.store.list_objects(f"index/{self._domain.hex()}/")):
                try:
                    content = read_index_object(self._vault.store, ObjectName(info.name))
                    catalog = open_list(self._context, info.name, content).catalog
                except RebondError:
                    continue  # reported when the lists were merged
                places.add_catalog(catalog, self._is_needed)
            self.places = places
            return True

    def _is_needed(self, session: bytes, number: int) -> bool:
        return (session, number) in self._references
