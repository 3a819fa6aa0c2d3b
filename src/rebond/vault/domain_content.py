"""All that one domain holds, for whoever checks it: where each chunk lies, and tree objects by id.

Works on a chunk index of its own, so that a long check never keeps a backup from its cache.
"""

from collections.abc import Iterable
from pathlib import Path

from msgspec.structs import replace

from rebond.errors import FormatTooNew, ObjectMissing, ShortRead, VaultDamaged, WrongKey
from rebond.findings import Finding
from rebond.identifiers import DomainId
from rebond.vault.access import Vault
from rebond.vault.decoded_segments import DecodedSegment, check_chunks
from rebond.vault.frames import open_frame, split_chunks
from rebond.vault.index_loading import catalogs, merge_new_lists
from rebond.vault.kept_segments import KeptSegments
from rebond.vault.local_cache import LocalCache, cache_directory
from rebond.vault.lost_segments import LostSegments
from rebond.vault.packs import SegmentRow, open_table, pack_name, table_binding
from rebond.vault.primitives import HASH_SIZE
from rebond.vault.sealing_keys import SealingKeys
from rebond.vault.segment_places import SegmentPlace, SegmentPlaces
from rebond.vault.segments import decode_segment_header, open_segment, segment_matches


class DomainContent:
    """The chunk index, the places and the tree objects of one domain. The caller closes it."""

    def __init__(self, vault: Vault, domain: DomainId, lost: LostSegments) -> None:
        self._vault = vault
        self._lost = lost
        self._domain = domain
        self._keys = vault.credentials.domain_keys(domain)
        self._sealing_keys = SealingKeys(vault.credentials)
        self._trees = KeptSegments()
        self._cache = LocalCache(cache_directory(verify_caches(vault), vault.vault_id, domain))
        try:
            context = replace(vault.index_context(domain), report=_ignore)
            present = merge_new_lists(context, self._cache)
            self.segments = self._cache.segments
            self.places = SegmentPlaces(self.segments)
            for catalog in catalogs(context, self._cache, present):
                self.places.add_catalog(catalog, lambda _session, _number: True)
        except BaseException:
            self._cache.close()
            raise

    def close(self) -> None:
        """Give the files back."""
        self._cache.close()

    def add_segment(self, pack_hash: bytes, row: SegmentRow, table: bytes) -> None:
        """Take a segment that no list names, with its sealed chunk table."""
        binding = table_binding(self._vault.vault_id, self._domain, row.session, row.number)
        try:
            ids = open_table(self._keys.table_key, table, binding, row.chunk_count)
        except (VaultDamaged, WrongKey):
            return
        self.places.add(pack_hash, row)
        place = self.segments.place(row.session, row.number)
        for start in range(0, len(ids), HASH_SIZE):
            self._cache.chunks.add(ids[start : start + HASH_SIZE], place)

    def places_of(self, chunk_id: bytes) -> Iterable[int]:
        """Yield the segments that the index says hold a chunk."""
        return self._cache.chunks.find(chunk_id)

    def is_lost(self, place: int, chunk_id: bytes) -> bool:
        """Whether a chunk cannot be had from a segment: it has no place, or its bytes are known to be bad."""
        if not self.places.has(place):
            return True
        return not self._lost.is_empty and self._lost.has_chunk(*self.segments.name_of(place), chunk_id)

    def read_object(self, object_id: bytes) -> bytes:
        """Return a tree object from the first good segment; raises ``VaultDamaged``."""
        short = object_id[:16]
        for place in self.places_of(object_id):
            if self.is_lost(place, object_id):
                continue
            segment = self._trees.find(place)
            if segment is None:
                segment = self._fetch(place)
                if segment is None:
                    continue
                self._trees.keep(place, segment)
            content = segment.find(short)
            if content is not None:
                return bytes(content)
        raise VaultDamaged("A piece of the directory tree is missing or damaged.")

    def _fetch(self, place: int) -> DecodedSegment | None:
        """Read, open and check a tree segment; one of which no copy is good is noted as lost."""
        session, number = self.segments.name_of(place)
        copies = list(self.places.copies(place))
        for copy in copies:
            segment = self._try(place, copy)
            if segment is not None:
                return segment
        for copy in copies:
            self._lost.add(pack_name(copy.pack_hash), session, number)
        return None

    def _try(self, place: int, copy: SegmentPlace) -> DecodedSegment | None:
        try:
            stored = self._vault.store.read(pack_name(copy.pack_hash), start=copy.offset, length=copy.stored_length)
            header = decode_segment_header(stored)
            is_it = (header.session, header.number) == self.segments.name_of(place)
            if not is_it or not segment_matches(stored, copy.stored_hash):
                return None
            frame = open_segment(stored, self._sealing_keys.of_epoch(header.epoch))
            table = split_chunks(open_frame(frame))
            check_chunks(table, self._keys.tree_id_key)
            return DecodedSegment(table)
        except (ObjectMissing, ShortRead, VaultDamaged, WrongKey, FormatTooNew):
            return None  # the caller notes the segment as lost when no copy is better


def verify_caches(vault: Vault) -> Path:
    """Where checks keep what they remember between runs."""
    return vault.caches / "verify"


def _ignore(_: Finding) -> None:
    """Lists are judged where they are read from the store; here only what is good matters."""
