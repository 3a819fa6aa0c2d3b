"""Turning a walk into tree objects: cached entries for what is unchanged, chunks for the rest (§9.4, §9.7)."""

from bisect import bisect_right
from collections.abc import Sequence

from msgspec.structs import replace

from rebond.entries import ClosedListing, Entry, EntryKind, Listing, Tree
from rebond.errors import SourceUnfit
from rebond.progress import Observer
from rebond.vault.begun_files import BegunFiles
from rebond.vault.cache_slices import NEVER_SAME, GatheredSlice
from rebond.vault.chunking import LEAST, Chunker
from rebond.vault.content_writing import ContentWriter
from rebond.vault.file_cache import SLICE_ENTRIES, USE, CacheReader, CacheRecord, CacheWriter
from rebond.vault.file_contents import NO_CONTENT, WHOLE_READ_LIMIT, FileContents, KeptContent
from rebond.vault.holes import clip_holes
from rebond.vault.open_directories import OpenDirectory
from rebond.vault.segment_directory import SegmentDirectory
from rebond.vault.tree_notices import notice_became_directory, notice_kept_from_before
from rebond.vault.trees import (
    CHUNK_ROW,
    decode_entry,
    store_directory,
    store_entry,
    store_whole_pages,
    with_directory,
)
from rebond.vault.walk_progress import WalkProgress

_MOST_GATHERED = 16_384  # entries of one directory; what can be kept of more is kept at once
_REMEMBERED_AFTER = 1 << 20  # bytes read; a run that is killed then leaves little to read again


