"""Turning a walk into tree objects: cached entries for what is unchanged, chunks for the rest (§9.4, §9.7)."""

import time
from bisect import bisect_right
from collections.abc import Iterator

import msgspec
from msgspec import Struct

from rebond.entries import Entry, EntryKind, Listing, Tree
from rebond.errors import SourceError, SourceUnfit
from rebond.progress import Advance, Observer
from rebond.vault.cache_slices import NEVER_SAME, GatheredSlice, Uses
from rebond.vault.chunking import LEAST, Chunker
from rebond.vault.content_writing import ContentWriter
from rebond.vault.file_cache import SLICE_ENTRIES, USE, CacheReader, CacheRecord, CacheWriter
from rebond.vault.holes import WithoutHoles, clip_holes
from rebond.vault.open_directories import OpenDirectory
from rebond.vault.segment_directory import SegmentDirectory
from rebond.vault.tree_notices import (
    notice_became_directory,
    notice_change,
    notice_cut_read,
    notice_kept_from_before,
)
from rebond.vault.trees import CHUNK_ROW, decode_entry, store_chunk_rows, store_directory, store_entry, with_directory

WHOLE_READ_LIMIT = 1 << 20  # bytes; files up to this are read in one piece
_REMEMBERED_AFTER = 1 << 20  # bytes read; a run that is killed then leaves little to read again
_LINKS_REMEMBERED_BYTES = 8 << 20
_REPORT_EVERY_SECONDS = 0.1

Kept = tuple[bytes, tuple[bytes, int] | None, Uses, int]  # chunk rows, or a list of them; uses; bytes
Saved = tuple[Kept, int, bool]  # what was kept, the size of the file, whether it stayed as it was while it was read
_NOTHING: Kept = (b"", None, [], 0)


class TreeTotals(Struct):
    """What a walk came to."""

    files: int = 0
    bytes: int = 0
    directories: int = 0
    read_files: int = 0
    read_bytes: int = 0


