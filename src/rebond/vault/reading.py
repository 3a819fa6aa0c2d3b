"""Reading a snapshot: tree objects and chunks out of sealed segments (§11).

A chunk is taken from any copy whose bytes have the row's hash, open, and have the chunk's own id.
A copy that fails is reported and the next one tried; a pack that is gone makes the index be read
again once, because a keeper may have moved its segments. Where else a lost chunk is looked for is
known to ``snapshot_places``.
"""

from collections.abc import Collection, Iterator, Sequence

from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey
from msgspec import Struct

from rebond.errors import FormatTooNew, ObjectMissing, ShortRead, VaultDamaged, WrongKey
from rebond.findings import Finding, Severity
from rebond.identifiers import DomainId
from rebond.store.protocol import Store
from rebond.vault.access import Vault
from rebond.vault.commits import load_references
from rebond.vault.decoded_segments import DecodedSegment, GatheredChunks, StoredCopy
from rebond.vault.kept_segments import KeptSegments
from rebond.vault.local_cache import LocalCache
from rebond.vault.named_entries import find_entries
from rebond.vault.packs import pack_name
from rebond.vault.references import References
from rebond.vault.sealing_keys import SealingKeys
from rebond.vault.segment_places import SegmentPlace, SegmentPlaces
from rebond.vault.segments import decode_segment_header
from rebond.vault.snapshot_places import SnapshotPlaces
from rebond.vault.snapshots import PrivateComponent, PrivatePart, SnapshotRecord, open_private_part
from rebond.vault.stored_copies import read_stored_copies
from rebond.vault.trees import StoredEntry, read_chunk_rows, read_directory

_KEPT_ENTRIES = 50_000  # of directories that are looked into twice; some 20 MB


class OpenDomain(Struct, frozen=True):
    """What an open reader knows of its domain, for readers of other snapshots: in one thread, closed before it."""

    cache: LocalCache
    copies: SegmentPlaces
    trees: KeptSegments


class SnapshotReader:
    """Reads the content of one snapshot; for the owner. Used as a context manager.

    ``among`` is what is open of its domain. To open many snapshots without it is nearly all there is to do for them.

    ``find_place`` and ``read_object`` belong to one thread; ``fetch`` may be called from several.
    """

    def __init__(self, vault: Vault, record: SnapshotRecord, among: OpenDomain | None = None) -> None:
        self._vault = vault
        self._among = among
        self.record = record
        self._references: References | None = self._load_references()
        self._sealing_keys = SealingKeys(vault.credentials)
        self.part: PrivatePart = open_private_part(record, self._key_of(record.private_segment))
        self._trees = KeptSegments() if among is None else among.trees
        self._directories: dict[bytes, list[StoredEntry]] = {}  # that were read, and will be again
        self._room = _KEPT_ENTRIES

    def __enter__(self) -> "SnapshotReader":
        self._domain: DomainId = self.record.domain
        self._keys = self._vault.credentials.domain_keys(self._domain)
        self._cache = self._vault.open_cache(self._domain) if self._among is None else self._among.cache
        copies = self._among.copies if self._among is not None else None
        try:
            self._places = SnapshotPlaces(
                self._vault, self._domain, self._references, self._cache, self._keys.table_key, copies
            )
            if self._among is None:
                self._cache.detach()  # a long restore must not take the cache away from the backups beside it
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._among is None:
            self._cache.close()

    def open_domain(self) -> OpenDomain:
        """Return what is open, for readers of other snapshots of the same domain."""
        return OpenDomain(self._cache, self._places.list_all_copies(), self._trees)

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
                    values={"name": name, "reason": error},
                )
            )
            return None

    def _key_of(self, stored: bytes) -> MLKEM768X25519PrivateKey:
        return self._sealing_keys.of_epoch(decode_segment_header(stored).epoch)

    # -- components and trees ---------------------------------------------------------------------

    @property
    def components(self) -> list[PrivateComponent]:
        """The components of the snapshot, with their roots."""
        return self.part.components

    def read_object(self, object_id: bytes) -> bytes:
        """Return a tree object; raises ``VaultDamaged`` when no copy of it is good."""
        short = object_id[:16]
        if (near := self._trees.find_near(short)) is not None:
            return bytes(near)
        for place in self._places.find_all(object_id):
            segment = self._trees.find(place)
            if segment is None:
                try:
                    segment = self.fetch(place, (short,), is_tree=True)
                except VaultDamaged:
                    continue
                self._trees.keep(place, segment)
            content = self._trees.find_in(segment, short)
            if content is not None:
                return bytes(content)
        raise VaultDamaged(
            "A piece of the directory tree is missing or damaged.",
            hint="Run 'rebond verify --read-data' to see which paths it reaches.",
        )

    def directory(self, directory_id: bytes, names: Collection[bytes] | None = None) -> Iterator[StoredEntry]:
        """Yield the entries of a directory in order; with ``names``, those that have one of them."""
        known = self._directories.get(directory_id)
        if names is None:
            return read_directory(directory_id, self.read_object) if known is None else iter(known)
        if known is not None:
            return (entry for entry in known if entry.name in names)
        return find_entries(directory_id, names, self.read_object)

    def keep_directory(self, directory_id: bytes, names: Collection[bytes] | None = None) -> Iterator[StoredEntry]:
        """Yield the entries of a directory in order, and keep them for the next time, as far as there is room.

        Only those with one of the ``names``, where such are given: they are not kept.
        """
        if names is not None:
            yield from self.directory(directory_id, names)
            return
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

    # -- chunks and segments ----------------------------------------------------------------------

    def expect_finds(self, count: int) -> None:
        """Make ready for about so many look-ups, as far as that costs less than it spares."""
        self._places.expect_finds(count)

    def expect_many_finds(self) -> None:
        """Make ready for finding most chunks of the snapshot, where memory allows it."""
        self._places.expect_many_finds()

    def find_place(self, chunk_id: bytes) -> int:
        """Return a segment that holds a chunk of this snapshot; raises ``VaultDamaged`` when none does."""
        return self._places.find(chunk_id)

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
        for renew in (None, self._places.read_index_again, self._places.ask_packs):
            if renew is not None:
                renew()  # what another thread has just looked up anew counts as well
            for copy in [one for one in self._places.copies(place) if one not in tried]:
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
        return next(iter(self._places.copies(place)), None)

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

    def let_go_of_plan(self) -> None:
        """Give back what only planning needs: opened tree segments, the index. What is asked later is read again."""
        self._trees = KeptSegments()
        self._places.expect_no_finds()

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
            for place in self._places.list_others(short_id, lost):
                copies = list(self._places.copies(place))
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
                    values={"name": name, "reason": error},
                )
            )
            return None