class TreeWriter:
    """Saves one root. Made for one walk and used once. With ``knows_leaves`` listings are taken at their word."""

    knows_leaves = True

    def __init__(
        self,
        content: ContentWriter,
        segments: SegmentDirectory,
        tree_id_key: bytes,
        chunker: Chunker,
        *,
        component: str,
        cached: CacheReader,
        remember: CacheWriter,
        observer: Observer,
        begun: BegunFiles | None = None,
    ) -> None:
        self._content = content
        self._segments = segments
        self._tree_id_key = tree_id_key
        self._component = component
        self._cached = cached
        self._remember = remember
        self._observer = observer
        self._remembered_bytes = 0
        self._progress = WalkProgress(content, remember, observer)
        self._begun = begun
        self._contents = self._make_contents(chunker)
        self.totals = self._progress.totals

    def _make_contents(self, chunker: Chunker) -> FileContents:
        return FileContents(self._content, chunker, self._progress, self._observer, self._begun)

    def save(self, tree: Tree) -> tuple[bytes, bytes]:
        """Walk and keep everything; return the root directory's id and its encoded entry.

        Raises ``SourceError`` when the root cannot be walked; smaller faults are findings.
        """
        open_directories: list[OpenDirectory] = []
        root: tuple[bytes, bytes] | None = None
        for listing in tree.listings():
            while open_directories and open_directories[-1].depth >= listing.depth:
                self._finish(open_directories)
            open_directories.append(self._save_listing(listing))
            self._progress.report(listing.path)
        while open_directories:
            root = self._finish(open_directories)
        if root is None:
            raise SourceUnfit(
                "Nothing was found at the root of {component}.",
                hint="Check the path, and that what it holds is mounted.",
                component=self._component,
            )
        return root

    def _finish(self, open_directories: list[OpenDirectory]) -> tuple[bytes, bytes]:
        """Keep the innermost open directory and tell its parent."""
        done = open_directories.pop()
        names, entries, repeated = done.join_children()
        for name in repeated:
            self._observer.noticed(notice_became_directory(done.path + b"/" + name))
        directory_id = store_directory(names, entries, self._tree_id_key, self._content.keep_tree, done.pages)
        if open_directories:
            if open_directories[-1].pages:
                raise AssertionError("a subdirectory came into a directory that could have none")
            name = done.path.rpartition(b"/")[2]
            open_directories[-1].children.append((name, with_directory(done.encoded, directory_id)))
        return directory_id, done.encoded

    def _save_listing(self, listing: Listing) -> OpenDirectory:
        """Keep everything of one directory that is not a directory itself."""
        self.totals.directories += 1
        names = listing.names
        position, count = 0, len(names)
        is_leaf = (
            self.knows_leaves and count > _MOST_GATHERED and isinstance(listing, ClosedListing) and listing.is_leaf
        )
        opened = OpenDirectory(listing.depth, listing.path, b"", is_leaf=is_leaf)
        first = True
        records = self._cached.records_of(listing.path)
        record_and_bytes = next(records, None)
        while position < count or first:
            if record_and_bytes is None:
                end = min(count, position + SLICE_ENTRIES)
                self._save_slice(listing, opened, position, end, None, first)
            else:
                record, stored = record_and_bytes
                end = position + len(record.names)
                if self._is_same(record, listing, position, end, first):
                    self._reuse(record, stored, opened, names[position:end])
                else:
                    end = bisect_right(names, record.names[-1], position) if record.names else position
                    record_and_bytes = next(records, None)
                    if record_and_bytes is None:
                        end = min(count, max(end, position + SLICE_ENTRIES))
                    self._save_slice(listing, opened, position, end, record, first)
                    position, first = end, False
                    continue
                record_and_bytes = next(records, None)
            position, first = end, False
            self._relieve_memory(opened)
        return opened

    def _relieve_memory(self, opened: OpenDirectory) -> None:
        """Keep what is whole of a large directory, as its entries come."""
        if opened.is_leaf and len(opened.entries) > _MOST_GATHERED:
            opened.pages += store_whole_pages(opened.names, opened.entries, self._tree_id_key, self._content.keep_tree)

    def _is_same(self, record: CacheRecord, listing: Listing, start: int, end: int, first: bool) -> bool:
        """Whether a cached slice still holds, with every segment it uses."""
        if bool(record.directory) != first or (first and (not listing.stamp or record.stamp != listing.stamp)):
            return False
        names, stamps = listing.names[start:end], listing.stamps[start:end]
        if end > len(listing.names) or record.names != names or record.stamps != stamps:
            return False
        return self._all_usable(record.all_uses, record.sessions)

    def _all_usable(self, uses: bytes, sessions: list[bytes], *, with_avoided: bool = False) -> bool:
        segments = self._segments
        is_usable = segments.raw_length if with_avoided else self._content.is_usable
        for place_of_session, number, _ in USE.iter_unpack(uses):
            known = segments.known_number(sessions[place_of_session])
            if known is None or not is_usable(known << 24 | number):
                return False
        return True

    def _reuse(self, record: CacheRecord, stored: bytes, opened: OpenDirectory, names: Sequence[bytes]) -> None:
        """Take a slice that still holds. ``names`` are the listing's: the same, and there anyway."""
        if record.directory:
            opened.encoded = record.directory
        opened.names += names
        opened.entries += record.entries
        for place_of_session, number, size in USE.iter_unpack(record.all_uses):
            self._content.use(self._segments.place(record.sessions[place_of_session], number), size)
        self.totals.files += record.files
        self.totals.bytes += record.content_bytes
        self._remember.write_stored(stored)

    def _save_slice(
        self,
        listing: Listing,
        opened: OpenDirectory,
        start: int,
        end: int,
        record: CacheRecord | None,
        first: bool,
    ) -> None:
        """Keep the entries from ``start`` to ``end``; take from ``record`` what is unchanged in it."""
        directory = b""
        if first:
            directory = opened.encoded = self._directory_entry(listing, record)
        slice_ = GatheredSlice(listing.path, listing.stamp if first else b"", directory, self._segments)
        old = {name: i for i, name in enumerate(record.names)} if record is not None else {}
        names, stamps = listing.names, listing.stamps
        for position in range(start, end):
            if (self._is_much_unremembered() and len(slice_)) or len(slice_) >= SLICE_ENTRIES:
                self._remember_slice(slice_)
                slice_ = GatheredSlice(listing.path, b"", b"", self._segments)
            name, stamp = names[position], stamps[position]
            before = old.get(name)
            if before is not None and record is not None and stamp and record.stamps[before] == stamp:
                if self._all_usable(record.uses[before], record.sessions):
                    self._reuse_entry(record, before, opened, slice_)
                elif not self._save_entry(listing, position, opened, slice_):
                    self._fall_back(listing, record, before, opened, slice_)
            elif not position or name != names[position - 1]:  # a directory that changes may list a name twice
                self._save_entry(listing, position, opened, slice_)
            if not position & 63:
                self._progress.report(listing.path)
                self._relieve_memory(opened)
        self._remember_slice(slice_)

    def _fall_back(
        self, listing: Listing, record: CacheRecord, before: int, opened: OpenDirectory, slice_: GatheredSlice
    ) -> None:
        """Keep an unchanged file that cannot be read now: its segments were only to be left behind."""
        if self._all_usable(record.uses[before], record.sessions, with_avoided=True):
            self._reuse_entry(record, before, opened, slice_)
            self._observer.noticed(notice_kept_from_before(listing.path + b"/" + record.names[before]))

    def _is_much_unremembered(self) -> bool:
        return self.totals.read_bytes - self._remembered_bytes >= _REMEMBERED_AFTER

    def _remember_slice(self, slice_: GatheredSlice) -> None:
        self._remember.write(slice_.to_record())
        if self._begun is not None:
            self._begun.remembered()
        if self._is_much_unremembered():
            self._remember.flush()
            self._remembered_bytes = self.totals.read_bytes

    def _directory_entry(self, listing: Listing, record: CacheRecord | None) -> bytes:
        if record is not None and record.directory and listing.stamp and record.stamp == listing.stamp:
            return record.directory
        return store_entry(listing.directory(), tree_id_key=self._tree_id_key)

    def _reuse_entry(self, record: CacheRecord, before: int, opened: OpenDirectory, slice_: GatheredSlice) -> None:
        uses = [
            (self._segments.place(record.sessions[place_of_session], number), size)
            for place_of_session, number, size in USE.iter_unpack(record.uses[before])
        ]
        for place, size in uses:
            self._content.use(place, size)
        encoded = record.entries[before]
        entry = decode_entry(encoded)
        files, size_bytes = (1, entry.size) if entry.kind == EntryKind.FILE else (0, 0)
        self.totals.files += files
        self.totals.bytes += size_bytes
        opened.names.append(record.names[before])
        opened.entries.append(encoded)
        slice_.add(record.names[before], record.stamps[before], encoded, uses, files, size_bytes)

    def _save_entry(self, listing: Listing, position: int, opened: OpenDirectory, slice_: GatheredSlice) -> bool:
        """Describe, read and keep one thing; ``False`` when it cannot be had (reported)."""
        whole = listing.read_whole(position, WHOLE_READ_LIMIT)
        if whole is not None:
            self._add_whole(whole[0], listing.stamps[position], whole[1], opened, slice_)
            return True
        described = listing.describe(position)
        if described is None:
            return False
        entry, stamp, kept = described, listing.stamps[position], NO_CONTENT
        if entry.kind is EntryKind.FILE:
            found = self._contents.keep(listing, position, entry)
            if found is None:
                return False
            kept = found
            if not kept.is_steady:
                stamp = NEVER_SAME
            if kept.size_bytes != entry.size:
                entry = replace(entry, size=kept.size_bytes, holes=clip_holes(entry.holes, kept.size_bytes))
        elif entry.kind is EntryKind.DIRECTORY:
            self._observer.noticed(notice_became_directory(listing.path + b"/" + entry.name))
            return False
        self._add(entry, stamp, kept, opened, slice_)
        return True

    def _add_whole(
        self, entry: Entry, stamp: bytes, content: bytes, opened: OpenDirectory, slice_: GatheredSlice
    ) -> None:
        """Take a file that was read in one piece. Most files of most backups are one chunk and come this way."""
        size = len(content)
        if not 0 < size <= LEAST:
            self._add(entry, stamp, self._contents.keep_whole(content), opened, slice_)
            return
        chunk_id, place = self._content.keep_data(content)
        encoded = store_entry(entry, tree_id_key=self._tree_id_key, chunks=CHUNK_ROW.pack(chunk_id, size))
        self._content.use(place, size)
        totals = self.totals
        totals.files += 1
        totals.bytes += size
        totals.read_files += 1
        totals.read_bytes += size
        opened.names.append(entry.name)
        opened.entries.append(encoded)
        slice_.add_small(entry.name, stamp or NEVER_SAME, encoded, place, size)

    def _add(self, entry: Entry, stamp: bytes, kept: KeptContent, opened: OpenDirectory, slice_: GatheredSlice) -> None:
        """Take one thing, whose content is kept, into its directory and into the cache."""
        encoded = store_entry(entry, tree_id_key=self._tree_id_key, chunks=kept.chunks, chunk_list=kept.chunk_list)
        for place, used in kept.uses:
            self._content.use(place, used)
        files, size_bytes = (1, entry.size) if entry.kind is EntryKind.FILE else (0, 0)
        self.totals.files += files
        self.totals.bytes += size_bytes
        opened.names.append(entry.name)
        opened.entries.append(encoded)
        slice_.add(entry.name, stamp or NEVER_SAME, encoded, kept.uses, files, size_bytes)