class TreeWriter:
    """Saves one root. Made for one walk and used once."""

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
    ) -> None:
        self._content = content
        self._segments = segments
        self._tree_id_key = tree_id_key
        self._chunker = chunker
        self._component = component
        self._cached = cached
        self._remember = remember
        self._observer = observer
        self._links: dict[tuple[int, int], tuple[bytes, Kept]] = {}
        self._links_bytes = 0
        self._next_report = 0.0
        self._remembered_bytes = 0
        self.totals = TreeTotals()

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
            self._report(listing.path)
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
        directory_id = store_directory(names, entries, self._tree_id_key, self._content.keep_tree)
        if open_directories:
            name = done.path.rpartition(b"/")[2]
            open_directories[-1].children.append((name, with_directory(done.encoded, directory_id)))
        return directory_id, done.encoded

    def _save_listing(self, listing: Listing) -> OpenDirectory:
        """Keep everything of one directory that is not a directory itself."""
        self.totals.directories += 1
        opened = OpenDirectory(listing.depth, listing.path, b"")
        names = listing.names
        position, count = 0, len(names)
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
                    self._reuse(record, stored, opened)
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
        return opened

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

    def _reuse(self, record: CacheRecord, stored: bytes, opened: OpenDirectory) -> None:
        if record.directory:
            opened.encoded = record.directory
        opened.names += record.names
        opened.entries += record.entries
        for place_of_session, number, size in USE.iter_unpack(record.all_uses):
            self._content.use(self._segments.place(record.sessions[place_of_session], number), size)
        self.totals.files += record.files
        self.totals.bytes += record.bytes
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
                self._report(listing.path)
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
        entry, stamp, kept = described, listing.stamps[position], _NOTHING
        if entry.kind is EntryKind.FILE:
            saved = self._save_content(listing, position, entry)
            if saved is None:
                return False
            kept, size, is_steady = saved
            if not is_steady:
                stamp = NEVER_SAME
            if size != entry.size:
                entry = msgspec.structs.replace(entry, size=size, holes=clip_holes(entry.holes, size))
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
            self._add(entry, stamp, self._keep_whole(content), opened, slice_)
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

    def _add(self, entry: Entry, stamp: bytes, kept: Kept, opened: OpenDirectory, slice_: GatheredSlice) -> None:
        """Take one thing, whose content is kept, into its directory and into the cache."""
        chunks, chunk_list, uses, _ = kept
        encoded = store_entry(entry, tree_id_key=self._tree_id_key, chunks=chunks, chunk_list=chunk_list)
        for place, used in uses:
            self._content.use(place, used)
        files, size_bytes = (1, entry.size) if entry.kind is EntryKind.FILE else (0, 0)
        self.totals.files += files
        self.totals.bytes += size_bytes
        opened.names.append(entry.name)
        opened.entries.append(encoded)
        slice_.add(entry.name, stamp or NEVER_SAME, encoded, uses, files, size_bytes)

    def _save_content(self, listing: Listing, position: int, entry: Entry) -> Saved | None:
        """Keep a file's bytes; ``None`` if unreadable (reported)."""
        if entry.link is None:
            return self._read_content(listing, position, entry)
        # A second name has the same stamp, unless somebody wrote to the file since its first name was read.
        stamp = listing.stamps[position]
        known = self._links.get(entry.link)
        if known is not None and stamp and known[0] == stamp:
            return known[1], known[1][3], True
        saved = self._read_content(listing, position, entry)
        if saved is not None and saved[2] and stamp and self._links_bytes < _LINKS_REMEMBERED_BYTES:
            chunks, _, uses, _ = saved[0]
            self._links[entry.link] = (stamp, (*saved[0][:3], saved[1]))
            self._links_bytes += 300 + len(chunks) + 80 * len(uses)
        return saved

    def _read_content(self, listing: Listing, position: int, entry: Entry) -> Saved | None:
        # A file of no bytes is read too: those of /proc and of some network file systems only say so.
        if entry.size <= WHOLE_READ_LIMIT and not entry.holes:
            content = listing.read_small(position, entry.size)
            if content is not None:
                return self._keep_whole(content), len(content), True
        return self._keep_stream(listing, position, entry)

    def _keep_whole(self, content: bytes) -> Kept:
        size = len(content)
        self.totals.read_files += 1
        self.totals.read_bytes += size
        if size > LEAST:
            return self._keep_chunks(self._chunker.cut_bytes(content))
        if not size:
            return b"", None, [], 0
        chunk_id, place = self._content.keep_data(content)
        return CHUNK_ROW.pack(chunk_id, size), None, [(place, size)], size

    def _keep_chunks(self, pieces: Iterator[bytes]) -> Kept:
        rows: list[bytes] = []
        uses: dict[int, int] = {}
        size = 0
        for piece in pieces:
            chunk_id, place = self._content.keep_data(piece)
            rows.append(CHUNK_ROW.pack(chunk_id, len(piece)))
            uses[place] = uses.get(place, 0) + len(piece)
            size += len(piece)
            if len(rows) & 15 == 0:
                self._report(b"", size)
        # Lists of chunks are tree objects; their places count as used by this file, so that a
        # cached entry keeps them alive.
        lists: list[tuple[int, int]] = []
        chunks, chunk_list = store_chunk_rows(rows, lambda content: self._keep_list(content, lists))
        return chunks, chunk_list, [*uses.items(), *lists], size

    def _keep_list(self, content: bytes, lists: Uses) -> bytes:
        object_id, place = self._content.keep_list(content)
        lists.append((place, len(content)))
        return object_id

    def _keep_stream(self, listing: Listing, position: int, entry: Entry) -> Saved | None:
        opened = listing.open(position)
        if opened is None:
            return None
        data = WithoutHoles(opened, entry.holes) if entry.holes else opened
        try:
            kept = self._keep_chunks(self._chunker.cut(data))
            is_steady = not opened.changed()
        except SourceError as error:
            self._observer.noticed(notice_cut_read(listing.path + b"/" + entry.name, error))
            return None
        finally:
            opened.close()
        if not is_steady:
            self._observer.noticed(notice_change(listing.path + b"/" + entry.name))
        self.totals.read_files += 1
        self.totals.read_bytes += kept[3]
        size = data.position if isinstance(data, WithoutHoles) else kept[3]
        return kept, size, is_steady

    def _report(self, path: bytes, in_file_bytes: int = 0) -> None:
        now = time.monotonic()
        if now >= self._next_report:
            self._next_report = now + _REPORT_EVERY_SECONDS
            self._remember.flush()
            self._observer.advanced(
                Advance(
                    phase="backup",
                    subject=path.decode(errors="backslashreplace"),
                    files=self.totals.files,
                    bytes=self.totals.bytes + in_file_bytes,
                    stored_bytes=self._content.added_bytes,
                )
            )
